"""The read models where an index in Meilisearch is searched instead of the database."""

import time
from collections.abc import Sequence

import msgspec

from adapters.meilisearch.index import MeiliIndex
from adapters.meilisearch.token_search import MeiliTokenSearch
from adapters.postgres.pair_reads import PostgresPairReads
from adapters.postgres.pool import Pool
from projections.holder_reads import DEFAULTS, Definitions
from projections.indexing import IndexPlace, SearchIndexError
from projections.reads import Found, ProjectionPosition, TokenSearch
from projections.search import Search

PLACE_AGE_S_MAX = 1.0
"""The index is asked for its place no more often; positions are asked for with every answer."""


class IndexedReads(PostgresPairReads):
    """Fits `projections.reads.Reads`; the position of search is the index's own."""

    def __init__(
        self,
        pool: Pool,
        index: MeiliIndex,
        searched: MeiliTokenSearch,
        *,
        definitions: Definitions = DEFAULTS,
    ) -> None:
        super().__init__(pool, definitions=definitions)
        self._index = index
        self._searched = searched
        self._place: IndexPlace | None = None
        self._asked_at_s = float("-inf")

    async def search(self, asked: TokenSearch) -> Found:
        """Tokens by how well their texts fit, see `projections.reads.SearchReads`."""
        return await self._searched.search(asked)

    async def positions(self) -> Sequence[ProjectionPosition]:
        """Every read model's position, by name; search has none before its index first held all."""
        place = await self._last_place()
        found: list[ProjectionPosition] = []
        for each in await super().positions():
            if each.name != Search.name:
                found.append(each)
            elif place is not None and place.sequence:
                found.append(msgspec.structs.replace(each, sequence=place.sequence))
        return found

    async def _last_place(self) -> IndexPlace | None:
        """The index's place, or the last that is known of it while it does not answer."""
        now_s = time.monotonic()
        if now_s - self._asked_at_s >= PLACE_AGE_S_MAX:
            self._asked_at_s = now_s
            try:
                self._place = await self._index.place()
            except SearchIndexError:
                return self._place  # every other question can be answered; a search says why not
        return self._place
