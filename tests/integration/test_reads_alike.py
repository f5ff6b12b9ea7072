"""The read models in memory answer as those in PostgreSQL do, down to the API's own bytes."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, get_args

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from adapters.postgres.candles import CandleStore
from adapters.postgres.holders import HolderStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.portfolios import PortfolioStore
from adapters.postgres.reads import PostgresReads
from adapters.postgres.search import SearchStore
from adapters.postgres.slots import SlotStore
from adapters.postgres.sol_prices import SolPriceStore
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from api.app import create_app
from api.past import end_of
from curvetape.testing.api import V1, WALLETS_V1
from curvetape.testing.events import (
    GENESIS_S,
    burned,
    created,
    curve_traded,
    recorded,
    sol_priced,
)
from curvetape.testing.holders import holder_histories
from curvetape.testing.market import ABSENT, GRADUATED, KNOWN, MARKET, TRADED, UNTRADED, WALLET
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.portfolios import wallets_histories
from curvetape.testing.reads import MemoryReads
from domain.events import AnyEvent
from domain.programs import NATIVE_SOL, USDC
from projections.candles import Candles
from projections.feed_reads import QueryReads
from projections.holder_reads import DEFAULTS, Definitions
from projections.holders import Holders
from projections.narrowed import Narrowed, Part
from projections.portfolio_reads import PositionState, TraderSort
from projections.portfolios import Portfolios
from projections.projection import host
from projections.reads import (
    AMOUNT_SORTS,
    INTERVALS_S,
    Page,
    Reads,
    SearchSort,
    TokenSearch,
    TokenSort,
    TokenState,
    curve_progress,
    market_cap,
    sort_value,
)
from projections.runner import Runner
from projections.search import Search
from projections.slots import Slots
from projections.sol_prices import SolPrices
from projections.token_lists import ListSort, TokenQuery
from projections.tokens import Tokens
from projections.trades import Trades

TABLES = (
    "candle_rows, candle_hours, trades, tokens, token_burns, token_reports, sol_prices,"
    " portfolio_trades, portfolio_positions, portfolio_days, holders, holder_launches,"
    " holder_liquidity, holder_counts, search_documents, search_waiting, search_burns,"
    " search_clock, search_changes, slot_certificates, slot_gaps, checkpoints"
)
WALLETS = ("wallet1", "wallet2", "wallet3", "nobody", "zero\0byte")
PATHS = [
    *(f"{V1}?limit=2&sort={sort}" for sort in get_args(ListSort)),
    *(f"{V1}?sort={sort}&window=5m&volumeMin=0.5" for sort in get_args(ListSort)),
    f"{V1}?q=traded&volumeMin=0.1&marketCapMax=100&progressMin=0.01&ageMin=1&venue=curve",
    *(f"{V1}?state={state}" for state in get_args(TokenState)),
    *(f"{V1}/{mint}" for mint in (*KNOWN, ABSENT)),
    *(f"{V1}/{TRADED}?windowsTo={GENESIS_S + later_s}" for later_s in (0, 200, 400, 10**6)),
    *(f"{V1}/{mint}?asOf={slot}" for mint in (TRADED, GRADUATED) for slot in (700, 2_002, 2_004)),
    *(f"{V1}/{TRADED}/chart?limit=7&interval={interval}" for interval in INTERVALS_S),
    *(f"/api/v1/search?q=traded&sort={sort}" for sort in get_args(SearchSort)),
    "/api/v1/search?marketCapMin=0.5&volumeMax=1e3&venue=curve&limit=2&createdFrom=2020-01-01T00:00:00Z",
    *(f"/api/v1/{feed}?limit=2" for feed in ("launches", "graduations", "about-to-graduate")),
    "/api/v1/market",
    "/api/v1/completeness",
    "/api/v1/slots/12",
    "/api/v1/creators/creator1111111111111111111111111111111111111/tokens",
    *(
        f"{V1}/{TRADED}/chart?interval={interval}&currency=usd&traders=yes"
        for interval in INTERVALS_S
    ),
    f"{V1}/{UNTRADED}/chart",
    f"{V1}/{ABSENT}/chart",
    *(f"{V1}/{mint}/trades?limit=50" for mint in (*KNOWN, ABSENT)),
    *(f"{V1}/{mint}/top-traders?by={by}" for mint in KNOWN for by in get_args(TraderSort)),
    f"{V1}/{ABSENT}/top-traders",
    *(f"{V1}/{mint}/holders" for mint in (*KNOWN, ABSENT)),
    f"{V1}/{TRADED}/holders?asOf=9999999",
    *(
        f"{WALLETS_V1}/{wallet}/{part}"
        for wallet in (WALLET, ABSENT)
        for part in ("portfolio", "portfolio?state=open&limit=1", "trades?limit=3", "realised")
    ),
]


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    await migrate(postgres_dsn)
    opened = await open_pool(postgres_dsn, connections_max=1)
    yield opened
    await opened.close()


async def stored(pool: Pool, events: Sequence[AnyEvent]) -> QueryReads:
    """Read models of these events alone."""
    await pool.execute(f"truncate {TABLES}")
    hosted = [
        host(Candles(), CandleStore(pool)),
        host(Trades(), TradeStore(pool)),
        host(Tokens(), TokenStore(pool)),
        host(Portfolios(), PortfolioStore(pool)),
        host(Search(), SearchStore(pool)),
        host(Holders(), HolderStore(pool)),
        host(SolPrices(), SolPriceStore(pool)),
        host(Slots(), SlotStore(pool)),
    ]
    await Runner(MemoryLog(events), hosted, batch_max=7).run(follow=False)
    return PostgresReads(pool)


async def answers(reads: Reads, mints: Sequence[str]) -> list[object]:
    """What the read models say to one question after another."""
    said: list[object] = [await reads.positions(), await reads.newest_time_s()]
    for wanted in get_args(SearchSort):
        said.append(await reads.search(TokenSearch(sort=wanted, limit=50)))
        said.append(await reads.search(TokenSearch(sort=wanted, text="coin", limit=2, page=2)))
    for sort in get_args(TokenSort):
        page = await reads.tokens(sort=sort, state=None, page=Page(limit=100))
        said.append(page)
        for row in page:
            after = (sort_value(row, sort), row.mint)
            for state in (None, *get_args(TokenState)):
                following = Page(limit=2, after=after)
                said.append(await reads.tokens(sort=sort, state=state, page=following))
    for mint in mints:
        said.append(await reads.token(mint))
        trades = await reads.trades(mint, limit=100)
        said.append(trades)
        said += [await reads.trades(mint, limit=2, before_pos=trade.pos) for trade in trades]
        for interval_s in INTERVALS_S.values():
            candles = await reads.candles(
                mint, interval_s=interval_s, from_s=0, to_s=2**40, limit=50
            )
            said.append(candles)
            for candle in candles:
                for from_s, to_s in ((candle.start_s, 2**40), (0, candle.start_s)):
                    said.append(
                        await reads.candles(
                            mint, interval_s=interval_s, from_s=from_s, to_s=to_s, limit=2
                        )
                    )
    return said


async def of_past(reads: QueryReads, events: Sequence[AnyEvent], mints: Sequence[str]) -> None:
    """Charts as of each slot are those of a rebuild that ends with it."""
    slots = sorted({event.pos.slot for event in events})
    for slot in (0, *slots[:: max(1, len(slots) // 4)], *slots[-1:]):
        core = Narrowed(Candles(), Part(until_slot=slot))
        then = MemoryReads(recorded(events))
        then._candles = core.apply(recorded(events))
        for mint in mints:
            for interval_s in (1, 15, 60, 300):
                asked = {"interval_s": interval_s, "from_s": 0, "to_s": 2**40, "limit": 50}
                told = await reads.candles_until(mint, **asked, pos=end_of(slot))
                assert list(told) == list(await then.candles(mint, **asked)), (slot, interval_s)


async def of_dollars(reads: Reads) -> list[object]:
    """Tokens ranked by amounts in dollars, at once and from behind each of them on."""
    said: list[object] = []
    for sort in sorted(AMOUNT_SORTS):
        for sol_usd in (0.75, 150.0):
            first = Page(limit=100, sol_usd=sol_usd)
            page = await reads.tokens(sort=sort, state=None, page=first)
            said.append(page)
            for row in page:
                after = (sort_value(row, sort, sol_usd=sol_usd), row.mint)
                following = Page(limit=2, after=after, sol_usd=sol_usd)
                said.append(await reads.tokens(sort=sort, state=None, page=following))
    return said


async def of_windows(reads: Reads, mints: Sequence[str]) -> list[object]:
    """What was traded up to the newest time, and up to times around the trades."""
    said: list[object] = []
    for mint in mints:
        said.append(await reads.windows(mint))
        for trade in await reads.trades(mint, limit=5):
            said += [
                await reads.windows(mint, as_of_s=trade.block_time_s + later_s)
                for later_s in (-1, 0, 299, 300, 90_000)
            ]
    return said


async def of_wallets(reads: Reads, mints: Sequence[str]) -> list[object]:
    """What the portfolios say to one question after another."""
    said: list[object] = []
    for wallet in WALLETS:
        said.append(await reads.traded(wallet))
        for state in (None, *get_args(PositionState)):
            portfolio = await reads.portfolio(wallet, state=state, limit=100)
            said.append(portfolio)
            for row in portfolio.positions:
                before = {"limit": 2, "before_pos": row.last_pos}
                said.append(await reads.portfolio(wallet, state=state, **before))
                # Not among the columns, but made of them.
                said += [row.value_amount, row.unrealised_amount]
        trades = await reads.wallet_trades(wallet, limit=100)
        said.append(trades)
        said += [await reads.wallet_trades(wallet, limit=2, before_pos=it.pos) for it in trades]
        for quote_mint in (NATIVE_SOL, USDC):
            days = await reads.realised(
                wallet, quote_mint=quote_mint, from_s=0, to_s=2**40, limit=9
            )
            said.append(days)
    for mint in mints:
        for quote_mint in (NATIVE_SOL, USDC):
            said += [
                await reads.top_traders(mint, quote_mint=quote_mint, by=by, limit=limit)
                for by in get_args(TraderSort)
                for limit in (1, 10)
            ]
    return said


async def of_holders(reads: Reads, mints: Sequence[str]) -> list[object]:
    """What is said about who holds which token."""
    found = [await reads.holders(mint, limit=limit) for mint in mints for limit in (2, 100)]
    return [*found, *((row.gini, row.share(row.top_balance)) for row in found)]


async def of_feeds(reads: QueryReads) -> list[object]:
    """Every feed, at once and from behind each of its rows on."""
    launches = await reads.launches(limit=100)
    graduations = await reads.graduations(limit=100)
    made = await reads.created_by("creator", limit=100)
    near = await reads.about_to_graduate(progress_min=0.5, page=Page(limit=100))
    said: list[object] = [launches, graduations, made, near, await reads.market()]
    said += [await reads.creator(address) for address in ("creator", "nobody", "zero\0byte")]
    said.append(await reads.created_by("zero\0byte", limit=2))
    for row in launches:
        said.append(await reads.launches(limit=2, before_pos=row.created_pos))
        said.append(await reads.created_by("creator", limit=2, before_pos=row.created_pos))
    for moved in graduations:
        said.append(await reads.graduations(limit=2, before_pos=moved.graduated_pos))
    for token in near:
        behind = Page(limit=2, after=(curve_progress(token) or 0.0, token.mint))
        for progress_min in (0.5, 0.9):
            said.append(await reads.about_to_graduate(progress_min=progress_min, page=behind))
    return said


def client_of(reads: QueryReads, log: MemoryLog) -> httpx.AsyncClient:
    app: Any = create_app(reads, log)  # the two libraries type the same interface differently
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_tokens_that_burned_more_than_their_supply_are_listed_by_no_market_cap(
    pool: Pool,
) -> None:
    events: list[AnyEvent] = [
        sol_priced(5),
        *(created(number, f"mint{number}") for number in (1, 2, 3)),
        *(curve_traded(10 + number, f"mint{number}") for number in (1, 2, 3)),
        burned(40, "mint1", base_amount=10**16),
        curve_traded(41, "mint2"),
    ]
    in_memory, in_postgres = MemoryReads(recorded(events)), await stored(pool, events)
    page = Page(limit=9, sol_usd=100.0)
    asked = [
        await reads.tokens(sort="market_cap", state=None, page=page)
        for reads in (in_memory, in_postgres)
    ]
    assert [it.mint for it in asked[1]] == [it.mint for it in asked[0]]
    assert asked[1][-1].mint == "mint1"
    assert (market_cap(asked[1][-1]) or 0) < 0
    query = TokenQuery(sort="market_cap", limit=9, sol_usd=100.0)
    lists = [await reads.listed(query) for reads in (in_memory, in_postgres)]
    assert lists[1] == lists[0]
    assert lists[1].tokens[-1].row.mint == "mint1"
    assert await of_dollars(in_postgres) == await of_dollars(in_memory)


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=wallets_histories(events_max=20, mints=3))
async def test_both_say_the_same_about_any_history(pool: Pool, events: list[AnyEvent]) -> None:
    mints = ["mint1", "mint2", "mint3", "mint4"]
    in_memory, in_postgres = MemoryReads(recorded(events)), await stored(pool, events)
    assert await answers(in_postgres, mints) == await answers(in_memory, mints)
    assert await of_feeds(in_postgres) == await of_feeds(in_memory)
    assert await of_dollars(in_postgres) == await of_dollars(in_memory)
    assert await of_windows(in_postgres, mints) == await of_windows(in_memory, mints)
    assert await of_wallets(in_postgres, mints) == await of_wallets(in_memory, mints)


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=wallets_histories(events_max=20, mints=3))
async def test_charts_of_the_past_are_those_of_a_rebuild(
    pool: Pool, events: list[AnyEvent]
) -> None:
    mints = ["mint1", "mint2", "mint3"]
    await of_past(await stored(pool, events), events, mints)
    await of_past(MemoryReads(recorded(events)), events, mints)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=holder_histories(events_max=30))
@pytest.mark.parametrize(
    "definitions",
    [
        DEFAULTS,
        Definitions(sniper_slots=3, bundle_slots=4, bundle_wallets=2, insider_percent=100),
        Definitions(sniper_slots=0, bundle_slots=2, bundle_wallets=1, insider_percent=1),
    ],
)
async def test_both_tell_holders_apart_alike_by_any_definition(
    pool: Pool, definitions: Definitions, events: list[AnyEvent]
) -> None:
    mints = ["mint1", "mint2", "mint3", "zero\0byte"]
    await stored(pool, events)
    in_postgres = PostgresReads(pool, definitions=definitions)
    in_memory = MemoryReads(recorded(events), definitions=definitions)
    assert await of_holders(in_postgres, mints) == await of_holders(in_memory, mints)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=holder_histories(events_max=20))
async def test_holders_of_the_past_are_those_of_a_rebuild(
    pool: Pool, events: list[AnyEvent]
) -> None:
    in_memory = MemoryReads(recorded(events))
    for arrived in (events, events[::-1]):  # the last first, as from gaps that were filled
        in_postgres = await stored(pool, arrived)
        for slot in sorted({0, *(event.pos.slot for event in events)}):
            then = MemoryReads([it for it in recorded(events) if it.event.pos.slot <= slot])
            for mint in ("mint1", "mint2", "zero\0byte"):
                told = await in_postgres.holders_until(mint, limit=9, pos=end_of(slot))
                assert told == await in_memory.holders_until(mint, limit=9, pos=end_of(slot)), slot
                named = await then.token(mint) is not None
                assert told == (await then.holders(mint, limit=9) if named else None), slot


async def test_the_api_answers_with_the_same_bytes_and_headers(pool: Pool) -> None:
    events = [*MARKET, *(sol_priced(slot, price=slot * 10**8 + 7) for slot in (90, 12, 800, 250))]
    log = MemoryLog(events)
    both = [MemoryReads(recorded(events)), await stored(pool, events)]
    for path in [*PATHS, "/readyz"]:
        answered = []
        for reads in both:
            async with client_of(reads, log) as client:
                found = await client.get(path)
                answered.append((found.status_code, found.content, sorted(found.headers.items())))
        assert answered[0] == answered[1], path
        assert answered[0][0] == (404 if ABSENT in path else 200)


async def test_a_store_that_is_gone_is_answered_with_503(pool: Pool) -> None:
    reads = await stored(pool, MARKET)
    await pool.close()
    async with client_of(reads, MemoryLog(MARKET)) as client:
        for path in (V1, f"{V1}/{TRADED}", "/readyz"):
            found = await client.get(path)
            assert found.status_code == 503, found.text
            assert found.headers["content-type"] == "application/problem+json"
        assert (await client.get("/healthz")).status_code == 200
