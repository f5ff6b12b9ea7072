"""A history with all that columns leave to the event-by-event core, and what loads make of it."""

import hashlib
from collections.abc import Mapping, Sequence

import asyncpg
import msgspec

from adapters.archive.folder import FolderStore
from adapters.archive.log import ArchivedLog
from adapters.postgres.generations import Generations
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import open_pool
from adapters.postgres.scratch import Scratch
from curvetape.bootstrap import read_models
from curvetape.comparing import Comparing
from curvetape.loading import Loaded, load_by_columns
from curvetape.loads.making import Making
from curvetape.rebuilding import Rebuilding
from curvetape.testing.archives import MemoryStream, sealed, stored
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import (
    completion_traded,
    created,
    curve_traded,
    pool_traded,
    sol_priced,
)
from curvetape.testing.holders import deposited as pool_deposited
from curvetape.testing.simulated import first_blocks, views
from curvetape.testing.tokens import FACTS
from domain.events import BESIDE_SLOTS, AnyEvent, ProgramEvent
from domain.log import Stored
from ingest.transaction import translated
from projections.runner import Runner

SEGMENT_EVENTS = 300
BLOCKS = 40
ODD: Sequence[AnyEvent] = (
    curve_traded(1, "huge", virtual_quote_reserves=2**64 - 1, virtual_token_reserves=3),
    curve_traded(1, "big", quote_amount=2**63 - 1, token_amount=2**63 - 1),
    curve_traded(1, "big", quote_amount=2**63 - 1, token_amount=2**63 - 1),
    sol_priced(1, account="odd", confidence=2**64 - 1, publish_time_s=1 << 40),
    curve_traded(1, "empty", virtual_quote_reserves=0),
    pool_traded(1, "turned", quote_mint="turned", base_mint="sol"),
    pool_traded(1, "aside", canonical=False),
    completion_traded(1, "complete"),
)
"""What columns of 64 bits, or quotients of floats, would not give rightly."""
MOVES: Mapping[int, Sequence[AnyEvent]] = {
    3: (
        curve_traded(1, "held", user="ann", user_token_balance=4, token_amount=2**63 - 1),
        curve_traded(1, "held", user="bob", user_token_balance=None, side="sell"),
        created(1, "held"),
        curve_traded(1, "folded", user="eve", token_amount=10, quote_amount=100, fee=1),
    ),
    8: (
        pool_traded(1, "held", user="ann", user_token_balance=2**64 - 1),
        pool_traded(1, "held", user="bob", user_token_balance=6),
        pool_deposited(1, "held", user="dan"),
        curve_traded(1, "folded", user="eve", side="sell", token_amount=4, quote_amount=50),
    ),
    20: (curve_traded(1, "held", user="cat", user_token_balance=7),),
    33: (
        curve_traded(1, "held", user="ann", user_token_balance=None, token_amount=2**63 - 1),
        curve_traded(1, "held", user="bob", user_token_balance=0),
        pool_deposited(1, "held", user="ann"),
        curve_traded(1, "folded", user="eve", side="sell", token_amount=9, quote_amount=90),
    ),
}
"""By block, moves of wallets; the eighth comes last of all, the twentieth never happened."""


def history() -> list[Stored]:
    """A generated market with a slot that was begun anew, one that died, and a late one."""
    held = CertifiedLog()
    late: Sequence[AnyEvent] = ()
    for number, (block, _) in enumerate(first_blocks(60)[:BLOCKS]):
        events: list[AnyEvent] = []
        for tx in views(block):
            if not tx.failed:
                events += translated(tx).events
        events += [sol_priced(block.slot, account=name, price=number + 1) for name in ("b", "a")]
        extra = [
            msgspec.structs.replace(event, block_time_s=block.block_time.timestamp)
            if isinstance(event, ProgramEvent)
            else event
            for event in (*MOVES.get(number, ()), *FACTS.get(number, ()))
        ]
        added = [*(ODD if number == 5 else ()), *extra]
        moved = [_moved(event, block.slot, place) for place, event in enumerate(added)]
        events += [it for it in moved if type(it) not in BESIDE_SLOTS]
        for event in moved:
            if type(event) in BESIDE_SLOTS:
                held.add(event)
        if number == 8:
            late = events  # a gap is filled when all else is there
            held.gap(block.slot, block.slot)
            continue
        held.append(*events)
        if number == 12:
            held.abandon(block.slot)
            held.append(*events)
        if number == 20:
            held.abandon(block.slot)
        else:
            held.seal(block.slot)
    slot = late[0].pos.slot
    held.append(*late)
    held.seal(slot)
    held.fill(slot, slot)
    slot = first_blocks(60)[30][0].slot
    held.append(sol_priced(slot, account="c", price=1_000))
    held.seal(slot)
    return stored(held)


def _moved(event: AnyEvent, slot: int, place: int) -> AnyEvent:
    """The event in another slot, behind all that is there."""
    pos = msgspec.structs.replace(event.pos, slot=slot, tx=5_000 + place)
    return msgspec.structs.replace(event, pos=pos, id=f"{place}{event.id[1:]}")


async def digest(dsn: str, schema: str, table: str) -> tuple[int, str]:
    """How many rows a table has, and a hash of all their texts in order."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(f"select t::text from {schema}.{table} t order by 1")  # noqa: S608  # a test's own names
    finally:
        await connection.close()
    return len(rows), hashlib.sha256("\n".join(row[0] for row in rows).encode()).hexdigest()


async def loaded_as_a_replay_makes_it(
    name: str,
    dsn: str,
    store: FolderStore,
    *,
    left_in_the_stream: int,
    making: Making | None = None,
    let_go: str = "select 1",
    rows_min: int = 400,
    table: str | None = None,
) -> Loaded:
    """Build and serve a next generation, and compare it with the one before."""
    messages = history()
    sealed_until = len(messages) - left_in_the_stream
    segments = sealed(store, messages[:sealed_until], events_max=SEGMENT_EVENTS)
    assert len(segments) > 3
    log = ArchivedLog(store, MemoryStream(messages))
    await migrate(dsn)
    pool = await open_pool(dsn)
    try:
        await Runner(log, read_models(pool)).run(follow=False)
        await pool.execute(let_go)
    finally:
        await pool.close()
    loads: list[Loaded] = []
    said: list[str] = []

    async def load(schema: str, until: int) -> None:
        loaded = await load_by_columns(
            name, store, dsn, schema, until=until, say=said.append, making=making
        )
        assert loaded is not None
        loads.append(loaded)

    async with await Generations.open(dsn) as generations:
        rebuilding = Rebuilding(
            log, generations, read_models, name, said.append, batch_max=100, loads={name: load}
        )
        made = await rebuilding.build()
        assert made.sequence == len(messages)
        table = table or name
        built = await digest(dsn, f"{name}_next", table)
        assert built == await digest(dsn, "public", table)
        assert built[0] > rows_min
        for other in {it.view for it in rebuilding.store.tables} - {table}:
            beside = await digest(dsn, f"{name}_next", other)
            assert beside == await digest(dsn, "public", other)
            assert beside[0] > 0
        await rebuilding.serve("next")
    (loaded,) = loads
    assert loaded.events == segments[-1].last_sequence
    assert loaded.rows > 0
    assert any("sealed events made" in line for line in said)
    async with await Generations.open(dsn) as generations:
        served = await generations.served()
    assert served[name].sequence == len(messages)
    async with await Scratch.open(dsn, application="test") as scratch:
        hosted = [it for it in read_models(scratch) if it.projection.name == name]
        comparing = Comparing(log, scratch, hosted, print, batch_max=100, rows_max=5)
        assert (await comparing.run()).verdict == "equal"
    return loaded
