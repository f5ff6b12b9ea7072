"""With an index, search and its position are the index's, and all else is the database's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.embedded.ports import free_port
from adapters.meilisearch.client import Meili
from adapters.meilisearch.index import MeiliIndex
from adapters.meilisearch.token_search import MeiliTokenSearch
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.search import SearchStore
from adapters.postgres.search_changes import PostgresDocuments
from curvetape.indexed_reads import IndexedReads
from curvetape.testing.events import recorded
from curvetape.testing.meilisearch import Server
from curvetape.testing.search import MemorySearch
from curvetape.testing.search_market import MARKET, PEPE, PEPE_COIN
from projections.indexing import Indexer
from projections.reads import Page, ProjectionPosition, ReadsUnavailableError, TokenSearch
from projections.search import Search

PREFIX = "served"


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    """A database with a search read model of a generation that is the same in every run."""
    await migrate(postgres_dsn)
    opened = await open_pool(postgres_dsn, connections_max=2)
    store = SearchStore(opened)
    await store.checkpoint()
    await store.save(Search().apply(recorded(MARKET)), seen=0, reached=len(MARKET))
    await opened.execute("update search_clock set generation = 'fixed'")
    yield opened
    await opened.close()


@asynccontextmanager
async def reads_of(pool: Pool, server: Server) -> AsyncIterator[IndexedReads]:
    async with Meili(server.url, server.key) as meili:
        searched = MeiliTokenSearch(meili, prefix=PREFIX)
        yield IndexedReads(pool, MeiliIndex(meili, prefix=PREFIX), searched)


async def test_an_index_that_lacks_nothing_is_searched_and_gives_its_position(
    pool: Pool, meili_server: Server
) -> None:
    async with Meili(meili_server.url, meili_server.key) as meili:
        index = MeiliIndex(meili, prefix=PREFIX)
        async with reads_of(pool, meili_server) as before:
            assert await before.positions() == []
            with pytest.raises(ReadsUnavailableError, match=r"Index `served-tokens` not found\.$"):
                await before.search(TokenSearch())
        await Indexer(PostgresDocuments(pool), index, batch_max=4).catch_up()
    async with reads_of(pool, meili_server) as reads:
        assert await reads.positions() == [
            ProjectionPosition(
                name="search", version=2, sequence=len(MARKET), reread_after=len(MARKET)
            )
        ]
        asked = TokenSearch(sort="created", limit=50)
        expected = await MemorySearch(recorded(MARKET)).search(asked)
        assert await reads.search(asked) == expected
        assert [it.mint for it in (await reads.search(TokenSearch(text="pepe"))).tokens][:2] == [
            PEPE,
            PEPE_COIN,
        ]


async def test_without_its_index_search_does_not_answer_and_all_else_does(pool: Pool) -> None:
    async with reads_of(pool, Server(f"http://127.0.0.1:{free_port()}", None)) as reads:
        assert await reads.positions() == []
        assert await reads.tokens(sort="created", state=None, page=Page(limit=1)) == []
        with pytest.raises(ReadsUnavailableError, match="check CURVETAPE_MEILI_URL"):
            await reads.search(TokenSearch())
