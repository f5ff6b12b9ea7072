"""Whatever finds tokens finds the same ones: in memory, in PostgreSQL, in Meilisearch."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, get_args

import pytest

from adapters.meilisearch.client import Meili
from adapters.meilisearch.index import MeiliIndex
from adapters.meilisearch.token_search import MeiliTokenSearch
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.search import SearchStore
from curvetape.testing.events import GENESIS_S, recorded
from curvetape.testing.meilisearch import MemoryDocuments, Server
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.search import MemorySearch
from curvetape.testing.search_market import (
    ALICE,
    BABY_PEPE,
    BERTA,
    CAFE,
    DOLLAR,
    MARKET,
    MOON,
    NAMELESS,
    PEPE,
    PEPE_COIN,
    STRANGER,
    TRUMP,
    WIF,
)
from curvetape.testing.servers import run
from domain.programs import NATIVE_SOL, USDC, WRAPPED_SOL
from projections.indexing import Indexer
from projections.projection import host
from projections.reads import Facet, Found, SearchReads, TokenSearch
from projections.runner import Runner
from projections.search import Search

BY_CAP = [BABY_PEPE, PEPE, WIF, TRUMP, CAFE, PEPE_COIN]


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Pool]:
    """A database whose search read model is at the end of the market."""
    pool = await open_pool(dsn, connections_max=1)
    try:
        hosted = host(Search(), SearchStore(pool))
        await Runner(MemoryLog(MARKET), [hosted], batch_max=3).run(follow=False)
        yield pool
    finally:
        await pool.close()


@pytest.fixture
async def postgres(postgres_dsn: str) -> AsyncIterator[SearchReads]:
    await migrate(postgres_dsn)
    async with opened(postgres_dsn) as pool:
        assert await pool.fetchval("select true from pg_extension where extname = 'pg_trgm'")
        yield PostgresReads(pool)


@pytest.fixture
async def bare(timescale_dsn: str) -> AsyncIterator[SearchReads]:
    """A server that has no pg_trgm."""
    await migrate(timescale_dsn)
    async with opened(timescale_dsn) as pool:
        yield PostgresReads(pool)


@pytest.fixture(scope="session")
def filled(meili_server: Server) -> Server:
    """A Meilisearch that has the market."""

    async def fill() -> None:
        async with Meili(meili_server.url, meili_server.key) as meili:
            tokens = list(MemorySearch(recorded(MARKET)).documents().values())
            index = MeiliIndex(meili, prefix="contract")
            await Indexer(MemoryDocuments(tokens), index).catch_up()

    run(fill())
    return meili_server


@pytest.fixture
async def meilisearch(filled: Server) -> AsyncIterator[SearchReads]:
    async with Meili(filled.url, filled.key) as meili:
        yield MeiliTokenSearch(meili, prefix="contract")


@pytest.fixture
def memory() -> SearchReads:
    return MemorySearch(recorded(MARKET))


@pytest.fixture(params=["memory", "postgres", "bare", "meilisearch"])
def search(request: pytest.FixtureRequest) -> SearchReads:
    found: SearchReads = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["memory", "postgres", "meilisearch"])
def forgiving(request: pytest.FixtureRequest) -> SearchReads:
    """One that forgives typos."""
    found: SearchReads = request.getfixturevalue(request.param)
    return found


async def mints(search: SearchReads, text: str = "", **more: Any) -> list[str]:
    found = await search.search(TokenSearch(text=text, **more))
    assert found.total == len(found.tokens)
    return [token.mint for token in found.tokens]


async def test_what_fits_exactly_comes_first_and_of_equals_the_larger(search: SearchReads) -> None:
    assert await mints(search, "pepe") == [PEPE, PEPE_COIN, BABY_PEPE]
    assert await mints(search, "pepe coin") == [PEPE_COIN]


@pytest.mark.parametrize(
    ("text", "mint"),
    [
        ("PEPE COIN", PEPE_COIN),
        ("  trump  ", TRUMP),
        ("offici", TRUMP),
        ("trump official", TRUMP),
        ("wif", WIF),
        ("$wif", WIF),
        ("dogwif", WIF),
        ("cafe", CAFE),
        ("CAFÉ", CAFE),
        ("the moon", MOON),
        (DOLLAR, DOLLAR),
        (WIF[:12], WIF),
        (NAMELESS, NAMELESS),
    ],
)
async def test_a_token_is_found_by(search: SearchReads, text: str, mint: str) -> None:
    assert (await mints(search, text))[0] == mint


@pytest.mark.parametrize(
    ("text", "mint"),
    [
        ("dogwifhst", WIF),
        ("dogwifat", WIF),
        ("ofificial trump", TRUMP),
        ("socety", CAFE),
        ("dolar", DOLLAR),
    ],
)
async def test_a_mistake_in_a_long_word_is_forgiven(
    forgiving: SearchReads, text: str, mint: str
) -> None:
    assert (await mints(forgiving, text))[0] == mint


@pytest.mark.parametrize("text", ["zebra", "pepper coin", "pfpe", "!!!", "'; drop table", "%", "_"])
async def test_what_is_not_there_is_not_found(search: SearchReads, text: str) -> None:
    assert await search.search(TokenSearch(text=text)) == Found(
        tokens=[], total=0, facets={facet: {} for facet in get_args(Facet)}
    )


async def test_words_behind_the_fifth_do_not_count(search: SearchReads) -> None:
    assert await mints(search, "to the moon moon the zebra and back to the end") == [MOON]
    assert await mints(search, "to the moon moon zebra") == []


async def test_a_creator_is_found_and_all_tokens_of_a_creator(search: SearchReads) -> None:
    assert set(await mints(search, ALICE)) == {PEPE_COIN, BABY_PEPE, TRUMP, MOON}
    assert await mints(search, creator=BERTA, sort="created") == [DOLLAR, CAFE, WIF, PEPE]
    assert await mints(search, "pepe", creator=BERTA) == [PEPE]


async def test_what_was_only_traded_by_strangers_is_not_found(search: SearchReads) -> None:
    assert STRANGER not in await mints(search)
    assert await mints(search, STRANGER) == []


async def test_tokens_are_sorted_and_those_without_a_value_come_last(search: SearchReads) -> None:
    everything = await mints(search, sort="market_cap")
    assert everything == [*BY_CAP, *everything[6:]]
    # The launch of one was not seen, so its supply is not known; one is not ranked among SOL.
    assert set(everything[6:]) == {MOON, DOLLAR, NAMELESS}
    assert (await mints(search, sort="volume"))[:3] == [CAFE, TRUMP, WIF]
    assert (await mints(search, sort="last_trade"))[:3] == [NAMELESS, WIF, DOLLAR]
    assert await mints(search, "pepe", sort="market_cap") == [BABY_PEPE, PEPE, PEPE_COIN]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"state": "completed"}, {TRUMP}),
        ({"state": "graduated"}, {WIF}),
        ({"venue": "pool"}, {WIF}),
        ({"quote_mint": USDC}, {DOLLAR}),
        ({"quote_mint": WRAPPED_SOL}, {WIF}),
        ({"market_cap_min": 800e9, "market_cap_max": 1_000e9}, {PEPE}),
        ({"volume_min": 4.5e9}, {TRUMP, CAFE}),
        ({"volume_max": 1e9}, {PEPE_COIN, NAMELESS, MOON}),
        ({"created_from_s": GENESIS_S + 3}, {DOLLAR}),
        ({"created_to_s": GENESIS_S + 1}, {PEPE_COIN, PEPE}),
        ({"state": "curve", "venue": "pool"}, set()),
    ],
)
async def test_filters_leave_out_all_others(
    search: SearchReads, limits: dict[str, Any], expected: set[str]
) -> None:
    assert set(await mints(search, **limits)) == expected


async def test_facets_count_all_that_is_found_whatever_page_is_shown(search: SearchReads) -> None:
    found = await search.search(TokenSearch(limit=2, page=2, sort="market_cap"))
    assert [token.mint for token in found.tokens] == BY_CAP[2:4]
    assert found.total == 9
    assert found.facets == {
        "state": {"curve": 7, "completed": 1, "graduated": 1},
        "venue": {"curve": 8, "pool": 1},
        "quote_mint": {NATIVE_SOL: 7, WRAPPED_SOL: 1, USDC: 1},
        "has_website": {},
        "has_twitter": {},
        "has_telegram": {},
    }
    behind = await search.search(TokenSearch(limit=2, page=6))
    assert (behind.tokens, behind.total) == ([], 9)
    cats = await search.search(TokenSearch(text="pepe", limit=1))
    assert cats.facets["state"] == {"curve": 3}


async def test_pages_hold_each_token_once(search: SearchReads) -> None:
    pages: Sequence[list[str]] = [
        [token.mint for token in (await search.search(TokenSearch(limit=4, page=page))).tokens]
        for page in (1, 2, 3)
    ]
    assert [len(page) for page in pages] == [4, 4, 1]
    assert len({mint for page in pages for mint in page}) == 9


async def test_what_is_found_is_shown_with_its_figures(
    search: SearchReads, memory: SearchReads
) -> None:
    """Also that those of the last seconds have to wait: the moon was repriced a moment ago."""
    asked = TokenSearch(sort="created", limit=50)
    found, expected = await search.search(asked), await memory.search(asked)
    assert list(found.tokens) == list(expected.tokens)
    moon = next(token for token in found.tokens if token.mint == MOON)
    assert moon.market_cap == 30_000_000_000 / 1_073_000_000_000_000 * 1e15
    wif = next(token for token in found.tokens if token.mint == WIF)
    assert (wif.trades, wif.volume_quote, wif.venue) == (2, 4_412_000_000, "pool")
