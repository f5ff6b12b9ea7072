"""What a token's document says is searched and counted alike wherever tokens are found."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.meilisearch.client import Meili
from adapters.meilisearch.documents import document, found
from adapters.meilisearch.index import MeiliIndex
from adapters.meilisearch.token_search import MeiliTokenSearch
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.search import SearchStore
from curvetape.testing.events import recorded
from curvetape.testing.meilisearch import MemoryDocuments, Server
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.metadata import described, undescribed
from curvetape.testing.search import MemorySearch
from curvetape.testing.search_market import CAFE, MARKET, MOON, PEPE, STRANGER, TRUMP, WIF
from domain.events import AnyEvent
from projections.indexing import ChangedDocument, Indexer
from projections.projection import host
from projections.reads import SearchReads, TokenSearch
from projections.runner import Runner
from projections.search import Search

DESCRIBED: list[AnyEvent] = [
    *MARKET,
    described(1, PEPE, description="The FROG of frogs.", website="frog.example"),
    described(1, WIF, description="A hat, no frogs", twitter="@wif", telegram="https://t.me/wif"),
    described(1, CAFE, description=None, website="javascript:alert(1)"),
    described(1, MOON, description="to be corrected: frog", website="moon.example"),
    described(1, MOON, attempt=2, description="Rocket fuel"),
    undescribed(1, TRUMP),
    described(1, STRANGER, description="frog"),
]


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[SearchReads]:
    await migrate(dsn)
    pool = await open_pool(dsn, connections_max=1)
    try:
        hosted = host(Search(), SearchStore(pool))
        await Runner(MemoryLog(DESCRIBED), [hosted], batch_max=3).run(follow=False)
        yield PostgresReads(pool)
    finally:
        await pool.close()


@pytest.fixture
async def postgres(postgres_dsn: str) -> AsyncIterator[SearchReads]:
    async with opened(postgres_dsn) as reads:
        yield reads


@pytest.fixture
async def bare(timescale_dsn: str) -> AsyncIterator[SearchReads]:
    """A server that has no pg_trgm."""
    async with opened(timescale_dsn) as reads:
        yield reads


@pytest.fixture
async def meilisearch(meili_server: Server) -> AsyncIterator[SearchReads]:
    async with Meili(meili_server.url, meili_server.key) as meili:
        tokens = list(MemorySearch(recorded(DESCRIBED)).documents().values())
        index = MeiliIndex(meili, prefix="described")
        await Indexer(MemoryDocuments(tokens), index).catch_up()
        yield MeiliTokenSearch(meili, prefix="described")


@pytest.fixture
def memory() -> SearchReads:
    return MemorySearch(recorded(DESCRIBED))


@pytest.fixture(params=["memory", "postgres", "bare", "meilisearch"])
def search(request: pytest.FixtureRequest) -> SearchReads:
    reads: SearchReads = request.getfixturevalue(request.param)
    return reads


async def mints(search: SearchReads, text: str = "", **more: Any) -> set[str]:
    return {it.mint for it in (await search.search(TokenSearch(text=text, **more))).tokens}


async def test_words_of_descriptions_are_found_where_they_are_asked_for(
    search: SearchReads,
) -> None:
    assert await mints(search, "frog") == set()
    assert await mints(search, "frog", in_description=True) == {PEPE, WIF}
    assert await mints(search, "frogs hat", in_description=True) == {WIF}
    assert await mints(search, "pepe frog", in_description=True) == {PEPE}, "one word in the name"
    assert await mints(search, "rocket fuel", in_description=True) == {MOON}
    assert await mints(search, "corrected", in_description=True) == set()


async def test_what_is_found_by_its_name_comes_before_what_is_found_by_its_description(
    memory: SearchReads, postgres: SearchReads
) -> None:
    for search in (memory, postgres):
        asked = TokenSearch(text="hat", in_description=True)
        assert [it.mint for it in (await search.search(asked)).tokens] == [WIF]
        asked = TokenSearch(text="the", in_description=True)
        assert [it.mint for it in (await search.search(asked)).tokens] == [MOON, PEPE]


async def test_links_filter_and_are_counted(search: SearchReads) -> None:
    assert await mints(search, has_website=True) == {PEPE}
    assert await mints(search, has_website=False) == {WIF, CAFE, MOON}
    assert await mints(search, has_twitter=True, has_telegram=True) == {WIF}
    facets = (await search.search(TokenSearch())).facets
    assert facets["has_website"] == {"true": 1, "false": 3}
    assert facets["has_twitter"] == facets["has_telegram"] == {"true": 1, "false": 3}


async def test_what_is_found_has_its_description(search: SearchReads, memory: SearchReads) -> None:
    asked = TokenSearch(sort="created", limit=50)
    there = {it.mint: it for it in (await search.search(asked)).tokens}
    for each in (await memory.search(asked)).tokens:
        assert there[each.mint] == each
    assert (there[TRUMP].description, there[TRUMP].has_website) == (None, None)


def test_a_document_of_meilisearch_leads_back_to_its_token() -> None:
    for token in MemorySearch(recorded(DESCRIBED)).documents().values():
        made = document("first", ChangedDocument(tick=1, token=token))
        assert found(made) == token
        assert ("hasWebsite" in made) == (token.has_website is not None)
