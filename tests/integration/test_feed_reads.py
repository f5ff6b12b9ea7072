"""A page of a feed costs what is on it, however many tokens there are."""

from collections.abc import AsyncIterator, Sequence

import pytest

from adapters.postgres import feed_reads
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.tokens import TokenStore
from curvetape.testing.events import created, curve_traded, migrated
from curvetape.testing.memory_log import MemoryLog
from domain.events import AnyEvent
from projections.projection import host
from projections.reads import TokenState
from projections.runner import Runner
from projections.token_lists import TokenFilters, TokenQuery
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


@pytest.mark.parametrize("state", [None, "graduated"])
async def test_a_list_by_progress_looks_at_no_token_that_is_far_from_its_pages(
    pool: Pool, state: TokenState | None
) -> None:
    told: list[tuple[str, Sequence[object]]] = []
    async with pool.acquire() as connection:  # the only one
        connection.add_query_logger(lambda query: told.append((query.query, query.args)))
    asked = TokenQuery(sort="progress", limit=20, filters=TokenFilters(state=state))
    found = await PostgresReads(pool).listed(asked)
    assert [it.value for it in found.tokens] == [1.0] * 20
    ((sql, arguments),) = [each for each in told if "select" in each[0] and len(each[1]) > 2]
    lines = await pool.fetch(f"explain (analyze, timing off, costs off) {sql}", *arguments)
    plan = "\n".join(row[0] for row in lines)
    assert "tokens_graduated" in plan, plan
    scans = [row[0] for row in lines if "Seq Scan on tokens" in row[0]]
    assert all("never executed" in line for line in scans), plan
