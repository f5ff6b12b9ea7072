"""Holders as of a slot are those that were told when that slot was the last, to the last unit."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import msgspec
import pytest

from adapters.postgres.holders import HolderStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.slots import SlotStore
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from api.app import create_app
from api.past import end_of
from curvetape.testing.api import V1
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import (
    GENESIS_S,
    burned,
    completion_traded,
    created,
    curve_traded,
    migrated,
    pool_created,
    pool_traded,
    recorded,
)
from curvetape.testing.holders import deposited, turned, withdrawn
from curvetape.testing.market import address
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads
from domain.events import AnyEvent
from projections.holder_reads import KeptFrom
from projections.holders import Holders
from projections.horizon import Horizon
from projections.projection import host
from projections.runner import Runner
from projections.slots import Slots
from projections.tokens import Tokens
from projections.trades import Trades

TABLES = (
    "trades, tokens, token_burns, token_reports, holders, holder_launches, holder_liquidity,"
    " holder_counts, slot_certificates, slot_gaps, horizons, checkpoints"
)
MINT, UNLAUNCHED = address("past"), address("strange")
SUPPLY = 10**15
LAST = 32


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    await migrate(postgres_dsn)
    opened = await open_pool(postgres_dsn, connections_max=1)
    await opened.execute(f"truncate {TABLES}")
    yield opened
    await opened.close()


async def project(pool: Pool, log: MemoryLog) -> None:
    """Bring the read models up to the end of the log."""
    hosted = [
        host(Trades(), TradeStore(pool)),
        host(Tokens(), TokenStore(pool)),
        host(Holders(), HolderStore(pool)),
        host(Slots(), SlotStore(pool)),
    ]
    await Runner(log, hosted, batch_max=7).run(follow=False)


def life(*, late: int | None = None) -> CertifiedLog:
    """Wallets that move a token again and again in every venue; each slot has its certificate.

    Slot 21 died at first, and was built anew. Slot `late` is a gap until all others are there.
    """
    log = CertifiedLog()
    trades: list[AnyEvent] = [
        created(4, MINT, user="ann", creator="dev", token_total_supply=SUPPLY),
        curve_traded(4, MINT, user="ann", token_amount=50),
        curve_traded(4, MINT, user="bob", token_amount=60, user_token_balance=60),
        curve_traded(5, MINT, user="cat", token_amount=70, user_token_balance=75),
        curve_traded(7, MINT, user="ann", side="sell", token_amount=20, user_token_balance=31),
        curve_traded(8, MINT, user="bob", side="sell", token_amount=100, user_token_balance=0),
        curve_traded(9, MINT, user="dan", side="sell", token_amount=9),
        curve_traded(11, MINT, user="dan", token_amount=40),
        completion_traded(12, MINT, user="ann", token_amount=5),
        migrated(13, MINT),
        pool_created(13, MINT),
        pool_traded(14, MINT, user="eve", base_amount=30, base_supply=SUPPLY - 5),
        deposited(15, MINT, user="eve", base_amount=12),
        pool_created(16, MINT, creator="bob", base_amount=3, **_strange("aside")),
        pool_traded(17, MINT, user="eve", base_amount=1, user_token_balance=19),
        burned(18, MINT, base_amount=7),
        pool_traded(19, MINT, side="sell", user="ann", user_quote_amount=33, **turned(MINT)),
        withdrawn(20, MINT, user="eve", base_amount=11),
        pool_traded(21, MINT, side="buy", user="ann", user_quote_amount=8, **turned(MINT)),
        withdrawn(21, MINT, user="bob", base_amount=2),
        pool_traded(23, MINT, user="cat", base_amount=2, base_supply=SUPPLY - 12),
        deposited(24, MINT, user="cat", quote_amount=9, **turned(MINT)),
        burned(25, MINT, base_amount=4),
        pool_traded(26, MINT, side="sell", user="dan", base_amount=31, user_token_balance=2),
        curve_traded(27, UNLAUNCHED, user="ann", token_amount=5),
        curve_traded(28, UNLAUNCHED, user="ann", side="sell", token_amount=9),
        deposited(28, UNLAUNCHED, user="ann", base_amount=1),
        pool_traded(29, MINT, user="ann", base_amount=4, base_supply=SUPPLY - 16),
        *(
            pool_traded(30, MINT, user=name, base_amount=1, user_token_balance=1)
            for name in ("ann", "bob", "cat", "dan", "eve")
        ),
    ]

    def append(slot: int) -> None:
        of_slot = [it for it in trades if it.pos.slot == slot]
        log.append(*(at(it, place) for place, it in enumerate(of_slot)))

    for slot in range(1, LAST + 1):
        if slot == late:
            log.gap(slot, slot)
            continue
        append(slot)
        if slot == 21:
            log.abandon(slot)
            append(slot)
        log.seal(slot, block_time_s=GENESIS_S + int(slot / 2.5))
    if late is not None:
        append(late)
        log.seal(late, block_time_s=GENESIS_S + int(late / 2.5))
        log.fill(late, late)
    return log


def _strange(pool: str) -> dict[str, Any]:
    return {"canonical": False, "pool": pool}


def at(event: AnyEvent, place: int) -> AnyEvent:
    """The event as one of several in its slot."""
    place_in_slot = msgspec.structs.replace(event.pos, tx=place)
    return msgspec.structs.replace(event, pos=place_in_slot, id=f"{place:05}{event.id[5:]}")


async def get(reads: PostgresReads, log: MemoryLog, path: str) -> dict[str, Any]:
    app: Any = create_app(reads, log)  # the two libraries type the same interface differently
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        found = await client.get(f"{V1}/{path}")
    return {"status": found.status_code, **found.json()}


@pytest.mark.parametrize("late", [None, 11, 15])
async def test_the_holders_of_a_slot_are_those_that_the_api_told_then(
    pool: Pool, late: int | None
) -> None:
    told: dict[tuple[str, int], dict[str, Any]] = {}
    reads, log = PostgresReads(pool), MemoryLog([])
    for _, _, event in life():
        log.add(event)
        if event.kind == "slot.confirmed":
            await project(pool, log)
            for mint in (MINT, UNLAUNCHED):
                told[mint, event.pos.slot] = await get(reads, log, f"{mint}/holders")
    if late is not None:
        await pool.execute(f"truncate {TABLES}")
        log = MemoryLog(event for _, _, event in life(late=late))
        await project(pool, log)
    for (mint, slot), then in told.items():
        past = await get(reads, log, f"{mint}/holders?asOf={slot}")
        if then["status"] == 404:
            assert (past["status"], past.get("parameter")) == (404, "asOf"), slot
            continue
        # Of a token whose launch is not known nobody can tell whether all of it is there.
        whole = mint == MINT
        assert (past.pop("complete"), past.pop("final")) == (whole, whole)
        assert past.pop("asOfSlot") == slot
        assert past == then, slot
    assert {it["status"] for it in told.values()} == {200, 404}
    assert len({str(it) for it in told.values()}) > 20


async def test_holders_are_refused_only_where_they_would_need_trades_that_were_let_go_of(
    pool: Pool,
) -> None:
    events = [it for _, _, it in life()]
    await project(pool, MemoryLog(events))
    reads, in_memory = PostgresReads(pool), MemoryReads(recorded(_certain(events)))
    before = {
        slot: await reads.holders_until(MINT, limit=9, pos=end_of(slot))
        for slot in range(1, LAST + 1)
    }
    kept_from = Horizon(pos=end_of(22), complete_from_s=GENESIS_S + 8)
    await pool.execute(
        "insert into horizons values ('trades', $1, $2)", kept_from.pos, kept_from.complete_from_s
    )
    await pool.execute("delete from trades where pos < $1", kept_from.pos)
    in_memory.horizon = kept_from
    for slot, then in before.items():
        found = await reads.holders_until(MINT, limit=9, pos=end_of(slot))
        assert found == await in_memory.holders_until(MINT, limit=9, pos=end_of(slot)), slot
        if slot < 4:
            assert found is None
        elif slot < 30:  # where the last of those moved it who had before
            assert isinstance(found, KeptFrom)
            assert end_of(29) < found.pos <= end_of(30)
        else:
            assert found == then
    log = MemoryLog(events)
    refused = await get(reads, log, f"{MINT}/holders?asOf=26")
    assert (refused["status"], refused["parameter"]) == (422, "asOf")
    assert "ask for slot 30 or a later one" in refused["detail"]
    assert (await get(reads, log, f"{MINT}/holders?asOf=30"))["status"] == 200


def _certain(events: Sequence[AnyEvent]) -> list[AnyEvent]:
    """Without what died with its fork."""
    died = next(at for at, it in enumerate(events) if it.kind == "slot.abandoned")
    return [
        it
        for at, it in enumerate(events)
        if it.kind.split(".")[0] != "slot" and (at > died or it.pos.slot != events[died].pos.slot)
    ]


async def test_a_wallet_that_came_since_trades_were_let_go_of_is_told_as_it_was(
    pool: Pool,
) -> None:
    events: list[AnyEvent] = [
        created(1, MINT, token_total_supply=SUPPLY),
        curve_traded(2, MINT, user="old", token_amount=5),
        curve_traded(11, MINT, user="new", token_amount=7),
        curve_traded(13, MINT, user="new", side="sell", token_amount=3),
        pool_traded(14, MINT, user="new", base_amount=1, base_supply=SUPPLY),
        pool_traded(16, MINT, user="new", base_amount=1, base_supply=SUPPLY - 1),
    ]
    await project(pool, MemoryLog(events))
    reads, in_memory = PostgresReads(pool), MemoryReads(recorded(events))
    in_memory.horizon = Horizon(pos=end_of(10), complete_from_s=0)
    await pool.execute("insert into horizons values ('trades', $1, 0)", end_of(10))
    await pool.execute("delete from trades where pos < $1", end_of(10))
    told = {}
    for slot in (2, 11, 13, 14, 15, 16):
        told[slot] = await reads.holders_until(MINT, limit=9, pos=end_of(slot))
        assert told[slot] == await in_memory.holders_until(MINT, limit=9, pos=end_of(slot)), slot
    # Whether trades that are gone had reported another supply, nobody knows.
    assert [isinstance(it, KeptFrom) for it in told.values()] == [True, True, True, *[False] * 3]
    assert told[2] == KeptFrom(events[-1].pos.order_key)


async def test_a_rebuild_of_an_older_version_makes_what_the_migration_has_room_for(
    pool: Pool, postgres_dsn: str
) -> None:
    await pool.execute("drop table holder_liquidity")
    await pool.execute(
        "alter table trades drop column user_token_amount, drop column user_token_balance"
    )
    await pool.execute("create schema holders_next create table holder_counts (mint text)")
    await pool.execute("create schema trades_previous create table trades (mint text)")
    await pool.execute("delete from schema_files where name = '0037_past_holders.sql'")
    assert (await migrate(postgres_dsn)).applied == ["0037_past_holders.sql"]
    assert await pool.fetchval("select count(*) from holders_next.holder_liquidity") == 0
    assert await pool.fetch("select user_token_balance from trades_previous.trades") == []
    await pool.execute("drop schema holders_next, trades_previous cascade")
    await project(pool, MemoryLog(event for _, _, event in life()))
    moved = await pool.fetch("select wallet, amount from holder_liquidity order by pos")
    assert [tuple(row) for row in moved][:4] == [("eve", -12), ("bob", -3), ("eve", 11), ("bob", 2)]
