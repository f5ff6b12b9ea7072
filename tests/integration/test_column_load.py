"""What is filled from the archive by columns is what a replay makes."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg
import msgspec
import polars as pl
import pytest

from adapters.archive.folder import FolderStore
from adapters.archive.log import ArchivedLog
from adapters.postgres import portfolio_load
from adapters.postgres.generations import Generations
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import open_pool
from adapters.postgres.scratch import Scratch
from curvetape.bootstrap import read_models
from curvetape.comparing import Comparing
from curvetape.loading import (
    LATE_S,
    CandleMaking,
    HolderMaking,
    Loaded,
    Making,
    load_by_columns,
)
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
from domain.archive import ArchiveDamagedError
from domain.events import BESIDE_SLOTS, AnyEvent, ProgramEvent
from domain.log import Stored
from domain.position import Position, PositionOutOfRangeError
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
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(f"select t::text from {schema}.{table} t order by 1")
    finally:
        await connection.close()
    return len(rows), hashlib.sha256("\n".join(row[0] for row in rows).encode()).hexdigest()


@pytest.mark.parametrize(("left_in_the_stream", "late_s"), [(0, LATE_S), (250, 0), (0, -90_000)])
async def test_loaded_candles_are_those_of_a_replay(
    postgres_dsn: str, tmp_path: Path, left_in_the_stream: int, late_s: int
) -> None:
    """However soon a candle is written, and so however much comes late."""
    loaded = await loaded_as_a_replay_makes_it(
        "candles",
        postgres_dsn,
        FolderStore(tmp_path),
        left_in_the_stream=left_in_the_stream,
        making=CandleMaking(late_s=late_s),
    )
    assert (loaded.late_rows > 0) == (late_s < 0)


@pytest.mark.parametrize("left_in_the_stream", [0, 250])
async def test_loaded_trades_are_those_of_a_replay(
    postgres_dsn: str, tmp_path: Path, left_in_the_stream: int
) -> None:
    await loaded_as_a_replay_makes_it(
        "trades", postgres_dsn, FolderStore(tmp_path), left_in_the_stream=left_in_the_stream
    )


@pytest.mark.parametrize("left_in_the_stream", [0, 250])
async def test_loaded_prices_of_sol_are_those_of_a_replay(
    postgres_dsn: str, tmp_path: Path, left_in_the_stream: int
) -> None:
    """Of several in one slot, and of one that comes when the slot was sealed, the same counts."""
    await loaded_as_a_replay_makes_it(
        "sol_prices",
        postgres_dsn,
        FolderStore(tmp_path),
        left_in_the_stream=left_in_the_stream,
        rows_min=BLOCKS - 1,
    )
    connection = await asyncpg.connect(postgres_dsn)
    found = await connection.fetch("select account, count(*) from sol_prices group by 1 order by 1")
    await connection.close()
    assert [tuple(row) for row in found] == [("b", BLOCKS - 2), ("c", 1), ("odd", 1)]


@pytest.mark.parametrize("left_in_the_stream", [0, 250])
async def test_loaded_holders_are_those_of_a_replay(
    postgres_dsn: str, tmp_path: Path, left_in_the_stream: int
) -> None:
    """With how each token began, and how many hold it."""
    await loaded_as_a_replay_makes_it(
        "holders",
        postgres_dsn,
        FolderStore(tmp_path),
        left_in_the_stream=left_in_the_stream,
        rows_min=150,
    )
    connection = await asyncpg.connect(postgres_dsn)
    found = await connection.fetch(
        "select wallet, bought, reported from holders where mint = 'held' order by wallet"
    )
    await connection.close()
    assert {row["wallet"]: row["reported"] for row in found} == {"ann": None, "bob": 0, "dan": None}
    assert found[0]["bought"] > 2**64 - 2


@pytest.mark.parametrize("left_in_the_stream", [0, 250])
async def test_loaded_tokens_are_those_of_a_replay(
    postgres_dsn: str, tmp_path: Path, left_in_the_stream: int
) -> None:
    """With what was burned and reported of each, and the supplies that follow from it."""
    await loaded_as_a_replay_makes_it(
        "tokens",
        postgres_dsn,
        FolderStore(tmp_path),
        left_in_the_stream=left_in_the_stream,
        rows_min=40,
    )
    connection = await asyncpg.connect(postgres_dsn)
    card = await connection.fetchrow("select * from tokens where mint = 'card'")
    burns = await connection.fetch("select amount from token_burns where mint = 'card'")
    await connection.close()
    assert card is not None
    assert (card["name"], card["symbol"], card["uri"]) == ('a "name",\nof two lines\r', "", "\\.")
    assert (card["supply"], card["burned_later"], card["pool"]) == (10**15 - 7, 7, "other")
    assert sorted(it["amount"] for it in burns) == [3, 7, 2**64 - 1]
    assert (card["high_price"], card["trades"]) == (9 * 10**15 / 1_039_000_000_000_000, 5)
    assert (card["described_attempt"], card["state"]) == (2, "graduated")


@pytest.mark.parametrize("left_in_the_stream", [0, 250])
async def test_loaded_portfolios_are_those_of_a_replay(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_in_the_stream: int
) -> None:
    """With what they come to, whether all wallets are folded at once or a few at a time."""
    if left_in_the_stream:
        monkeypatch.setattr(portfolio_load, "TRADES_TOGETHER", 25)
    await loaded_as_a_replay_makes_it(
        "portfolios",
        postgres_dsn,
        FolderStore(tmp_path),
        left_in_the_stream=left_in_the_stream,
        table="portfolio_trades",
    )
    connection = await asyncpg.connect(postgres_dsn)
    found = await connection.fetchrow(
        "select cost_amount, realised_amount, unbought_amount, unbought_quote_amount"
        " from portfolio_positions where mint = 'folded'"
    )
    huge = await connection.fetchval("select max(bought_amount) from portfolio_positions")
    most = await connection.fetchval(
        "select count(*) from portfolio_trades group by wallet order by 1 desc limit 1"
    )
    indexed = await connection.fetchval(
        "select count(*) from pg_indexes"
        " where schemaname = 'public' and tablename = 'portfolio_positions'"
    )
    await connection.close()
    # 101 * 4 // 10 = 40 of the cost went first, though that sale was known last, and 61 then.
    assert found is not None
    assert tuple(found) == (0, 50 - 40 + 60 - 61, 3, 30)
    assert huge > 2**64 - 2
    assert most > 25
    assert indexed == 2


async def test_loaded_trades_leave_out_what_was_let_go_of(
    postgres_dsn: str, tmp_path: Path
) -> None:
    await loaded_as_a_replay_makes_it(
        "trades",
        postgres_dsn,
        FolderStore(tmp_path),
        left_in_the_stream=250,
        let_go="""
            insert into horizons
            select 'trades', percentile_disc(0.3) within group (order by pos), 0 from trades;
            delete from trades where pos < (select pos from horizons);
        """,
    )


class Refusing(HolderMaking):
    """Cannot apply something that the third segment holds."""

    def __init__(self) -> None:
        self._segments = 0

    def made(self, read: Sequence[pl.DataFrame]) -> Sequence[pl.DataFrame]:
        self._segments += 1
        if self._segments == 3:
            raise PositionOutOfRangeError(Position(1, 1 << 17, 0, 0))
        return super().made(read)


async def test_what_a_load_cannot_apply_is_left_to_a_replay(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """A replay can park an event; the tables begin anew, with their keys."""
    messages, store = history(), FolderStore(tmp_path)
    _, _, third, *_ = sealed(store, messages, events_max=SEGMENT_EVENTS)
    log = ArchivedLog(store, MemoryStream(messages))
    await migrate(postgres_dsn)
    pool = await open_pool(postgres_dsn)
    try:
        await Runner(log, read_models(pool)).run(follow=False)
    finally:
        await pool.close()
    said: list[str] = []

    async def load(schema: str, until: int) -> None:
        await load_by_columns(
            "holders", store, postgres_dsn, schema, until=until, say=said.append, making=Refusing()
        )

    async with await Generations.open(postgres_dsn) as generations:
        rebuilding = Rebuilding(
            log,
            generations,
            read_models,
            "holders",
            said.append,
            batch_max=100,
            loads={"holders": load},
        )
        await rebuilding.build()
        built = await digest(postgres_dsn, "holders_next", "holders")
        assert built == await digest(postgres_dsn, "public", "holders")
        assert built[0] > 150
        await rebuilding.serve("next")
    (told,) = [line for line in said if "event by event" in line]
    assert f"{third.first_sequence:,} to {third.last_sequence:,}" in told
    assert "does not fit 32 slot" in told


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


async def test_a_damaged_segment_ends_the_load_and_leaves_nobody_at_work(
    postgres_dsn: str, tmp_path: Path
) -> None:
    messages = history()
    store = FolderStore(tmp_path)
    segments = sealed(store, messages, events_max=SEGMENT_EVENTS)
    damaged = tmp_path / segments[2].file
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    await migrate(postgres_dsn)
    others = asyncio.all_tasks()
    with pytest.raises(ArchiveDamagedError):
        await load_by_columns(
            "candles", store, postgres_dsn, "public", until=len(messages), say=print
        )
    assert asyncio.all_tasks() == others


async def test_without_whole_segments_before_the_served_ones_place_nothing_is_loaded(
    postgres_dsn: str, tmp_path: Path
) -> None:
    messages = history()
    store = FolderStore(tmp_path)
    sealed(store, messages, events_max=SEGMENT_EVENTS)
    loaded = await load_by_columns(
        "candles", store, postgres_dsn, "candles_next", until=10, say=print
    )
    assert loaded is None
