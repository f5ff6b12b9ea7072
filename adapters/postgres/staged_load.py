"""Fills empty tables from parts of their rows, which the database puts together at the end.

For rows to which anything may come at any time: parts wait in temporary tables without a key, so
nobody has to have all rows in memory, or to look for the one that a part belongs to.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import msgspec
import polars as pl

from adapters.postgres.pool import Connection
from adapters.postgres.table_load import TableLoad, copy_csv
from adapters.postgres.upsert import Upsert
from projections.group import Group

# ruff: noqa: S608  # names of tables and columns, and queries, of the program's own

SORT_MEMORY_MB = 20
"""A dozen sorts may take so much each; what is more goes to the disk."""


class Parts(msgspec.Struct, frozen=True):
    """A table, and how its rows are made of their parts."""

    table: Upsert
    whole: str
    """A query of `parts` that gives each row once, with the table's columns in their order."""

    @property
    def staging(self) -> str:
        """The temporary table of the parts; its columns have the names and types of the rows'."""
        return f"parts_of_{self.table.table}"


class StagedLoad(TableLoad[Sequence[pl.DataFrame]]):
    """Fills each of `parts`, of which the first is `table` and the others are `beside` it.

    What is made is a frame of parts for each of them, in their order.
    """

    parts: ClassVar[Sequence[Parts]]

    async def prepare(self, connection: Connection) -> None:
        """Make the tables that the parts wait in."""
        for each in self.parts:
            columns = (f"{name} {_typed(kind)}" for name, kind in each.table.columns.items())
            await connection.execute(f"create temp table {each.staging} ({', '.join(columns)})")

    async def copy(self, connection: Connection, _schema: str, made: Sequence[pl.DataFrame]) -> int:
        """Send parts; they are no rows yet."""
        for each, rows in zip(self.parts, made, strict=True):
            if len(rows):
                names = list(each.table.columns)
                await copy_csv(connection, "pg_temp", each.staging, names, rows.select(names))
        return 0

    async def fill(self, connection: Connection) -> int:
        """Put the parts together."""
        # Sorting takes as much memory as it may and no more, and gives rows in the key's order.
        await connection.execute("set local enable_hashagg = off")
        counts = []
        for each in self.parts:
            done = await connection.execute(
                f"with parts as not materialized (select * from pg_temp.{each.staging})"
                f" insert into {each.table.table} ({', '.join(each.table.columns)}) {each.whole}"
            )
            counts.append(int(done.rpartition(" ")[2]))
        return counts[0]


def grouped(
    columns: Iterable[str],
    *,
    key: Sequence[str],
    others: Iterable[str],
    groups: Mapping[str, Group],
) -> str:
    """A query of `parts` in which each group of columns is that of one of the row's parts.

    `others` are aggregates, with the names of columns that are in no group.
    """
    by = ", ".join(key)
    chosen = (_chosen(name, group, by) for name, group in groups.items())
    return (
        f"select {', '.join(columns)}"
        f" from (select {by}, {', '.join(others)} from parts group by {by}) as summed"
        f" {' '.join(chosen)} order by {by}"
    )


async def sort_groups(connection: Connection) -> None:
    """Have the transaction's `grouped` queries sort, in memory that is bounded."""
    # Nothing is known of the parts, so a few are expected, and all would be tried with all.
    await connection.execute("set local enable_nestloop = off")
    # Each group of columns is sorted by itself, all of them at once.
    await connection.execute(f"set local work_mem = '{SORT_MEMORY_MB}MB'")


def _chosen(name: str, group: Group, key: str) -> str:
    pos, *_ = group.columns
    order = {
        "first": group.by,
        "last": f"{group.by} desc",
        "highest": f"{group.by} desc, {pos}",
    }[group.keeps]
    return (
        f"left join (select distinct on ({key}) {key}, {', '.join(group.columns)} from parts"
        f" where {group.by} is not null order by {key}, {order}) as {name} using ({key})"
    )


def _typed(kind: str) -> str:
    # Compared by bytes, as texts of the tables are.
    return 'text collate "C"' if kind == "text" else kind
