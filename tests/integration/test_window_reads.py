"""A token's windows are exact, and cost what was traded in them and not all that ever was."""

from collections.abc import AsyncIterator
from random import Random

import pytest

from adapters.postgres.candles import CandleStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from adapters.postgres.window_reads import WINDOWS, PostgresWindows
from curvetape.testing.events import GENESIS_S, curve_traded, recorded
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads
from domain.events import CurveTraded
from projections.candles import Candles
from projections.projection import Hosted, host
from projections.runner import Runner
from projections.tokens import Tokens
from projections.trades import Trades
from projections.window_reads import LENGTHS_S

DAY_S = 86_400


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    await migrate(database_dsn)
    opened = await open_pool(database_dsn, connections_max=1)
    yield opened
    await opened.close()


def traded(number: int, at_s: int, mint: str = "m") -> CurveTraded:
    return curve_traded(
        number,
        mint,
        block_time_s=GENESIS_S + at_s,
        user=f"trader{number % 7}",
        side="sell" if number % 3 == 0 else "buy",
        virtual_quote_reserves=(number % 11) * 10**9,
    )


async def keep(pool: Pool, events: list[CurveTraded], *, candles: bool = False) -> None:
    hosted: list[Hosted] = [host(Trades(), TradeStore(pool)), host(Tokens(), TokenStore(pool))]
    if candles:
        hosted.append(host(Candles(), CandleStore(pool)))
    await Runner(MemoryLog(events), hosted, batch_max=700).run(follow=False)


async def read(pool: Pool) -> tuple[str, int]:
    """The plan of a token's windows, and how many trades it looks at in vain."""
    await pool.execute("analyze trades")
    rows = await pool.fetch(
        f"explain (analyze, costs off, timing off) {WINDOWS}", "m", None, LENGTHS_S, 2**62
    )
    plan = [row[0] for row in rows]
    scans = [line for line in plan if "on trades" in line or "on _hyper" in line]
    assert scans
    assert all("Seq Scan" not in scan for scan in scans), plan
    removed = [line for line in plan if "Rows Removed by Filter" in line]
    return "\n".join(plan), sum(int(line.rpartition(" ")[2]) for line in removed)


@pytest.mark.parametrize("candles", [False, True])
async def test_days_of_trades_are_counted_as_by_hand_even_where_the_clock_goes_back(
    pool: Pool, candles: bool
) -> None:
    """Blocks' times go back by up to 10 minutes, and a wallet trades again and again."""
    order = Random(1)
    events = [traded(number, number * 400 - order.randrange(600)) for number in range(1, 900)]
    await keep(pool, events, candles=candles)
    memory, kept = MemoryReads(recorded(events)), PostgresWindows(pool)
    assert await kept.windows("m") == await memory.windows("m")
    for at_s in range(-1, 900 * 400 + DAY_S, 7_919):
        expected = await memory.windows("m", as_of_s=GENESIS_S + at_s)
        assert await kept.windows("m", as_of_s=GENESIS_S + at_s) == expected


async def test_trades_older_than_any_window_are_not_read(pool: Pool) -> None:
    old = [traded(number, number // 10) for number in range(1, 3_001)]
    await keep(pool, [*old, traded(3_001, 3 * DAY_S), traded(3_002, 3 * DAY_S + 1)])
    plan, in_vain = await read(pool)
    assert in_vain < 100, plan


@pytest.mark.parametrize("first_s", [2 * DAY_S, 3 * DAY_S])
async def test_trades_within_windows_are_not_read_to_find_the_one_before(
    pool: Pool, first_s: int
) -> None:
    """Of a token that traded before, whose candles say where, and of one that is younger."""
    old = [traded(number, first_s + number) for number in range(1, 101)]
    recent = [traded(number, 4 * DAY_S - 5_000 + number) for number in range(101, 3_001)]
    await keep(pool, [*old, *recent], candles=True)
    plan, in_vain = await read(pool)
    assert in_vain < 100, plan
