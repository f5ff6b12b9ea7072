"""A card as of a slot is the one that was told when that slot was the last, to the last bit."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.slots import SlotStore
from adapters.postgres.sol_prices import SolPriceStore
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from api.app import create_app
from api.past import end_of
from curvetape.testing.api import V1
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import (
    GENESIS_S,
    burned,
    completed,
    completion_traded,
    created,
    curve_traded,
    histories,
    migrated,
    pool_created,
    pool_traded,
    recorded,
    repriced,
    sol_priced,
)
from curvetape.testing.market import address
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads
from domain.events import AnyEvent
from projections.horizon import Horizon
from projections.projection import host
from projections.reads import TokenRow
from projections.runner import Runner
from projections.slots import Slots
from projections.sol_prices import SolPrices
from projections.tokens import Tokens
from projections.trades import Trades
from projections.window_reads import TokenWindows

TABLES = (
    "trades, tokens, token_burns, token_reports, sol_prices, slot_certificates, slot_gaps,"
    " checkpoints"
)
MINTS = ("mint1", "mint2", "mint3")
MINT = address("past")
COMMON: Any = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    await migrate(postgres_dsn)
    opened = await open_pool(postgres_dsn, connections_max=1)
    yield opened
    await opened.close()


async def project(pool: Pool, log: MemoryLog) -> None:
    """Bring the read models up to the end of the log."""
    hosted = [
        host(Trades(), TradeStore(pool)),
        host(Tokens(), TokenStore(pool)),
        host(SolPrices(), SolPriceStore(pool)),
        host(Slots(), SlotStore(pool)),
    ]
    await Runner(log, hosted, batch_max=7).run(follow=False)


def with_decimals(then: TokenRow, now: TokenRow | None) -> TokenRow:
    """A mint's decimals never change, and are told of the past as they are known by now."""
    assert now is not None
    return msgspec.structs.replace(
        then, quote_decimals=now.quote_decimals, token_decimals=now.token_decimals
    )


@settings(max_examples=12, **COMMON)
@given(events=histories(events_max=25, mints=2))
async def test_rows_of_the_past_are_those_that_were_read_then(
    pool: Pool, events: list[AnyEvent]
) -> None:
    await pool.execute(f"truncate {TABLES}")
    reads, log = PostgresReads(pool), MemoryLog([])
    rows: dict[tuple[int, str], TokenRow | None] = {}
    told: dict[tuple[int, str], tuple[int | None, TokenWindows | None]] = {}
    for event in events:
        log.add(event)
        await project(pool, log)
        at = event.pos.slot
        now_s = await reads.newest_time_s()
        for mint in MINTS:
            rows[at, mint] = await reads.token(mint)
            told[at, mint] = (now_s, await reads.windows(mint, as_of_s=now_s))
    now = {mint: await reads.token(mint) for mint in MINTS}
    in_memory = MemoryReads(recorded(events))
    for late in (False, True):
        if late:  # the last come first, as from gaps that were filled
            await pool.execute(f"truncate {TABLES}")
            await project(pool, MemoryLog(events[::-1]))
        for (slot, mint), then in rows.items():
            expected = None if then is None else with_decimals(then, now[mint])
            assert await reads.token_until(mint, pos=end_of(slot)) == expected
            assert await in_memory.token_until(mint, pos=end_of(slot)) == expected
            now_s, windows = told[slot, mint]
            if now_s is None:
                continue
            for each in (reads, in_memory):
                found = await each.windows(mint, as_of_s=now_s, pos=end_of(slot))
                assert found == windows
        assert await reads.token_until("mint1", pos=0) is None
        assert await reads.token_until("zero\0byte", pos=2**62) is None


def life() -> CertifiedLog:
    """A token from its launch through mayhem, completion, its pool and a burn; a certificate each.

    SOL's price moves with every slot, and nothing happens in some.
    """
    log = CertifiedLog()
    events: list[AnyEvent] = [
        created(1, address("other")),
        created(4, MINT),
        *(
            curve_traded(
                number,
                MINT,
                side="sell" if number % 3 == 2 else "buy",
                user=f"trader{number % 4}",
                virtual_quote_reserves=(31 + number % 7) * 10**9,
                real_quote_reserves=(1 + number % 7) * 10**9,
                real_token_reserves=(700 - number) * 10**12,
            )
            for number in (4, 5, 7, 8, 9, 12)
        ),
        repriced(13, MINT),
        curve_traded(15, MINT, real_token_reserves=0),
        completed(16, MINT),
        completion_traded(17, MINT),
        migrated(18, MINT),
        pool_created(18, MINT),
        pool_traded(20, MINT, base_supply=10**15 - 5, virtual_quote_reserves=10**9),
        pool_traded(21, MINT, canonical=False, pool="strange", base_supply=10**15 - 6),
        burned(22, MINT),
        pool_traded(23, MINT, side="sell", base_supply=10**15 - 10**12, pool_quote_delta=-(10**9)),
        curve_traded(25, address("other")),
    ]
    for slot in range(1, 27):
        of_slot = [it for it in events if it.pos.slot == slot]
        log.append(*(at(it, place) for place, it in enumerate(of_slot)))
        log.add(sol_priced(slot, price=150 * 10**8 + slot * 10**6))
        log.seal(slot, block_time_s=GENESIS_S + int(slot / 2.5))
    return log


def at(event: AnyEvent, place: int) -> AnyEvent:
    """The event as one of several in its slot."""
    return msgspec.structs.replace(event, pos=msgspec.structs.replace(event.pos, tx=place))


async def get(reads: PostgresReads, log: MemoryLog, query: str) -> dict[str, Any]:
    app: Any = create_app(reads, log)  # the two libraries type the same interface differently
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        found = await client.get(f"{V1}/{MINT}{query}")
    return {"status": found.status_code, **found.json()}


async def test_the_card_of_a_slot_is_the_one_that_the_api_told_then(pool: Pool) -> None:
    await pool.execute(f"truncate {TABLES}")
    told: dict[int, dict[str, Any]] = {}
    reads, log = PostgresReads(pool), MemoryLog([])
    for _, _, event in life():
        log.add(event)
        if event.kind == "slot.confirmed":
            slot = event.pos.slot
            await project(pool, log)
            # An older card's windows end with its last trade or launch; one of the past with
            # its slot. Asked for the same time, both say the same.
            told[slot] = await get(reads, log, f"?windowsTo={GENESIS_S + int(slot / 2.5)}")
    for slot, then in told.items():
        past = await get(reads, log, f"?asOf={slot}")
        if then["status"] == 404:
            assert (past["status"], past["parameter"]) == (404, "asOf")
            continue
        assert (past.pop("asOfSlot"), past.pop("complete"), past.pop("final")) == (slot, True, True)
        assert past == then, slot
    assert [then["state"] for then in told.values() if "state" in then].count("completed") == 2
    assert {then.get("status") for then in told.values()} == {200, 404}


async def test_a_card_is_refused_only_where_it_would_need_trades_that_were_let_go_of(
    pool: Pool,
) -> None:
    await pool.execute(f"truncate {TABLES}, horizons")
    events = [it for _, _, it in life()]
    await project(pool, MemoryLog(events))
    reads, in_memory = PostgresReads(pool), MemoryReads(recorded(events))
    kept_from = Horizon(pos=end_of(8), complete_from_s=GENESIS_S + 4)
    await pool.execute(
        "insert into horizons values ('trades', $1, $2)", kept_from.pos, kept_from.complete_from_s
    )
    await pool.execute("delete from trades where pos < $1", kept_from.pos)
    in_memory.horizon = kept_from
    for each in (reads, in_memory):
        assert await each.token_until(MINT, pos=end_of(3)) is None
        for slot in (4, 9, 22):
            assert await each.token_until(MINT, pos=end_of(slot)) == kept_from
        for slot in (23, 26):  # nothing has happened to it since
            assert await each.token_until(MINT, pos=end_of(slot)) == await each.token(MINT)
    await pool.execute("truncate horizons")
