"""Fills an empty read model of candles: pages by COPY, and the hours beside them.

What comes for a candle that was sent waits in a temporary table without a key, as does what no page
holds, and is merged at the end: so memory does not grow with it.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import ClassVar

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from adapters.postgres.binary_copy import NUMERIC, copied, fixed, numerics, rows_of, texts
from adapters.postgres.candle_pages import (
    COLUMNS,
    ENDS,
    PAGES,
    Paged,
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

_NUMERICS = {name for name, kind in HOURS.columns.items() if kind == "numeric"}


def _sent_as(name: str) -> tuple[str, np.dtype[np.void]]:
    value = ">f8" if ROW[name].kind == "f" else ">i8"
    return name, np.dtype([("length", ">i4"), ("value", value)])


_NAMES = list(HOURS.columns)
_BEFORE, _BEHIND = (
    np.dtype([(it, NUMERIC) if it in _NUMERICS else _sent_as(it) for it in names])
    for names in (_NAMES[: _NAMES.index("mint")], _NAMES[_NAMES.index("mint") + 1 :])
)
"""An hour's columns before the mint and behind it."""
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
    hours: bytes
    """As a COPY reads them; nothing where there are none."""
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
        hours = pages.held.of(HOUR_S)
        return Sent(len(made), pages, _hours(hours) if len(hours) else b"", parts, made.late)

    async def copy(self, connection: Connection, schema: str, made: Sent) -> int:
        """Send pages over all connections, each of which takes what comes next."""
        chunks = iter(made.pages.chunks)
        hours = [made.hours, *(b"" for _ in self._lanes[1:])]
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
        self, connection: Connection, schema: str, chunks: Iterator[bytes], hours: bytes
    ) -> None:
        if hours:
            await _copy(connection, schema, HOURS.table, HOURS.columns, [hours])
        if (first := next(chunks, None)) is not None:
            await _copy(connection, schema, self.table.table, COLUMNS, chain([first], chunks))

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


async def _copy(
    connection: Connection,
    schema: str,
    table: str,
    columns: Iterable[str],
    chunks: Iterable[bytes],
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for part in copied(chunks):
            yield part

    await connection.copy_to_table(
        table, schema_name=schema, columns=list(columns), source=parts(), format="binary"
    )


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


def _hours(hours: Framed) -> bytes:
    """Hours in the order of their key, which keeps neighbours on the same page."""
    mints = named(hours.mints, hours.rows)
    start_s = pa.array(hours.rows["start_s"].copy())
    order = pc.sort_indices(
        pa.table({"start_s": start_s, "mint": mints}),
        sort_keys=[("start_s", "ascending"), ("mint", "ascending")],
    )
    rows = hours.rows.take(order.to_numpy())
    before, behind = np.empty(len(rows), _BEFORE), np.empty(len(rows), _BEHIND)
    for made in (before, behind):
        for name in made.dtype.names or ():
            if name in _NUMERICS:
                made[name] = numerics(volume(rows, name))
            else:
                made[name]["length"], made[name]["value"] = 8, rows[name]
    return rows_of(len(HOURS.columns), fixed(before), *texts(mints.take(order)), fixed(behind))
