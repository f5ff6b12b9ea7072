"""Fills an empty table by COPY; its key is made last, at once."""

import abc
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import asyncpg
import polars as pl

from adapters.postgres.pool import CONNECT_TIMEOUT_S, Connection
from adapters.postgres.upsert import Upsert

# ruff: noqa: S608  # names of a schema, a table and its columns only

_SETTINGS = {
    "statement_timeout": "0",  # making the key takes as long as the table is large
    "maintenance_work_mem": "256MB",
    "synchronous_commit": "off",  # what is lost is loaded anew; only `finish` waits for the disk
}


class TableLoad(abc.ABC):
    """One filling of a generation's table; only its end makes it count."""

    name: ClassVar[str]
    """The read model's."""
    table: ClassVar[Upsert]

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema
        self._key = ", ".join(self.table.key)
        self.rows = 0

    @classmethod
    async def open(cls, dsn: str, schema: str) -> Self:
        """Empty the table and take its key away."""
        connection = await asyncpg.connect(
            dsn,
            timeout=CONNECT_TIMEOUT_S,
            server_settings={**_SETTINGS, "application_name": f"curvetape rebuild {cls.name}"},
        )
        load = cls(connection, schema)
        await connection.execute(f"truncate {schema}.{cls.table.table}")
        key = await load._key_name()
        if key is not None:
            await connection.execute(
                f'alter table {schema}.{cls.table.table} drop constraint "{key}"'
            )
        return load

    async def taken_back(self) -> Mapping[int, int]:
        """By slot, the sequence up to which its events were taken back too late."""
        rows = await self._connection.fetch(
            f"select slot, max(sequence) as last from {self._schema}.taken_back group by slot"
        )
        return {row["slot"]: row["last"] for row in rows}

    async def write(self, rows: pl.DataFrame) -> None:
        """Add rows whose keys were not written yet."""
        # In the order of the key, which keeps neighbours on the same page.
        await self.copy(self._connection, self._schema, rows.sort(self.table.key))
        self.rows += len(rows)

    async def finish(self, late: Sequence[Any], *, sequence: int) -> None:
        """Make the key, merge what came late, and set the checkpoint, all together."""
        async with self._connection.transaction():
            await self._connection.execute("set local synchronous_commit = on")
            await self._connection.execute(
                f"alter table {self._schema}.{self.table.table} add primary key ({self._key})"
            )
            await self._connection.execute(f"set local search_path = {self._schema}")
            await self.merge(self._connection, late)
            await self._connection.execute(
                "update checkpoints set sequence = $2, reread_after = $2, saved_at = now()"
                " where name = $1",
                self.name,
                sequence,
            )
        # Nobody asks for rows by anything else, and all columns take several times as long.
        await self._connection.execute(f"analyze {self._schema}.{self.table.table} ({self._key})")

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()

    @abc.abstractmethod
    async def copy(self, connection: Connection, schema: str, rows: pl.DataFrame) -> None:
        """Send rows, in the order of the key, to the table."""

    @abc.abstractmethod
    async def merge(self, connection: Connection, late: Iterable[Any]) -> None:
        """Merge rows whose keys are there already."""

    async def _key_name(self) -> str | None:
        found: str | None = await self._connection.fetchval(
            "select conname from pg_constraint"
            " where contype = 'p' and conrelid = $1::text::regclass",
            f"{self._schema}.{self.table.table}",
        )
        return found
