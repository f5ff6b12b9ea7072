"""The hour under way is one candle instead of many minutes, where it has nothing else."""

from collections.abc import AsyncIterator

import pytest

from adapters.postgres.candles import CandleStore
from adapters.postgres.hour_under_way import whole_hours
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from curvetape.testing.events import GENESIS_S, curve_traded
from curvetape.testing.memory_log import MemoryLog
from projections.candles import Candles
from projections.projection import host
from projections.runner import Runner
from projections.windows import Span

HOUR_S = GENESIS_S - GENESIS_S % 3_600
BEFORE = Span(HOUR_S - 3_000, HOUR_S + 600)
WITHIN = Span(HOUR_S + 300, HOUR_S + 600)
WHOLE = Span(BEFORE.from_s, HOUR_S + 3_600)


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    await migrate(database_dsn)
    opened = await open_pool(database_dsn)
    yield opened
    await opened.close()


async def whole(pool: Pool, *spans: Span) -> list[Span]:
    async with pool.acquire() as connection:
        return await whole_hours(connection, *spans)


async def trade(pool: Pool, *seconds: int) -> None:
    events = [
        curve_traded(number, "mint", block_time_s=HOUR_S + second)
        for number, second in enumerate(seconds, 1)
    ]
    await Runner(MemoryLog(events), [host(Candles(), CandleStore(pool))]).run(follow=False)


async def test_it_is_whole_as_long_as_nothing_was_traded_behind_the_minutes(pool: Pool) -> None:
    await trade(pool, 10, 599)
    assert await whole(pool, BEFORE, WITHIN) == [WHOLE, WITHIN]


@pytest.mark.parametrize("second", [600, 3_599, 3_600, 9_000])
async def test_what_was_traded_behind_them_is_left_out(pool: Pool, second: int) -> None:
    await trade(pool, 10, 599, second)
    assert await whole(pool, BEFORE) == [BEFORE]


async def test_pages_that_end_behind_them_may_hold_such_trades(pool: Pool) -> None:
    await pool.execute("insert into candle_page_ends values (60, $1)", BEFORE.to_s)
    assert await whole(pool, BEFORE) == [WHOLE]
    await pool.execute("update candle_page_ends set until_s = until_s + 60")
    assert await whole(pool, BEFORE) == [BEFORE]


async def test_minutes_that_end_with_an_hour_have_none_under_way(pool: Pool) -> None:
    assert await whole(pool, WHOLE) == [WHOLE]
