"""A page of a feed costs what is on it, however many tokens there are."""

from collections.abc import AsyncIterator, Sequence

import pytest

from adapters.postgres import feed_reads
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.tokens import TokenStore
from curvetape.testing.events import created, curve_traded, migrated
from curvetape.testing.memory_log import MemoryLog
from domain.events import AnyEvent
from projections.projection import host
from projections.runner import Runner
from projections.tokens import Tokens

TOKENS = 3_000
WHOLE = 793_100_000_000_000


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    """Thousands of tokens of hundreds of creators; each fifth nearly sold out, others graduated."""
    await migrate(database_dsn)
    opened = await open_pool(database_dsn, connections_max=1)
    events: list[AnyEvent] = []
    for number in range(1, TOKENS + 1):
        mint = f"mint{number}"
        events.append(created(number, mint, creator=f"creator{number % 300}"))
        if number % 5 == 0:
            left = WHOLE // 10 - number
            events.append(curve_traded(TOKENS + number, mint, real_token_reserves=left))
        elif number % 5 == 1:
            events.append(migrated(TOKENS + number, mint))
    await Runner(MemoryLog(events), [host(Tokens(), TokenStore(opened))]).run(follow=False)
    await opened.execute("analyze tokens")
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("sql", "arguments", "index"),
    [
        (feed_reads.LAUNCHES, (2_000 << 31, 50), "tokens_by_launch"),
        (feed_reads.GRADUATIONS, (5_000 << 31, 50), "tokens_by_graduation"),
        (feed_reads.ABOUT_TO_GRADUATE, (0.8, 50), "tokens_by_progress"),
        (feed_reads.ABOUT_TO_GRADUATE_BEHIND, (0.8, 50, 0.9, "mint5"), "tokens_by_progress"),
        (feed_reads.CREATOR, ("creator7",), "tokens_by_creator"),
        (feed_reads.CREATED_BY, ("creator7", 2_000 << 31, 50), "tokens_by_creator"),
    ],
)
async def test_each_feed_is_read_by_its_index(
    pool: Pool, sql: str, arguments: Sequence[object], index: str
) -> None:
    lines = await pool.fetch(f"explain (costs off) {sql}", *arguments)
    plan = "\n".join(row[0] for row in lines)
    assert index in plan, plan
    assert "Seq Scan on tokens" not in plan, plan
