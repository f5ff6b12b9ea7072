"""What the search index has differently from its table is found and mended, while both go on."""

from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from adapters.meilisearch.client import Meili
from adapters.meilisearch.documents import document, held
from adapters.meilisearch.index import MeiliIndex
from adapters.meilisearch.token_search import MeiliTokenSearch
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.search import SearchStore
from adapters.postgres.search_changes import PostgresDocuments
from curvetape.testing.events import created, curve_traded, recorded
from curvetape.testing.meilisearch import MemoryIndex, Server
from curvetape.testing.metadata import described
from curvetape.testing.search import MemorySearch
from curvetape.testing.search_market import CAFE, MARKET, MOON, PEPE, TRUMP, WIF
from domain.events import AnyEvent
from projections.index_comparison import Compared, ComparedIndex, IndexComparison
from projections.indexing import ChangedDocument, Indexer
from projections.reads import ReadsUnavailableError, TokenSearch
from projections.search import Search

EVENTS: Sequence[AnyEvent] = [*MARKET, described(1, PEPE, website="frog.example")]
LISTED = 9


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    await migrate(postgres_dsn)
    opened = await open_pool(postgres_dsn, connections_max=2)
    await save(opened, EVENTS, seen=0)
    await opened.execute("update search_clock set generation = 'fixed'")  # as it was recorded
    yield opened
    await opened.close()


async def save(pool: Pool, events: Sequence[AnyEvent], *, seen: int) -> None:
    store = SearchStore(pool)
    await store.checkpoint()
    changes = Search().apply(recorded(events, after=seen))
    await store.save(changes, seen=seen, reached=seen + len(events))


async def compared(pool: Pool, index: ComparedIndex) -> Compared:
    return await IndexComparison(PostgresDocuments(pool), index, rows_max=10).run()


async def test_an_index_that_follows_is_equal_and_what_it_was_not_told_yet_is_no_fault(
    pool: Pool,
) -> None:
    index = MemoryIndex()
    assert (await compared(pool, index)).report.reason is not None
    await Indexer(PostgresDocuments(pool), index).catch_up()
    found = await compared(pool, index)
    assert found.report.verdict == "equal"
    assert found.report.sequence == len(EVENTS)
    assert [(it.rows, it.rows_replayed) for it in found.report.tables] == [(LISTED, LISTED)]
    later: list[AnyEvent] = [
        created(300, "later"),
        curve_traded(301, PEPE),
        curve_traded(400, "later"),
    ]
    await save(pool, later, seen=len(EVENTS))
    assert (await compared(pool, index)).report.verdict == "equal"


async def test_all_that_differs_is_named_and_mended(pool: Pool) -> None:
    index = MemoryIndex()
    documents = PostgresDocuments(pool)
    await Indexer(documents, index).catch_up()
    there = index.documents
    changed, claimed = there[PEPE], there[WIF]
    renamed = msgspec.structs.replace(changed.token, name="Another")
    there[PEPE] = msgspec.structs.replace(changed, token=renamed)
    there[WIF] = msgspec.structs.replace(claimed, tick=claimed.tick + 1_000)
    there[CAFE] = msgspec.structs.replace(there[CAFE], intact=False)
    there[MOON] = msgspec.structs.replace(there[MOON], generation="another")
    del there[TRUMP]
    stray = msgspec.structs.replace(claimed.token, mint="stray")
    there["stray"] = msgspec.structs.replace(claimed, token=stray)
    found = await compared(pool, index)
    (table,) = found.report.tables
    assert found.report.verdict == "different"
    assert table.differences == {"missing": 1, "other values": 4, "extra": 1}
    assert (set(found.wrong), found.extra) == ({PEPE, WIF, CAFE, MOON, TRUMP}, ("stray",))
    (pepe,) = (it for it in table.first if it.key == {"mint": PEPE})
    assert (pepe.kept, pepe.replayed) == ({"name": "Another"}, {"name": "Pepe"})
    mended = await IndexComparison(documents, index, rows_max=10).mend(found)
    assert mended == 6
    assert (await compared(pool, index)).report.verdict == "equal"
    assert there[PEPE] == changed


async def test_an_index_of_tables_that_were_built_anew_is_not_compared(pool: Pool) -> None:
    index = MemoryIndex()
    await Indexer(PostgresDocuments(pool), index).catch_up()
    await pool.execute("update search_clock set generation = 'rebuilt'")
    found = await compared(pool, index)
    assert (found.report.verdict, found.wrong) == ("not compared", ())
    assert "write it anew" in str(found.report.reason)


def test_a_document_is_read_back_as_it_was_written_and_what_was_spoilt_is_seen() -> None:
    for number, token in enumerate(MemorySearch(recorded(EVENTS)).documents().values()):
        made = document("first", ChangedDocument(tick=number, token=token))
        read = held(made)
        assert read is not None
        assert (read.token, read.tick, read.generation) == (token, number, "first")
        assert read.intact
        for spoilt in ({"nameWords": "spoilt"}, {"solVolume": 1.5}):
            other = held(made | spoilt)
            assert other is not None
            assert not other.intact
        assert held({"mint": token.mint, "name": token.name}) is None


async def test_what_differs_in_meilisearch_is_named_and_mended(
    pool: Pool, meili_server: Server
) -> None:
    documents = PostgresDocuments(pool)
    async with Meili(meili_server.url, meili_server.key) as meili:
        index = MeiliIndex(meili, prefix="compared")
        await Indexer(documents, index).catch_up()
        assert (await compared(pool, index)).report.verdict == "equal"
        spoilt = await documents.of([PEPE, WIF, CAFE, MOON])
        pepe, wif, cafe, moon = (
            document("fixed", spoilt[mint]) for mint in (PEPE, WIF, CAFE, MOON)
        )
        written = [
            pepe | {"name": "Another"},
            wif | {"tick": wif["tick"] + 1_000},
            {"mint": CAFE, "name": cafe["name"]},
            moon | {"generation": "another"},
            wif | {"mint": "stray"},
        ]
        await meili.do(lambda client: client.index(index.tokens).add_documents(written))
        await index.remove([TRUMP])
        with pytest.raises(ReadsUnavailableError, match="verify search --mend"):
            await MeiliTokenSearch(meili, prefix="compared").search(TokenSearch())
        found = await compared(pool, index)
        (table,) = found.report.tables
        assert table.differences == {"missing": 2, "other values": 3, "extra": 1}
        assert (set(found.wrong), found.extra) == ({PEPE, WIF, CAFE, MOON, TRUMP}, ("stray",))
        comparison = IndexComparison(documents, index, rows_max=10)
        assert await comparison.mend(found) == 6
        assert (await compared(pool, index)).report.verdict == "equal"
