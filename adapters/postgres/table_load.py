"""Fills an empty table by COPY; its key is made last, at once."""

import abc
import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar

import asyncpg
import polars as pl

from adapters.postgres.pool import CONNECT_TIMEOUT_S, Connection
from adapters.postgres.upsert import Upsert

# ruff: noqa: S608  # names of a schema, a table and its columns only

_SETTINGS = {
    "statement_timeout": "0",  # making the key takes as long as the table is large
    "idle_in_transaction_session_timeout": "0",  # rows may be made of others within the last one
    "maintenance_work_mem": "256MB",
    "work_mem": "256MB",
    "synchronous_commit": "off",  # what is lost is loaded anew; only `finish` waits for the disk
}
ROWS_TOGETHER = 16_384
"""So many are written as text at a time."""

M = TypeVar("M")

_INDEXES = """
    select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
    from pg_index where indrelid = $1::text::regclass and not indisprimary
"""


class TableLoad(abc.ABC, Generic[M]):
    """One filling of a generation's table; only its end makes it count.

    `M` is what many rows are sent as.
    """

    name: ClassVar[str]
    """The read model's."""
    table: ClassVar[Upsert]
    """What is filled."""
    beside: ClassVar[Sequence[Upsert]] = ()
    """Tables that keep what does not go there."""
    lanes: ClassVar = 1
    """Over so many connections rows are sent at a time."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection = connection
        self._lanes = [connection]
        self._schema = schema
        self._place = f"{schema}.{self.table.table}"
        self._key = ", ".join(self.table.key)
        self._indexes: list[str] = []
        """What makes those beside the key again."""
        self.rows = 0
        self.late_rows = 0
        """Parts of rows that had been written when they came."""

    @classmethod
    async def open(cls, dsn: str, schema: str, *, lanes: int | None = None) -> Self:
        """Empty the table and take its key away, and its other indexes.

        `lanes` is for servers that are known to take fewer connections than are best.
        """
        load = cls(await _connected(dsn, cls.name, schema), schema)
        try:
            await load._clear()
            # A server that takes no more connections is filled over fewer.
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError):
                while len(load._lanes) < (lanes or cls.lanes):
                    load._lanes.append(await _connected(dsn, cls.name, schema))
        except BaseException:
            for connection in load._lanes:
                connection.terminate()  # whoever is cancelled cannot wait for an answer
            raise
        return load

    async def taken_back(self) -> Mapping[int, int]:
        """By slot, the sequence up to which its events were taken back too late."""
        rows = await self._connection.fetch(
            f"select slot, max(sequence) as last from {self._schema}.taken_back group by slot"
        )
        return {row["slot"]: row["last"] for row in rows}

    def encoded(self, made: Any) -> M:
        """What is sent of rows; called in a thread, of one after the other."""
        sent: M = made
        return sent

    async def write(self, sent: M) -> None:
        """Add rows whose keys were not written yet, as `encoded` gives them."""
        self.rows += await self.copy(self._connection, self._schema, sent)

    async def finish(self, *, sequence: int) -> None:
        """Make the key, merge what came late, and set the checkpoint, all together."""
        async with self._connection.transaction():
            await self._connection.execute("set local synchronous_commit = on")
            self.rows += await self.fill(self._connection)
            await self._connection.execute(
                f"alter table {self.table.table} add primary key ({self._key})"
            )
            for definition in self._indexes:
                await self._connection.execute(definition)
            await self.merge(self._connection)
            await self.complete(self._connection)
            await self._connection.execute(
                "update checkpoints set sequence = $2, reread_after = $2, saved_at = now()"
                " where name = $1",
                self.name,
                sequence,
            )
        # Rows are mostly asked for by their key, and all columns take several times as long.
        tables = iter(self._tables)
        await together(self._analyze(lane, tables) for lane in self._lanes)

    async def close(self) -> None:
        """End the connections."""
        await asyncio.gather(*(connection.close() for connection in self._lanes))

    @abc.abstractmethod
    async def copy(self, connection: Connection, schema: str, made: M) -> int:
        """Send rows to the table; how many there are."""

    async def prepare(self, connection: Connection) -> None:
        """Make what is needed beside the tables."""

    async def fill(self, _connection: Connection) -> int:
        """Add what was sent elsewhere, all at once; how many rows of the table it makes."""
        return 0

    async def merge(self, connection: Connection) -> None:
        """Merge what was sent elsewhere with the rows, whose keys may be there already."""

    async def complete(self, connection: Connection) -> None:
        """Add what follows from all rows, which have their key by now."""

    async def _analyze(self, connection: Connection, tables: Iterator[Upsert]) -> None:
        for it in tables:
            await connection.execute(f"analyze {self._schema}.{it.table} ({', '.join(it.key)})")

    @property
    def _tables(self) -> Sequence[Upsert]:
        return (self.table, *self.beside)

    async def _clear(self) -> None:
        connection = self._connection
        tables = ", ".join(f"{self._schema}.{it.table}" for it in self._tables)
        await connection.execute(f"truncate {tables}")
        key = await self._key_name()
        if key is not None:
            await connection.execute(f'alter table {self._place} drop constraint "{key}"')
        self._indexes += await dropped_indexes(connection, self._place)
        await self.prepare(connection)

    async def _key_name(self) -> str | None:
        found: str | None = await self._connection.fetchval(
            "select conname from pg_constraint"
            " where contype = 'p' and conrelid = $1::text::regclass",
            self._place,
        )
        return found


async def _connected(dsn: str, name: str, schema: str) -> Connection:
    connection = await asyncpg.connect(
        dsn,
        timeout=CONNECT_TIMEOUT_S,
        server_settings={
            **_SETTINGS,
            "application_name": f"curvetape rebuild {name}",
            # So what an index takes from elsewhere, as of pg_trgm, is named with its schema.
            "search_path": schema,
        },
    )
    try:
        # Compressing the key's pages took two thirds of the time of making it. Only the database's
        # owner may say so, or whom they let.
        with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
            await connection.execute("set wal_compression = off")
    except BaseException:
        connection.terminate()  # whoever is cancelled cannot wait for an answer
        raise
    return connection


async def dropped_indexes(connection: Connection, table: str) -> Sequence[str]:
    """Drop a table's indexes but for its key; what makes them again."""
    found = await connection.fetch(_INDEXES, table)
    for index in found:
        await connection.execute(f"drop index {index['name']}")
    return [index["definition"] for index in found]


async def together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do it all at once; none goes on where one of them fails."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def copy_csv(
    connection: Connection, schema: str, table: str, columns: Sequence[str], rows: pl.DataFrame
) -> None:
    """Send rows as CSV, in which what is empty and not quoted is null."""
    await connection.copy_to_table(
        table, schema_name=schema, columns=list(columns), source=_lines(rows), format="csv"
    )


async def _lines(rows: pl.DataFrame) -> AsyncIterator[bytes]:
    for part in rows.iter_slices(ROWS_TOGETHER):
        text = io.BytesIO()
        part.write_csv(text, include_header=False)
        yield text.getvalue()
