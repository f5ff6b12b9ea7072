"""Fills an empty read model of candles: pages by COPY, and the hours beside them.

What comes for a candle that was sent waits in a temporary table without a key, as does what no page
holds, and is merged at the end: so memory does not grow with it.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import chain
from typing import ClassVar

import msgspec
import numpy as np
import polars as pl

from adapters.postgres.candle_pages import (
    COLUMNS,
    ENDS,
    PAGES,
    Paged,
    copied,
    paged,
    take_apart_for,
)
from adapters.postgres.candles import HOURS, CandleStore
from adapters.postgres.horizons import candles_from
from adapters.postgres.pool import Connection
from adapters.postgres.table_load import TableLoad, copy_csv, together
from projections.buckets import HOUR_S
from projections.candle_columns import ROW, VOLUMES, Closed, Framed, named, picked, volume

# ruff: noqa: S608  # names of tables and columns, and queries, of the program's own

_LATE = "late_candles"
_PARTS = {"mint": 'text collate "C"', "interval_s": "integer"} | {
    name: "double precision" if kind.kind == "f" else "bigint"
    for name, kind in ((name, ROW[name]) for name in ROW.names or ())
    if name != "mint"
}
"""The columns of a part, as the core's columns have them: volumes in halves."""
_WHOLE = f"""
    select mint, interval_s, start_s,
        min(open_pos) as open_pos, (array_agg(open order by open_pos))[1] as open,
        max(close_pos) as close_pos, (array_agg(close order by close_pos desc))[1] as close,
        max(high) as high, (array_agg(high_pos order by high desc, high_pos))[1] as high_pos,
        min(low) as low, (array_agg(low_pos order by low, low_pos))[1] as low_pos,
        {", ".join(f"sum({it}_high) * 4294967296 + sum({it}_low) as {it}" for it in VOLUMES)},
        sum(buys)::bigint as buys, sum(sells)::bigint as sells
    from pg_temp.{_LATE} group by mint, interval_s, start_s
"""
"""Each late candle once, as the core folds it; a segment has one part of it at most."""


class Sent(msgspec.Struct, frozen=True):
    """Some candles as they are sent."""

    candles: int
    pages: Paged
    hours: pl.DataFrame
    parts: Sequence[tuple[int, Framed]]
    """What no page holds, each with its interval's length in seconds."""
    late_parts: Sequence[tuple[int, Framed]]


class CandleLoad(TableLoad[Sent]):
    """Fills candles; each is in one page, and what comes late for it is merged."""

    name: ClassVar = CandleStore.name
    table: ClassVar = PAGES
    beside: ClassVar = (*CandleStore.tables, ENDS)
    lanes: ClassVar = 2

    def __init__(self, connection: Connection, schema: str) -> None:
        super().__init__(connection, schema)
        self._pages = 0
        self._ends: dict[int, int] = {}
        self._since: Mapping[int, int] = {}
        self._staged = 0
        """Parts that wait."""

    async def prepare(self, connection: Connection) -> None:
        """Make the table that parts wait in, and ask which candles were let go of."""
        self._since = await candles_from(connection, self._schema)
        columns = ", ".join(f"{name} {kind}" for name, kind in _PARTS.items())
        await connection.execute(f"create temp table {_LATE} ({columns})")

    def encoded(self, made: Closed) -> Sent:
        """Candles as pages; what fits in none becomes plain rows at the end.

        None of what was let go of comes back.
        """
        made = self._kept(made)
        pages = paged(made, number=self._pages)
        self._pages += pages.pages
        for length_s, end_s in pages.ends.items():
            self._ends[length_s] = max(end_s, self._ends.get(length_s, end_s))
        parts = [(length_s, pages.left.of(length_s)) for length_s in pages.left.levels]
        return Sent(len(made), pages, _hours(pages.held.of(HOUR_S)), parts, made.late)

    async def copy(self, connection: Connection, schema: str, made: Sent) -> int:
        """Send pages over all connections, each of which takes what comes next."""
        chunks = iter(made.pages.chunks)
        hours = [made.hours, *(made.hours.clear() for _ in self._lanes[1:])]
        await together(
            self._send(lane, schema, chunks, some)
            for lane, some in zip(self._lanes, hours, strict=True)
        )
        for length_s, part in made.parts:
            self._staged += await _stage(connection, length_s, part)
        for length_s, part in made.late_parts:
            staged = await _stage(connection, length_s, part)
            self._staged += staged
            self.late_rows += staged
        return made.candles

    async def _send(
        self, connection: Connection, schema: str, chunks: Iterator[bytes], hours: pl.DataFrame
    ) -> None:
        if len(hours):
            await copy_csv(connection, schema, HOURS.table, list(HOURS.columns), hours)
        if (first := next(chunks, None)) is not None:
            await connection.copy_to_table(
                self.table.table,
                schema_name=schema,
                columns=list(COLUMNS),
                source=_each(copied(chain([first], chunks))),
                format="binary",
            )

    def _kept(self, made: Closed) -> Closed:
        if not self._since:
            return made
        levels, late = dict(made.levels), list[tuple[int, Framed]]()
        for length_s, places in made.levels.items():
            kept = made.of(length_s).rows["start_s"] >= self._since.get(length_s, 0)
            levels[length_s] = places.compress(kept)
        for length_s, part in made.late:
            rows = picked(part.rows, part.rows["start_s"] >= self._since.get(length_s, 0))
            late.append((length_s, Framed(part.mints, rows)))
        return Closed(made.mints, made.rows, levels, late)

    async def merge(self, connection: Connection) -> None:
        """Merge parts of candles as the live store does."""
        await ENDS.merge(connection, list(self._ends.items()))
        if not self._staged:  # to look for pages of nothing may take as long as to read them all
            return
        await connection.execute(f"analyze pg_temp.{_LATE}")
        # Sorting takes as much memory as it may and no more.
        await connection.execute("set local enable_hashagg = off")
        await take_apart_for(
            connection, f"select distinct mint, interval_s, start_s from pg_temp.{_LATE}"
        )
        rows, _ = CandleStore.tables
        await rows.merge_from(connection, f"{_WHOLE} order by mint, interval_s, start_s")
        await HOURS.merge_from(
            connection, f"select * from ({_WHOLE}) as whole where interval_s = {HOUR_S}"
        )


async def _each(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def _stage(connection: Connection, length_s: int, part: Framed) -> int:
    """Send parts of candles of an interval; how many there are."""
    if not len(part):
        return 0
    columns = {
        "mint": _names(part),
        "interval_s": pl.repeat(length_s, len(part), eager=True),
        **{name: pl.Series(part.rows[name].copy()) for name in (ROW.names or ()) if name != "mint"},
    }
    rows = pl.DataFrame({name: columns[name] for name in _PARTS})
    await copy_csv(connection, "pg_temp", _LATE, list(_PARTS), rows)
    return len(part)


def _names(part: Framed) -> pl.Series:
    return pl.Series(named(part.mints, part.rows), dtype=pl.String())


def _hours(hours: Framed) -> pl.DataFrame:
    """Hours in the order of their key, which keeps neighbours on the same page."""

    def column(name: str) -> pl.Series:
        if name == "mint":
            return _names(hours)
        values = volume(hours.rows, name) if name in VOLUMES else hours.rows[name]
        return pl.Series(np.ascontiguousarray(values))

    return pl.DataFrame({name: column(name) for name in HOURS.columns}).sort(HOURS.key)
