"""Many rows at once, inserted or merged with those that are there."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from operator import itemgetter
from typing import Any
from zlib import crc32

import asyncpg
import msgspec

from adapters.postgres.pool import Connection

# ruff: noqa: S608  # names of tables and columns only, none of them given from outside

COPIED_ROWS_MIN = 200
"""Fewer rows travel as arrays in the statement itself, which takes fewer turns; more are copied,
which costs both sides less for each row: to the table itself if they are new, or else to a
temporary one first."""

TELLS_OLD_FROM = 18
"""The first version of PostgreSQL that returns what a row was, with what it is after a merge."""

PLAIN_FROM = 16
"""The first version of PostgreSQL that takes `storage` where a table is created."""

STAGED_ROW_BYTES_MAX = 4_000
"""Longer rows, as CSV, travel as arrays: what is kept in no other place than the row has to fit on
a page of 8 kB, with all that the server adds."""

_encode = msgspec.json.Encoder().encode


_ELSEWHERE = ("numeric", "text")
"""Types whose values may be stored elsewhere when they are long."""


class Counted(msgspec.Struct, frozen=True):
    """A table that keeps how many rows meet a condition, by a column of the rows' key.

    It is moved in the statement that merges the rows, which looks at them before and behind. So
    nobody else may write rows of the same value meanwhile: each save has its checkpoint locked.
    """

    table: str
    column: str
    by: str
    condition: str
    """Of columns of the row, each as `{row}.name`."""

    def of(self, row: str) -> str:
        """The condition, of a row of this name."""
        return self.condition.format(row=row)


class Upsert:
    """One shape of `insert … on conflict`, for as many rows as there are.

    Columns of type `numeric` take integers of any size. Table, columns and action are the
    program's own text.
    """

    def __init__(
        self,
        table: str,
        columns: Mapping[str, str],
        *,
        key: Sequence[str],
        action: str,
        counted: Counted | None = None,
        view: str | None = None,
    ) -> None:
        """`columns` maps names to SQL types; `action` merges `excluded` into `kept`.

        `view` is what all rows are read from, where the table does not have them all.
        """
        self.table = table
        self.columns = dict(columns)
        self.view = view or table
        self.key = tuple(key)
        self._counted = counted
        names = ", ".join(columns)
        arrays = ", ".join(
            f"${number}::text::{kind}[]" for number, kind in enumerate(columns.values(), start=1)
        )
        insert = f"insert into {table} as kept ({names}) select {names} from"
        merge = f"on conflict ({', '.join(key)}) do {action}"
        self._insert, self._merge = insert, merge
        self._merging = self._counted_merges(f"unnest({arrays}) as batch ({names})", insert, merge)
        self.sql = self._merging[False]
        """For `arguments`."""
        self._reals = [at for at, kind in enumerate(columns.values()) if kind == "double precision"]
        staged = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        # Each commit of a connection empties all such tables that it has, whichever it filled. One
        # with values that may be stored elsewhere has two more files, which is most of the work.
        plain = ", ".join(
            f"{name} {kind}{' storage plain' * (kind in _ELSEWHERE)}"
            for name, kind in columns.items()
        )
        # Named after what it is like: a connection may serve another declaration of the table.
        self._staging = f"batch_{crc32(f'{table} {staged}'.encode()):08x}"
        self._stagings = {
            is_plain: f"create temp table {self._staging} ({kinds}) on commit delete rows"
            for is_plain, kinds in ((False, staged), (True, plain))
        }
        self._empty = f"delete from pg_temp.{self._staging}"
        self._moving = self._counted_merges(f"pg_temp.{self._staging} as batch", insert, merge)
        self._keeps_first = action == "nothing"

    async def merge(
        self, connection: Connection, rows: Sequence[tuple[Any, ...]], *, all_new: bool = False
    ) -> None:
        """Insert or merge rows, each with the columns in the order declared.

        Runs inside the caller's transaction. No two rows may have the same key. Who knows that
        none of the keys is there says `all_new`, which is cheaper; that it was wrong costs time.
        """
        if not rows:
            return
        lines = None if len(rows) < COPIED_ROWS_MIN else _csv(rows, self._reals)
        tells_old = connection.get_server_version().major >= TELLS_OLD_FROM
        if lines is None:
            await connection.execute(self._merging[tells_old], *map(array, zip(*rows, strict=True)))
            return
        # To look for a row that may be in the way takes longer than to insert one. Rows of which
        # the first stays are there already only where somebody saves them again.
        straight = (all_new or self._keeps_first) and self._counted is None
        if straight and await self._added(connection, lines):
            return
        if not await connection.fetchval("select to_regclass($1)", f"pg_temp.{self._staging}"):
            await self.stage(connection)
        else:
            # It is empty but within a transaction that has merged a batch already.
            await connection.execute(self._empty)
        await self._copy(connection, self._staging, lines, schema="pg_temp")
        await connection.execute(self._moving[tells_old])

    async def merge_from(self, connection: Connection, query: str) -> None:
        """Insert or merge what a query gives, with columns of these names, each key once."""
        assert self._counted is None, "a query's rows cannot be looked at twice"
        await connection.execute(f"{self._insert} ({query}) as batch {self._merge}")

    async def stage(self, connection: Connection) -> None:
        """Make the table that rows are copied to, once for each connection."""
        is_plain = connection.get_server_version().major >= PLAIN_FROM
        await connection.execute(self._stagings[is_plain])

    def _counted_merges(self, source: str, insert: str, merge: str) -> dict[bool, str]:
        """The statement that merges what a source has, and counts it where it is to be counted.

        One for servers that tell what a row was when they merge it, and one for the others.
        """
        merged, counted = f"{insert} {source} {merge}", self._counted
        if counted is None:
            return dict.fromkeys((False, True), merged)
        by, same = counted.by, " and ".join(f"held.{name} = batch.{name}" for name in self.key)
        # Each by its key: who does not know how few rows these are may read the whole table.
        before = (
            f"before as (select batch.{by}, -1 as rows from {source} cross join lateral ("
            f"select from {self.table} as held where {same} and {counted.of('held')} offset 0"
            ") as counted)"
        )
        is_met, was_met = f"({counted.of('new')})::int", f"({counted.of('old')})::int"
        rows = f"{is_met} - coalesce({was_met}, 0) as rows"
        return {
            False: (
                f"with {before}, merged as"
                f" ({merged} returning {by}, ({counted.of('kept')})::int as rows), moved as"
                f" (select * from before union all select * from merged) {_count(counted)}"
            ),
            True: (f"with moved as ({merged} returning new.{by}, {rows}) {_count(counted)}"),
        }

    async def _added(self, connection: Connection, lines: memoryview) -> bool:
        """Copy rows to where they belong; whether all were new, or else nothing was done."""
        try:
            async with connection.transaction():
                await self._copy(connection, self.table, lines)
        except asyncpg.UniqueViolationError:
            return False
        return True

    async def _copy(
        self, connection: Connection, table: str, lines: memoryview, schema: str | None = None
    ) -> None:
        await connection.copy_to_table(
            table,
            schema_name=schema,
            columns=list(self.columns),
            source=lines,  # type: ignore[arg-type]  # it takes buffers, as its documentation says
            format="csv",
            null="null",
        )

    def arguments(self, columns: Iterable[Iterable[object]]) -> list[str]:
        """The statement's arguments, from the values of each column in the order declared."""
        return [array(column) for column in columns]


def _count(counted: Counted) -> str:
    """Adds up what `moved` has; none of what stays as it is, but for those not met before."""
    by, column = counted.by, counted.column
    return (
        f"insert into {counted.table} as kept ({by}, {column})"
        f" select {by}, sum(rows) from moved group by {by}"
        f" having sum(rows) <> 0 or not exists"
        f" (select from {counted.table} as there where there.{by} = moved.{by} offset 0)"
        f" on conflict ({by}) do update set {column} = kept.{column} + excluded.{column}"
    )


def _csv(rows: Sequence[tuple[Any, ...]], reals: Iterable[int]) -> memoryview | None:
    """Rows as CSV in which only texts are quoted; None where JSON would not be the same.

    And where a row is longer than `STAGED_ROW_BYTES_MAX`.

    `reals` says which columns are floats. The driver's own way to copy records costs this process
    ten times as much, and takes no integers for `numeric`.
    """
    # JSON has no infinity and nothing that is not a number, and a sum has if one of its parts is.
    if not all(isfinite(sum(filter(None, map(itemgetter(real), rows)))) for real in reals):
        return None
    # Each row is an array, whose brackets are no part of a line.
    written = [_encode(row)[1:-1] for row in rows]
    if max(map(len, written)) > STAGED_ROW_BYTES_MAX:
        return None
    lines = b"\n".join(written)
    # JSON escapes what CSV does not. The driver takes plain bytes for the name of a file.
    return None if b"\\" in lines else memoryview(lines)


def array(values: Iterable[object]) -> str:
    """Numbers, truths or texts, None among them, as PostgreSQL writes an array: `{1,null,3}`.

    To be cast, `$1::text::bigint[]`. The driver's own arrays cost this process ten times as much,
    since it asks of each value whether it is itself an array.
    """
    values = values if isinstance(values, tuple) else tuple(values)
    # JSON writes the same but for the brackets, for escapes, and for numbers that are none.
    written = _encode(values)
    if b"\\" in written or written.count(b"null") != values.count(None):
        return "{" + ",".join(map(_element, values)) + "}"
    return "{" + written[1:-1].decode() + "}"


def _element(value: object) -> str:
    if value is None:
        return "null"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def latest(position: str, *columns: str) -> str:
    """Assignments that take the group from whichever row has the higher position."""
    return _group(">", "greatest", position, columns)


def first(position: str, *columns: str) -> str:
    """Assignments that take the group from whichever row has the lower position."""
    return _group("<", "least", position, columns)


def highest(value: str, position: str, *columns: str) -> str:
    """Assignments that take the group from the row with the higher value, the first of equals."""
    taken = (
        f"kept.{value} is null or excluded.{value} > kept.{value}"
        f" or (excluded.{value} = kept.{value} and excluded.{position} < kept.{position})"
    )
    return ", ".join(
        f"{column} = case when {taken} then excluded.{column} else kept.{column} end"
        for column in (value, position, *columns)
    )


def added(*columns: str) -> str:
    """Assignments that add up."""
    return ", ".join(f"{column} = kept.{column} + excluded.{column}" for column in columns)


def known(*columns: str) -> str:
    """Assignments for constants that one of the rows may not know."""
    return ", ".join(f"{column} = greatest(kept.{column}, excluded.{column})" for column in columns)


def _group(comparison: str, choice: str, position: str, columns: Sequence[str]) -> str:
    # `greatest` and `least` pass over nulls; the comparison needs both sides to be there.
    taken = f"kept.{position} is null or excluded.{position} {comparison} kept.{position}"
    picks = [
        f"{column} = case when {taken} then excluded.{column} else kept.{column} end"
        for column in columns
    ]
    return ", ".join([*picks, f"{position} = {choice}(kept.{position}, excluded.{position})"])
