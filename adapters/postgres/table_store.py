"""A store made from a declaration: one table, how its rows merge, and their checkpoint."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import ClassVar, Literal, TypeAlias

from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.migrations import LOCK_KEY
from adapters.postgres.pool import Connection
from adapters.postgres.upsert import Upsert
from projections.projection import Checkpoint, StoreRefusedError

ColumnType: TypeAlias = Literal[
    "bigint", "boolean", "double precision", "integer", "numeric", "smallint", "text"
]
"""As the server itself calls them. A sum of amounts is `numeric`: it may pass 64 bits."""

_COLUMNS = """
    select attname, format_type(atttypid, atttypmod) from pg_attribute
    where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum
"""


class Table(Upsert):
    """A table that is made where it is missing; name, columns and merge are the program's own."""

    def __init__(
        self, name: str, columns: Mapping[str, ColumnType], *, key: Sequence[str], merge: str = ""
    ) -> None:
        """`merge` assigns to a row that is there, as `upsert.added` and its like say it.

        Without it the first of two rows with the same key stays.
        """
        action = f"update set {merge}" if merge else "nothing"
        super().__init__(name, columns, key=key, action=action)
        self.columns = dict(columns)
        described = (f"{column} {_described(kind)}" for column, kind in columns.items())
        self.definition = f"({', '.join(described)}, primary key ({', '.join(key)}))"
        """What stands behind `create table` and a name."""


class TableStore(CheckpointedStore[Sequence[object]]):
    """Keeps the rows that a core gives for each batch, at most one for each key.

    A subclass says `name`, `version` and `tables`, with one `Table`. A row is anything that has an
    attribute for each column; None is a value that is not known.
    """

    tables: ClassVar[Sequence[Table]]

    async def write(self, connection: Connection, changes: Sequence[object]) -> None:
        """Merge the rows into those that are there."""
        if not changes:
            return
        (table,) = self.tables
        # In the order of the index, which keeps neighbours on the same page.
        rows = sorted(changes, key=attrgetter(*table.key))
        columns = (map(attrgetter(column), rows) for column in table.columns)
        await table.merge(connection, list(zip(*columns, strict=True)))

    async def _checkpoint(self) -> Checkpoint:
        found = await super()._checkpoint()
        (table,) = self.tables
        async with self._pool.acquire() as connection:
            columns = dict(map(tuple, await connection.fetch(_COLUMNS, table.table)))
            if columns == table.columns:
                return found
            if columns:
                raise StoreRefusedError(
                    self.name,
                    f"its table {table.table} has other columns than this program declares; raise"
                    f" its version and rebuild it with `curvetape projections rebuild {self.name}`",
                )
            if found.sequence:
                raise StoreRefusedError(
                    self.name,
                    f"its table {table.table} is gone; rebuild it with"
                    f" `curvetape projections rebuild {self.name}`",
                )
            async with connection.transaction():
                await connection.execute("select pg_advisory_xact_lock($1)", LOCK_KEY)
                await connection.execute(
                    f"create table if not exists {table.table} {table.definition}"
                )
        return found


def _described(kind: ColumnType) -> str:
    # In the order of bytes, as all that is told apart by text is.
    return 'text collate "C"' if kind == "text" else kind
