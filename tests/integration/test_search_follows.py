"""What an index is told is what the read model has: all of it once, and then what changes."""

from collections.abc import AsyncIterator

import pytest

from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.search import SearchStore
from adapters.postgres.search_changes import PostgresDocuments
from curvetape.testing.events import batches, curve_traded, recorded
from curvetape.testing.search import MemorySearch
from curvetape.testing.search_market import MARKET, PEPE
from projections.indexing import Changed, IndexPlace
from projections.reads import FoundToken
from projections.search import Search


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    await migrate(postgres_dsn)
    opened = await open_pool(postgres_dsn, connections_max=2)
    yield opened
    await opened.close()


class Follower:
    """An index in memory that follows in small batches."""

    def __init__(self, pool: Pool) -> None:
        self._documents = PostgresDocuments(pool)
        self.place: IndexPlace | None = None
        self.tokens: dict[str, FoundToken] = {}
        self.told = 0

    async def catch_up(self, *, limit: int = 2) -> Changed | None:
        while (changed := await self._documents.after(self.place, limit=limit)) is not None:
            for each in changed.documents:
                self.tokens[each.token.mint] = each.token
                self.told += 1
                self.place = IndexPlace(
                    generation=changed.generation, tick=each.tick, mint=each.token.mint
                )
            if changed.complete:
                return changed
        return None


async def test_a_follower_holds_the_documents_at_every_moment(pool: Pool) -> None:
    follower, store, memory = Follower(pool), SearchStore(pool), MemorySearch()
    assert await follower.catch_up() is None
    await store.checkpoint()
    for batch in batches(recorded(MARKET), 4):
        seen, reached = batch[0].sequence - 1, batch[-1].sequence
        await store.save(Search().apply(batch), seen=seen, reached=reached)
        memory.apply(batch)
        changed = await follower.catch_up()
        assert changed is not None
        assert changed.sequence == reached
        assert follower.tokens == memory.documents()


async def test_only_what_has_changed_is_told_again(pool: Pool) -> None:
    follower, store = Follower(pool), SearchStore(pool)
    await store.checkpoint()
    await store.save(Search().apply(recorded(MARKET)), seen=0, reached=len(MARKET))
    await follower.catch_up()
    assert follower.told == len(follower.tokens)
    later = recorded([curve_traded(101, PEPE), curve_traded(200, PEPE)], after=len(MARKET))
    await store.save(Search().apply(later), seen=len(MARKET), reached=len(MARKET) + 2)
    told = follower.told
    await follower.catch_up()
    # The clock has passed the trade and, of before, the moon's new price.
    assert follower.told == told + 2
    assert follower.tokens[PEPE].trades == 2


async def test_tables_built_anew_are_told_from_the_first_document_on(pool: Pool) -> None:
    follower, store = Follower(pool), SearchStore(pool)
    await store.checkpoint()
    await store.save(Search().apply(recorded(MARKET)), seen=0, reached=len(MARKET))
    await follower.catch_up()
    told = follower.told
    await pool.execute(
        "truncate search_documents, search_waiting, search_clock, search_changes, checkpoints"
    )
    await store.checkpoint()
    await store.save(Search().apply(recorded(MARKET[:3])), seen=0, reached=3)
    await follower.catch_up()
    assert follower.told == told + 3
