"""Tells which documents of the search read model have changed, for an index elsewhere."""

from collections.abc import Sequence

import msgspec

from adapters.postgres.asking import asking, rows_of
from adapters.postgres.pool import Pool
from adapters.postgres.token_search import FIELDS
from projections.indexing import Changed, ChangedDocument, IndexPlace
from projections.reads import FoundToken

# ruff: noqa: S608  # names of columns, which are a constant

_NOW = """
    select clock.generation, checkpoints.sequence
    from search_clock as clock cross join checkpoints where checkpoints.name = 'search'
"""
_AFTER = f"""
    select tick, {FIELDS} from search_changes join search_documents using (mint)
    where listed and (tick, mint) > ($1::bigint, $2::text)
    order by tick, mint limit $3
"""

_PAGE = f"""
    select tick, {FIELDS} from search_documents join search_changes using (mint)
    where listed and mint > $1 order by mint limit $2
"""
_OF = f"""
    select tick, {FIELDS} from search_documents join search_changes using (mint)
    where listed and mint = any($1::text[])
"""
_GENERATION = "select generation from search_clock"


class _Row(FoundToken, frozen=True, kw_only=True):
    tick: int


class PostgresDocuments:
    """Fits `projections.indexing.Documents` and `index_comparison.ComparedDocuments`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def after(self, place: IndexPlace | None, *, limit: int) -> Changed | None:
        """What changed since a place, all of it where that is of another generation.

        Checkpoint and documents are those of one moment. None before the read model has begun.
        """
        async with (
            asking(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            now = await connection.fetchrow(_NOW)
            if now is None:
                return None
            generation: str = now["generation"]
            if place is None or place.generation != generation:
                place = IndexPlace(generation=generation)
            rows = await rows_of(connection, _Row, _AFTER, place.tick, place.mint, limit)
        return Changed(
            generation=generation,
            sequence=now["sequence"],
            documents=[ChangedDocument(tick=row.tick, token=_token(row)) for row in rows],
            complete=len(rows) < limit,
        )

    async def generation(self) -> str | None:
        """Of the tables; None before the read model has begun."""
        async with asking(self._pool) as connection:
            found: str | None = await connection.fetchval(_GENERATION)
        return found

    async def page(self, behind: str, *, limit: int) -> Sequence[ChangedDocument]:
        """Documents by mint, those behind a mint."""
        async with asking(self._pool) as connection:
            rows = await rows_of(connection, _Row, _PAGE, behind, limit)
        return [ChangedDocument(tick=row.tick, token=_token(row)) for row in rows]

    async def of(self, mints: Sequence[str]) -> dict[str, ChangedDocument]:
        """The documents of these mints, as far as there are any."""
        async with asking(self._pool) as connection:
            rows = await rows_of(connection, _Row, _OF, list(mints))
        return {row.mint: ChangedDocument(tick=row.tick, token=_token(row)) for row in rows}


def _token(row: _Row) -> FoundToken:
    return FoundToken(**{name: getattr(row, name) for name in _NAMES})


_NAMES = tuple(field.name for field in msgspec.structs.fields(FoundToken))
