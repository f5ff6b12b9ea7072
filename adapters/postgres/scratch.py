"""Read models beside the kept ones, in the same database, for as long as one connection lasts.

They are temporary tables of the same names, which this connection finds in the place of the kept
ones: so a store fills them with the very statements that fill those. Whatever ends the connection,
the server drops them.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import asyncpg
import msgspec

from adapters.postgres import checkpoint_parts
from adapters.postgres.candles import CandleStore
from adapters.postgres.errors import PERMANENT, TRANSIENT, DatabaseUnreachableError
from adapters.postgres.horizons import TRIMMED, candles_from, horizons_in, let_go
from adapters.postgres.migrations import SchemaError
from adapters.postgres.pool import Connection
from adapters.postgres.reaching import reach, reaching
from adapters.postgres.table_store import Table
from adapters.postgres.upsert import Upsert
from projections.audit.model_report import Difference, RowDifference, TableReport
from projections.reads import INTERVALS_S

CLOSE_WAIT_S_MAX = 5.0
COMPARING_LOCK = 0x636F6D70
"""Advisory lock that comparisons share, and that nobody else may have meanwhile ("comp")."""
_SETTINGS = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "temp_buffers": "64MB",
}
"""A comparison takes as long as the tables are large."""

NAMES = {length_s: name for name, length_s in INTERVALS_S.items()}

# ruff: noqa: S608  # names of schemas, tables and columns only, none of them given from outside


class NoReadModelsError(SchemaError):
    """The database has none of the tables."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Where a kept read model is."""

    version: int
    sequence: int
    refused: str | None
    parts: tuple[int, ...] = ()
    """The sequence of each part, where it is divided; `sequence` is the lowest."""


class Scratch:
    """Temporary read models on a connection of their own: no kept one can be written through it.

    Fits `adapters.postgres.pool.Connections`. Raises `DatabaseUnreachableError` once the connection
    is lost.
    """

    def __init__(self, dsn: str, connection: Connection, schema: str) -> None:
        self._dsn = dsn
        self._connection = connection
        self._schema = schema
        self._free = asyncio.Lock()
        self._from_pos: Mapping[str, int] = {}
        """By table, the lowest position of which rows are compared; of all where there is none."""
        self._candles_from: Mapping[int, int] = {}
        """By interval, the first second of which candles are compared."""

    @classmethod
    async def open(cls, dsn: str, *, application: str) -> Self:
        """Connect; raises `NoReadModelsError` and `DatabaseUnreachableError`."""
        connection = await reach(dsn, application_name=application, **_SETTINGS)
        try:
            scratch = cls(dsn, connection, await _schema_of(connection))
            with reaching(dsn):
                await scratch._begin()
        except BaseException:
            connection.terminate()
            raise
        return scratch

    async def _begin(self) -> None:
        for name in ("checkpoints", "checkpoint_parts", "taken_back", "parked_events", "horizons"):
            await self._connection.execute(
                f"create temp table {name} (like {self._schema}.{name} including all)"
            )
        # Nothing is let go of for as long as this connection lasts.
        await self._connection.execute("select pg_advisory_lock_shared($1)", COMPARING_LOCK)
        for name in ("taken_back", "horizons"):
            await self._connection.execute(
                f"insert into {name} select * from {self._schema}.{name}"
            )
        horizons = await horizons_in(self._connection, self._schema)
        self._from_pos = {TRIMMED[name]: it.pos for name, it in horizons.items()}
        self._candles_from = await candles_from(self._connection, self._schema)
        # From here on a name without a schema is that of a temporary table, or of none.
        await self._connection.execute("set search_path = pg_temp")

    async def shadow(self, tables: Iterable[Upsert]) -> None:
        """Make an empty table like each of the kept ones; nothing else can be written then."""
        with reaching(self._dsn):
            for table in tables:
                definition = (
                    f"(like {self._schema}.{table.table}"
                    " including defaults including constraints including generated,"
                    f" primary key ({', '.join(table.key)}))"
                )
                if isinstance(table, Table):  # the kept one may not be there yet
                    definition = table.definition
                await self._connection.execute(f"create temp table {table.table} {definition}")
                await table.stage(self._connection)
            # The server itself refuses to write to any table that is not temporary.
            await self._connection.execute("set default_transaction_read_only = on")

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """The connection, for one at a time."""
        async with self._free:
            if self._connection.is_closed():
                raise DatabaseUnreachableError(self._dsn, "the connection was lost")
            try:
                yield self._connection
            except asyncpg.PostgresError:
                raise
            except BaseException:
                # A statement may be under way still, and the next one would meet its answer.
                await self._close()
                raise

    async def kept(self) -> Mapping[str, Kept]:
        """Where the kept read models are, by name."""
        with reaching(self._dsn):
            rows = await self._connection.fetch(
                "select name, version, sequence, refused, array("
                f" select part.sequence from {self._schema}.checkpoint_parts as part"
                " where part.name = whole.name and whole.parts > 1 order by part.part) as parts"
                f" from {self._schema}.checkpoints as whole"
            )
        return {
            row["name"]: Kept(
                version=row["version"],
                sequence=row["sequence"],
                refused=row["refused"],
                parts=tuple(row["parts"]),
            )
            for row in rows
        }

    async def divide(self, name: str, parts: int) -> None:
        """Give a temporary read model a checkpoint for each part, all where it is now."""
        async with self._free:
            with reaching(self._dsn):
                await checkpoint_parts.divide(self._connection, name, parts)

    @asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """Within the block the kept tables stay as they are at its first statement.

        Others go on writing to them. What is written here is seen here.
        """
        with reaching(self._dsn):
            transaction = self._connection.transaction(isolation="repeatable_read")
            await transaction.start()
            try:
                yield
            except BaseException:
                await self.close()
                raise
            await transaction.commit()

    async def compared(self, table: Upsert, *, rows_max: int) -> TableReport:
        """A kept table beside the temporary one, with the first rows that differ."""
        with reaching(self._dsn):
            kept, replayed = self._both(table)
            rows, digest = await self._digest(kept, table.key)
            made, made_digest = await self._digest(replayed, table.key)
            counts: dict[Difference, int] = {}
            first: tuple[RowDifference, ...] = ()
            if digest != made_digest:
                counts, first = await self._differences(table, rows_max)
        return TableReport(
            name=table.view,
            rows=rows,
            digest=digest,
            rows_replayed=made,
            digest_replayed=made_digest,
            differences=counts,
            first=first,
            from_pos=self._from_pos.get(table.table),
            from_s={NAMES[length_s]: from_s for length_s, from_s in self._of(table).items()},
        )

    def _both(self, table: Upsert) -> tuple[str, str]:
        """The kept rows and the replayed ones, from the horizon on."""
        pos, since = self._from_pos.get(table.table), self._of(table)
        places = f"{self._schema}.{table.view}", f"pg_temp.{table.table}"
        if pos is None and not since:
            return places
        condition = f"not {let_go(since)}" if pos is None else f"pos >= {pos}"
        kept, replayed = (f"(select * from {place} where {condition})" for place in places)
        return kept, replayed

    def _of(self, table: Upsert) -> Mapping[int, int]:
        """By interval, since when a table's rows are compared; of the table of candles alone."""
        return self._candles_from if table.table == CandleStore.tables[0].table else {}

    async def _digest(self, table: str, key: Sequence[str]) -> tuple[int, str]:
        """How many rows there are, and the hash of all of them in order; holds a few at a time."""
        digest = hashlib.sha256()

        async def take(chunk: bytes) -> None:
            digest.update(chunk)

        status = await self._connection.copy_from_query(
            f"select * from {table} as rows order by {', '.join(key)}", output=take
        )
        return int(status.rpartition(" ")[2]), digest.hexdigest()

    async def _differences(
        self, table: Upsert, rows_max: int
    ) -> tuple[dict[Difference, int], tuple[RowDifference, ...]]:
        keys = ", ".join(table.key)
        kept, replayed = self._both(table)
        differing = f"""
            select {keys}, to_jsonb(kept) as kept, to_jsonb(replayed) as replayed, case
                when kept.{table.key[0]} is null then 'missing'
                when replayed.{table.key[0]} is null then 'extra'
                else 'other values' end as what
            from {kept} as kept
            full join {replayed} as replayed using ({keys})
            where kept.{table.key[0]} is null or replayed.{table.key[0]} is null
                or row(kept.*)::text <> row(replayed.*)::text
        """
        counts = await self._connection.fetch(
            f"select what, count(*) from ({differing}) as rows group by what order by what"
        )
        first = await self._connection.fetch(
            f"select * from ({differing}) as rows order by {keys} limit $1", rows_max
        )
        return dict(map(tuple, counts)), tuple(_difference(row, table.key) for row in first)

    async def close(self) -> None:
        """End the connection, and with it the replay; waits for who is just giving it back."""
        try:
            async with asyncio.timeout(CLOSE_WAIT_S_MAX), self._free:
                await self._close()
        except TimeoutError:
            self._connection.terminate()

    async def _close(self) -> None:
        try:
            await self._connection.close(timeout=CLOSE_WAIT_S_MAX)
        except (*TRANSIENT, *PERMANENT):
            self._connection.terminate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


async def _schema_of(connection: Connection) -> str:
    """Where the kept read models are, as a name to stand in a statement."""
    schema: str | None = await connection.fetchval(
        "select relnamespace::regnamespace::text from pg_class"
        " where oid = to_regclass('checkpoints')"
    )
    if schema is None:
        raise NoReadModelsError("the database has no read models; `curvetape project` makes them")
    return schema


def _difference(row: asyncpg.Record, key: Sequence[str]) -> RowDifference:
    kept, replayed = _columns(row["kept"], key), _columns(row["replayed"], key)
    if kept is not None and replayed is not None:
        names = [name for name in kept if kept[name] != replayed[name]]
        kept = {name: kept[name] for name in names}
        replayed = {name: replayed[name] for name in names}
    return RowDifference(
        what=row["what"], key={name: row[name] for name in key}, kept=kept, replayed=replayed
    )


def _columns(text: str | None, key: Sequence[str]) -> dict[str, object] | None:
    """A row's columns but those of its key."""
    if text is None:
        return None
    columns = msgspec.json.decode(text, type=dict[str, object])
    return {name: value for name, value in columns.items() if name not in key}
