"""A token's venues have figures of their own, the same from the database as counted by hand."""

import re
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from adapters.postgres.migrations import migrate
from adapters.postgres.pair_reads import FIGURES, PostgresPairReads
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.retention import trim
from adapters.postgres.sol_prices import SolPriceStore
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from api.dexscreener.routes import DexScreener
from curvetape.testing.events import (
    GENESIS_S,
    completion_traded,
    created,
    curve_traded,
    migrated,
    pool_traded,
    recorded,
    sol_priced,
)
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.pair_reads import MemoryPairReads
from domain.events import AnyEvent
from domain.programs import USDC
from projections.dollars import SOL_MINTS
from projections.pair_reads import Asked, pairs_of
from projections.projection import host
from projections.runner import Runner
from projections.sol_prices import SolPrices
from projections.tokens import Tokens
from projections.trades import Trades
from projections.window_reads import LENGTHS_S

DAY_SLOTS, DAY_S = 216_000, 86_400
MINTS = ("moved", "curved", "dollars", "unseen", "unknown", "zero\0byte")


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    await migrate(database_dsn)
    opened = await open_pool(database_dsn, connections_max=1)
    yield opened
    await opened.close()


def history() -> list[AnyEvent]:
    """Two days in which one token graduates; clocks go back a little, prices of SOL move."""
    order = Random(5)

    def traded(number: int, mint: str, **fields: object) -> AnyEvent:
        make = pool_traded if mint == "moved" and number > 400 else curve_traded
        return make(
            number,
            mint,
            block_time_s=GENESIS_S + number * 200 - order.randrange(300),
            user=f"trader{order.randrange(9)}",
            side=order.choice(("buy", "sell")),
            quote_amount=order.randrange(10**10),
            **fields,
        )

    events: list[AnyEvent] = [created(1, mint) for mint in ("moved", "curved")]
    events.append(created(1, "dollars", quote_mint=USDC, quote_decimals=6))
    events += [sol_priced(number, price=order.randrange(10**10)) for number in range(9, 900, 13)]
    for number in range(2, 900):
        mint = order.choice(("moved", "curved", "unseen"))
        if number not in {399, 400}:
            events.append(
                traded(
                    number,
                    mint,
                    **({"canonical": number % 9 > 0} if mint == "moved" and number > 400 else {}),
                )
            )
        if number % 50 == 3:
            events.append(traded(number, "dollars", quote_mint=USDC, quote_decimals=6))
    events += [completion_traded(399, "moved"), migrated(400, "moved")]
    return events


async def test_each_venue_has_its_own_windows_as_counted_by_hand(pool: Pool) -> None:
    events = history()
    hosted = [
        host(Trades(), TradeStore(pool)),
        host(Tokens(), TokenStore(pool)),
        host(SolPrices(), SolPriceStore(pool)),
    ]
    asked: list[Asked] = [(mint, venue) for mint in MINTS for venue in ("curve", "pool")]
    memory, kept = MemoryPairReads(recorded(events)), PostgresPairReads(pool)
    await Runner(MemoryLog(events), hosted, batch_max=700).run(follow=False)
    expected = await memory.venue_figures(asked, wallets=True)
    assert expected["moved", "pool"].windows[-1].buyers
    assert await kept.venue_figures(asked, wallets=True) == expected
    assert await kept.venue_figures(asked) == await memory.venue_figures(asked)
    moved = expected["moved", "curve"].windows[-1], expected["moved", "pool"].windows[-1]
    whole = (await memory.windows_of(["moved"]))["moved"].rows[-1]
    assert sum(each.trades for each in moved) == whole.trades > 0
    assert sum(each.volume_quote for each in moved) == whole.volume_quote
    assert await pairs_of(kept, MINTS) == await pairs_of(memory, MINTS)


async def test_figures_say_nothing_of_trades_that_were_let_go_of(database_dsn: str) -> None:
    """Both tokens traded on the first day at twice the price, and again ten days later."""
    later, later_s = 10 * DAY_SLOTS, GENESIS_S + 10 * DAY_S
    dear = 60_000_000_000
    events: list[AnyEvent] = [
        *(created(1, mint) for mint in ("moved", "curved")),
        *(curve_traded(2, mint, virtual_quote_reserves=dear) for mint in ("moved", "curved")),
        migrated(3, "moved"),
        pool_traded(4, "moved"),
        curve_traded(later, "curved", block_time_s=later_s),
        pool_traded(later + 1, "moved", block_time_s=later_s),
        created(later + 2, "new", block_time_s=later_s),
        curve_traded(later + 3, "new", block_time_s=later_s),
    ]
    await migrate(database_dsn)
    asked: list[Asked] = [("curved", "curve"), ("moved", "pool"), ("new", "curve")]
    for trimmed in (False, True):
        if trimmed:
            assert (await trim(database_dsn, "trades", older_than_days=3)).rows == 3
        opened = await open_pool(database_dsn, connections_max=1)
        hosted = [host(Trades(), TradeStore(opened)), host(Tokens(), TokenStore(opened))]
        await Runner(MemoryLog(events), hosted).run(follow=False)
        found = await PostgresPairReads(opened).venue_figures(asked)
        days = [found[each].windows[-1] for each in asked]
        assert [(day.trades, day.since_first_trade) for day in days] == [
            (1, False),
            (1, False),
            (1, True),
        ]
        assert [day.opening_price is None for day in days] == [trimmed, trimmed, False]
        # The last price of a curve that was left is gone with its trades.
        moved = (await pairs_of(PostgresPairReads(opened), ["moved"]))["moved"]
        assert [pair.venue for pair in moved] == (["pool"] if trimmed else ["pool", "curve"])
        await opened.close()


async def test_pairs_are_found_by_address(pool: Pool) -> None:
    events = history()
    await Runner(MemoryLog(events), [host(Tokens(), TokenStore(pool))]).run(follow=False)
    kept, memory = PostgresPairReads(pool), MemoryPairReads(recorded(events))
    for addresses in (["pool-moved", "curve-moved", "curve-curved"], ["zero\0byte"], ["x"], []):
        assert await kept.pair_mints(addresses) == await memory.pair_mints(addresses)
    await pool.execute("set enable_seqscan = off")
    plan = await pool.fetch(
        "explain select mint from tokens where bonding_curve = any('{a}')"
        " union select mint from tokens where pool = any('{a}')"
    )
    text = "\n".join(row[0] for row in plan)
    assert "tokens_by_bonding_curve" in text
    assert "tokens_by_pool" in text


async def explained(pool: Pool, mint: str, *, in_pool: bool) -> str:
    """How the figures were found, with the rows that each step made."""
    asked = ([mint], [in_pool], LENGTHS_S, sorted(SOL_MINTS), USDC)
    rows = await pool.fetch(f"explain (analyze, costs off, timing off) {FIGURES[True]}", *asked)
    return "\n".join(row[0] for row in rows)


async def test_a_curve_that_is_long_left_is_not_looked_for_among_the_pools_trades(
    pool: Pool,
) -> None:
    events: list[AnyEvent] = [created(1, "moved"), curve_traded(2, "moved"), migrated(3, "moved")]
    events += [pool_traded(number, "moved") for number in range(4, 4_000)]
    hosted = [host(Trades(), TradeStore(pool)), host(Tokens(), TokenStore(pool))]
    await Runner(MemoryLog(events), hosted, batch_max=4_000).run(follow=False)
    await pool.execute("analyze trades")
    plan = await explained(pool, "moved", in_pool=False)
    scans = [line for line in plan.splitlines() if "on trades" in line or "on _hyper" in line]
    assert scans
    assert all("Seq Scan" not in scan for scan in scans), plan
    removed = [line for line in plan.splitlines() if "Rows Removed by Filter" in line]
    assert sum(int(line.rpartition(" ")[2]) for line in removed) < 100, plan


async def test_the_work_grows_with_the_trades_and_not_with_their_square(pool: Pool) -> None:
    trades = 1_400
    events: list[AnyEvent] = [sol_priced(1), created(2, "busy")]
    events += [
        curve_traded(3 + number, "busy", block_time_s=GENESIS_S + number * 60)
        for number in range(trades)
    ]
    hosted = [
        host(Trades(), TradeStore(pool)),
        host(Tokens(), TokenStore(pool)),
        host(SolPrices(), SolPriceStore(pool)),
    ]
    await Runner(MemoryLog(events), hosted, batch_max=4_000).run(follow=False)
    await pool.execute("analyze")
    plan = await explained(pool, "busy", in_pool=False)
    made = [
        float(rows) * int(loops)
        for rows, loops in re.findall(r"actual rows=([\d.]+) loops=(\d+)", plan)
    ]
    removed = re.findall(r"Rows Removed by Join Filter: (\d+)", plan)
    assert max(made) >= trades, plan
    assert max(*made, *map(int, removed)) <= len(LENGTHS_S) * trades, plan


async def test_thirty_addresses_take_as_many_statements_as_one(pool: Pool) -> None:
    hosted = [
        host(Trades(), TradeStore(pool)),
        host(Tokens(), TokenStore(pool)),
        host(SolPrices(), SolPriceStore(pool)),
    ]
    many = [f"many{number}" for number in range(30)]
    events: list[AnyEvent] = [sol_priced(1)]
    events += [created(2 + number, mint) for number, mint in enumerate(many)]
    events += [curve_traded(40 + number, mint) for number, mint in enumerate(many)]
    await Runner(MemoryLog(events), hosted).run(follow=False)
    counted: list[str] = []
    async with pool.acquire() as connection:
        held: Any = getattr(connection, "_con")  # noqa: B009  # below the pool's proxy
    held.add_query_logger(lambda record: counted.append(record.query))
    taken = []
    for mints in (many[:1], many):
        counted.clear()
        asked = {"chainId": "solana", "tokenAddresses": ",".join(mints)}
        assert len(await DexScreener(PostgresPairReads(pool)).tokens(asked)) == len(mints)
        taken.append(sum(it.lstrip().startswith(("select", "with")) for it in counted))
    assert taken == [3, 3], counted
