"""Fills empty tables of what tokens are found by, as one save of all documents."""

from collections.abc import Sequence
from typing import ClassVar

import polars as pl

from adapters.postgres.pool import Connection
from adapters.postgres.search import RECKON_ALL, SearchStore
from adapters.postgres.staged_load import Parts, StagedLoad, grouped, sort_groups
from adapters.postgres.upsert import Upsert
from projections.search import REFRESH_S
from projections.search_frames import FACTS, FIGURES, FIRST, KNOWN, SUMS

# ruff: noqa: S608  # names of columns only

_DOCUMENT, _WAITING, _BURN = SearchStore.tables
_CHANGED, _CLOCK = SearchStore.bookkeeping
_WHOLE = Upsert(
    _DOCUMENT.table,
    {
        **_DOCUMENT.columns,
        "described_attempt": "integer",
        "description": "text",
        "description_words": "text",
        "has_website": "boolean",
        "has_twitter": "boolean",
        "has_telegram": "boolean",
    },
    key=_DOCUMENT.key,
    action="nothing",
)
"""A document with what is merged apart from it."""
_TEXTS = ("name", "symbol", "description")
"""Columns in which the database cannot hold all that anyone may say."""

_SUMMED = (*(f"max({it}) as {it}" for it in KNOWN), *(f"sum({it}) as {it}" for it in SUMS))
_DOCUMENTS = grouped(
    _WHOLE.columns,
    key=_WHOLE.key,
    others=(*(f"min({it}) as {it}" for it in FIRST), *_SUMMED),
    groups={**FACTS, **FIGURES},
)
_WAITS = grouped(_WAITING.columns, key=_WAITING.key, others=_SUMMED, groups=FIGURES)
_BURNS = "select distinct on (mint, pos) * from parts order by mint, pos"
_LATEST = "select true, max(latest_s) from parts having count(*) > 0"

_PARTS = (
    Parts(_WHOLE, _DOCUMENTS),
    Parts(_WAITING, _WAITS),
    Parts(_BURN, _BURNS),
    Parts(_CLOCK, _LATEST),
)
_FIGURES = ", ".join(it for it in _WAITING.columns if it != "start_s")
_DUE = f"""
    with due as (
        delete from pg_temp.{_PARTS[1].staging} where start_s < (
            select max(latest_s) - max(latest_s) % {REFRESH_S} from pg_temp.{_PARTS[3].staging}
        ) returning {_FIGURES}
    )
    insert into pg_temp.{_PARTS[0].staging} ({_FIGURES}) select {_FIGURES} from due
"""
"""Figures that did not have to wait after all, since the chain's clock went on: `search.cutoff`."""
_CHANGES = "insert into search_changes select mint, 1 from search_documents order by mint"


class SearchLoad(StagedLoad):
    """Fills documents and all that is beside them; an index elsewhere is told of all of them."""

    name: ClassVar = SearchStore.name
    table: ClassVar = _WHOLE
    beside: ClassVar = (_WAITING, _BURN, _CHANGED, _CLOCK)
    parts: ClassVar = _PARTS

    async def copy(self, connection: Connection, schema: str, made: Sequence[pl.DataFrame]) -> int:
        """Send parts, with texts that the database can hold."""
        documents, *others = made
        kept = [pl.col(it).str.replace_all("\0", "", literal=True) for it in _TEXTS]
        return await super().copy(connection, schema, [documents.with_columns(kept), *others])

    async def fill(self, connection: Connection) -> int:
        """Put the parts together, reckon the supplies that burns touch, and number what is new."""
        await connection.execute(_DUE)
        await sort_groups(connection)
        rows = await super().fill(connection)
        await connection.execute(RECKON_ALL)
        await connection.execute(_CHANGES)
        return rows
