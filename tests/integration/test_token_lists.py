"""A list of tokens is of one moment, on whichever page and whatever is traded meanwhile."""

import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from adapters.postgres.candles import CandleStore
from adapters.postgres.holders import HolderStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.search import SearchStore
from adapters.postgres.token_heads import HEADED, WALKED_MAX
from adapters.postgres.token_spans import span
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from curvetape.testing.events import recorded as recorded_
from curvetape.testing.listed_market import HOUR_S, START_S, Market
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads
from domain.events import AnyEvent
from projections.candles import Candles
from projections.feed_reads import QueryReads
from projections.holders import Holders
from projections.projection import host
from projections.runner import Runner
from projections.search import Search
from projections.token_lists import ListedToken, ListPlace, ListSort, TokenFilters, TokenQuery
from projections.tokens import Tokens
from projections.trades import Trades
from projections.windows import Span

TABLES = (
    "trades, candle_rows, candle_hours, tokens, token_burns, search_documents, search_waiting,"
    " search_burns, search_clock, search_changes, holders, holder_launches, holder_counts,"
    " checkpoints"
)
MINUTE_S = START_S - START_S % 60
HALF = Span(MINUTE_S, MINUTE_S + 180)
"""Ends among the trades."""
HOURS = Span(MINUTE_S + 60, MINUTE_S + 60 + 3 * 3_600)
"""Begins behind the first trades; its whole hours begin among them."""
UNDER_WAY = Span(MINUTE_S - 3_600, HOUR_S + 1_800)
"""Ends behind all trades, in the hour of the last ones."""
FILTERS = [
    TokenFilters(),
    TokenFilters(volume_min=2e9),
    TokenFilters(volume_max=4e9, state="curve"),
    TokenFilters(progress_min=0.02),
    TokenFilters(progress_max=0.02, liquidity_max=1e10),
    TokenFilters(market_cap_min=3e10, venue="curve"),
    TokenFilters(state="graduated"),
    TokenFilters(text="coin mint2"),
]
NEARLY = [TokenFilters(progress_min=0.3), TokenFilters(progress_max=0.7)]
NEARLY += [TokenFilters(state="completed"), TokenFilters(progress_min=0.6, progress_max=1.0)]


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    await migrate(postgres_dsn)
    opened = await open_pool(postgres_dsn, connections_max=1)
    yield opened
    await opened.close()


class Stored:
    """Read models that are given more events from time to time."""

    def __init__(self, pool: Pool, walked_max: int = WALKED_MAX) -> None:
        self._pool = pool
        self._log = MemoryLog([])

        class Walking(PostgresReads):
            """Looks at so many tokens before it adds up all."""

        Walking.walked_max = walked_max
        self.reads: QueryReads = Walking(pool)

    async def add(self, events: Sequence[AnyEvent]) -> None:
        self._log.add(*events)
        hosted = [
            host(Trades(), TradeStore(self._pool)),
            host(Candles(), CandleStore(self._pool)),
            host(Tokens(), TokenStore(self._pool)),
            host(Search(), SearchStore(self._pool)),
            host(Holders(), HolderStore(self._pool)),
        ]
        await Runner(self._log, hosted, batch_max=50).run(follow=False)


async def page(
    reads: QueryReads, asked: TokenQuery, after: ListPlace | None
) -> tuple[list[ListedToken], ListPlace | None]:
    found = await reads.listed(
        TokenQuery(
            sort=asked.sort,
            limit=asked.limit,
            filters=asked.filters,
            sol_usd=asked.sol_usd,
            span=asked.span,
            after=after,
        )
    )
    if not found.tokens:
        return [], None
    last = found.tokens[-1]
    return list(found.tokens), ListPlace(value=last.value, mint=last.row.mint, pos=found.pos)


async def pages(
    reads: QueryReads, asked: TokenQuery, between: Callable[[int], Awaitable[None]] | None = None
) -> list[tuple[float, str]]:
    """Value and mint of all tokens, a page at a time."""
    found, after = await page(reads, asked, None)
    told = [(it.value, it.row.mint) for it in found]
    for number in itertools.count():
        if after is None:
            return told
        if between is not None:
            await between(number)
        found, after = await page(reads, asked, after)
        told += [(it.value, it.row.mint) for it in found]
    raise AssertionError


wishes = st.tuples(
    st.integers(1, 8).map(lambda number: f"mint{number}"),
    st.sampled_from(("buy", "sell", "launch")),
    st.integers(1, 5),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    before=st.lists(wishes, min_size=8, max_size=25),
    graduates=st.sets(st.integers(1, 8), max_size=3),
    between=st.lists(st.lists(wishes, max_size=6), min_size=1, max_size=3),
    asked=st.builds(
        TokenQuery,
        sort=st.sampled_from([it for it in get_args(ListSort) if it != "holders"]),
        limit=st.integers(1, 3),
        filters=st.sampled_from(FILTERS),
        sol_usd=st.sampled_from((None, 150.0)),
        span=st.sampled_from((None, HOURS, HALF, UNDER_WAY)),
        after=st.none(),
    ),
    walked_max=st.sampled_from((1, 3, WALKED_MAX)),
)
async def test_every_token_comes_once_and_in_place_while_others_and_itself_trade(
    pool: Pool,
    before: list[tuple[str, str, int]],
    graduates: set[int],
    between: list[list[tuple[str, str, int]]],
    asked: TokenQuery,
    walked_max: int,
) -> None:
    assume(asked.sort != "change" or asked.span is not None)
    await pool.execute(f"truncate {TABLES}")
    market, stored = Market(), Stored(pool, walked_max)
    events = [event for wish in before for event in market.happens(*wish)]
    events += [event for number in sorted(graduates) for event in market.graduates(f"mint{number}")]
    await stored.add(events)
    whole = await pages(MemoryReads(recorded_(events)), asked)
    assert await pages(stored.reads, asked) == whole

    async def write(number: int) -> None:
        if number < len(between):
            await stored.add([event for wish in between[number] for event in market.happens(*wish)])

    assert await pages(stored.reads, asked, write) == whole


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    wishes=st.lists(st.tuples(wishes, st.sampled_from("abcde")), min_size=8, max_size=25),
    asked=st.builds(
        TokenQuery,
        sort=st.sampled_from(("holders", "last_trade", "market_cap", "change")),
        limit=st.integers(1, 3),
        filters=st.builds(
            TokenFilters,
            holders_min=st.sampled_from((None, 0, 1, 2)),
            holders_max=st.sampled_from((None, 0, 1, 3)),
            state=st.sampled_from((None, "curve")),
        ),
        sol_usd=st.sampled_from((None, 150.0)),
        span=st.sampled_from((None, HOURS, UNDER_WAY)),
        after=st.none(),
    ),
    walked_max=st.sampled_from((1, 3, WALKED_MAX)),
)
async def test_tokens_are_listed_by_how_many_hold_them(
    pool: Pool,
    wishes: list[tuple[tuple[str, str, int], str]],
    asked: TokenQuery,
    walked_max: int,
) -> None:
    assume(asked.sort != "change" or asked.span is not None)
    await pool.execute(f"truncate {TABLES}")
    market, stored = Market(), Stored(pool, walked_max)
    events = [
        msgspec.structs.replace(event, user=user)
        for wish, user in wishes
        for event in market.happens(*wish)
    ]
    await stored.add(events)
    memory = MemoryReads(recorded_(events))
    assert await pages(stored.reads, asked) == await pages(memory, asked)
    told, _ = await page(stored.reads, asked, None)
    said, _ = await page(memory, asked, None)
    assert [it.holders for it in told] == [it.holders for it in said]
    for each in told:
        assert each.holders == (await stored.reads.holders(each.row.mint, limit=1)).holders


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    early=st.lists(wishes, min_size=8, max_size=12),
    late=st.lists(wishes, min_size=8, max_size=20),
    between=st.lists(st.lists(wishes, max_size=6), max_size=2),
    asked=st.builds(
        TokenQuery,
        sort=st.sampled_from(("volume", "trades")),
        limit=st.integers(1, 2),
        filters=st.sampled_from(FILTERS),
        sol_usd=st.sampled_from((None, 150.0)),
        span=st.sampled_from((HOURS, UNDER_WAY)),
        after=st.none(),
    ),
    walked_max=st.sampled_from((1, 2)),
)
async def test_who_traded_most_of_late_is_found_whoever_traded_most_of_all(
    pool: Pool,
    early: list[tuple[str, str, int]],
    late: list[tuple[str, str, int]],
    between: list[list[tuple[str, str, int]]],
    asked: TokenQuery,
    walked_max: int,
) -> None:
    await pool.execute(f"truncate {TABLES}")
    market, stored = Market(), Stored(pool, walked_max)
    # The first minute's trades, before the window, are worth more than those that are in it.
    events = [event for mint, what, sol in early for event in market.happens(mint, what, 3 * sol)]
    events += [event for wish in late for event in market.happens(*wish)]
    await stored.add(events)
    whole = await pages(MemoryReads(recorded_(events)), asked)
    assert await pages(stored.reads, asked) == whole

    async def write(number: int) -> None:
        if number < len(between):
            await stored.add([event for wish in between[number] for event in market.happens(*wish)])

    assert await pages(stored.reads, asked, write) == whole


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    before=st.lists(wishes, min_size=8, max_size=25),
    completes=st.sets(st.integers(1, 8), max_size=2),
    graduates=st.sets(st.integers(1, 8), max_size=6),
    between=st.lists(st.lists(wishes, max_size=6), max_size=3),
    asked=st.builds(
        TokenQuery,
        sort=st.just("progress"),
        limit=st.integers(1, 3),
        filters=st.sampled_from([*FILTERS, TokenFilters(state="curve"), *NEARLY]),
        span=st.sampled_from((None, HOURS, UNDER_WAY)),
        after=st.none(),
    ),
    walked_max=st.sampled_from((1, 3, WALKED_MAX)),
)
async def test_those_that_graduated_come_first_and_then_those_that_are_near(
    pool: Pool,
    before: list[tuple[str, str, int]],
    completes: set[int],
    graduates: set[int],
    between: list[list[tuple[str, str, int]]],
    asked: TokenQuery,
    walked_max: int,
) -> None:
    await pool.execute(f"truncate {TABLES}")
    market, stored = Market(), Stored(pool, walked_max)
    # Up to an eighth of the curve is bought each time.
    events = [event for mint, what, sol in before for event in market.happens(mint, what, 40 * sol)]
    events += [event for number in sorted(completes) for event in market.completes(f"mint{number}")]
    events += [event for number in sorted(graduates) for event in market.graduates(f"mint{number}")]
    events += market.happens("mint9", "buy", 1)  # a moment behind all that
    await stored.add(events)
    whole = await pages(MemoryReads(recorded_(events)), asked)
    assert await pages(stored.reads, asked) == whole

    async def write(number: int) -> None:
        if number < len(between):
            await stored.add([event for wish in between[number] for event in market.happens(*wish)])

    assert await pages(stored.reads, asked, write) == whole


async def test_lists_of_a_window_are_planned_for_its_length_each_time(pool: Pool) -> None:
    await pool.execute(f"truncate {TABLES}")
    market, stored = Market(), Stored(pool)
    await stored.add(market.happens("mint1", "launch", 1) + market.happens("mint1", "buy", 1))
    for _ in range(10):
        asked = TokenQuery(sort="trades", limit=2, span=HOURS, sol_usd=None)
        assert await stored.reads.listed(asked)
    # After five times a server may take one plan for windows of all lengths.
    plans = "select sum(custom_plans), sum(generic_plans) from pg_prepared_statements"
    found = await pool.fetchrow(f"{plans} where statement like $1", "%windowed as%")
    assert found is not None
    assert tuple(found) == (10, 0)


async def test_what_all_tokens_traded_is_planned_for_as_many(pool: Pool) -> None:
    await pool.execute(f"truncate {TABLES}")
    await pool.execute(
        "insert into candle_hours select start_s, 'mint' || number, 1, 1.0, 2, 1.0, 1, 1, 0"
        " from generate_series(0, 7200, 3600) as start_s, generate_series(1, 8000) as number"
    )
    await pool.execute("analyze candle_hours")
    sql = f"with {span(ordered_by=None, volume_alone=False)} select * from spans"
    for number, value in {"$18": 0, "$19": 0, "$20": 10_800, "$21": 10_800}.items():
        sql = sql.replace(number, f"{value}::bigint")
    (plan,) = json.loads(await pool.fetchval(f"explain (format json) {sql}"))
    # Of 24,000 rows. Where 200 are expected, which says nothing, they are not hashed to be joined.
    assert plan["Plan"]["Plan Rows"] >= 2_400


async def test_a_page_that_its_order_begins_with_is_not_picked_from_all_that_traded(
    pool: Pool,
) -> None:
    await pool.execute(f"truncate {TABLES}")
    market, stored = Market(), Stored(pool)
    mints = [f"mint{number}" for number in range(1, 6)]
    await stored.add([it for mint in mints * 30 for it in market.happens(mint, "buy", 1)])
    await stored.add([it for mint in mints[:4] for it in market.graduates(mint)])
    told: list[str] = []
    async with pool.acquire() as connection:  # the only one
        connection.add_query_logger(lambda query: told.append(query.query))
    for sort in sorted(HEADED):
        asked = TokenQuery(sort=sort, limit=2, span=HOURS, sol_usd=150.0)
        found, after = await page(stored.reads, asked, None)
        assert len(found) == 2
        assert len((await page(stored.reads, asked, after))[0]) == 2
    statements = [statement for statement in told if "picked as" in statement]
    assert len(statements) == 2 * len(HEADED)
    assert all("walked_0" in statement for statement in statements)
