"""Fills an empty table of candles by COPY; its key is made last, at once."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

import asyncpg
import polars as pl

from adapters.postgres.candle_bytes import copied
from adapters.postgres.candles import CandleStore
from adapters.postgres.pool import CONNECT_TIMEOUT_S, NO_CONNECTIONS, Connection
from projections.candle_frames import SCHEMA, unframed
from projections.candles import Changes

# ruff: noqa: S608  # names of a schema, a table and its columns only

_SETTINGS = {
    "statement_timeout": "0",  # making the key takes as long as the table is large
    "maintenance_work_mem": "256MB",
    "synchronous_commit": "off",  # what is lost is loaded anew; only `finish` waits for the disk
}


class CandleLoad:
    """One filling of a generation's table; only its end makes it count."""

    table = "candles"

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema
        self._key = ", ".join(CandleStore.tables[0].key)
        self.rows = 0

    async def taken_back(self) -> Mapping[int, int]:
        """By slot, the sequence up to which its events were taken back too late."""
        rows = await self._connection.fetch(
            f"select slot, max(sequence) as last from {self._schema}.taken_back group by slot"
        )
        return {row["slot"]: row["last"] for row in rows}

    @classmethod
    async def open(cls, dsn: str, schema: str) -> "CandleLoad":
        """Empty the table and take its key away."""
        connection = await asyncpg.connect(
            dsn,
            timeout=CONNECT_TIMEOUT_S,
            server_settings={**_SETTINGS, "application_name": "curvetape rebuild candles"},
        )
        load = cls(connection, schema)
        await connection.execute(f"truncate {schema}.candles")
        key = await load._key_name()
        if key is not None:
            await connection.execute(f'alter table {schema}.candles drop constraint "{key}"')
        return load

    async def write(self, candles: pl.DataFrame) -> None:
        """Add candles whose keys were not written yet."""
        # In the order of the key, which keeps neighbours on the same page.
        ordered = candles.sort("mint", "interval_s", "start_s")
        await self._connection.copy_to_table(
            self.table,
            schema_name=self._schema,
            columns=list(SCHEMA),
            source=_sent(copied(ordered)),
            format="binary",
        )
        self.rows += len(candles)

    async def finish(self, late: Sequence[pl.DataFrame], *, name: str, sequence: int) -> None:
        """Make the key, merge what came late, and set the checkpoint, all together."""
        async with self._connection.transaction():
            await self._connection.execute("set local synchronous_commit = on")
            await self._connection.execute(
                f"alter table {self._schema}.candles add primary key ({self._key})"
            )
            await self._connection.execute(f"set local search_path = {self._schema}")
            await CandleStore(NO_CONNECTIONS).write(self._connection, Changes(unframed(late)))
            await self._connection.execute(
                "update checkpoints set sequence = $2, reread_after = $2, saved_at = now()"
                " where name = $1",
                name,
                sequence,
            )
        # Nobody asks for candles by anything else, and all columns take several times as long.
        await self._connection.execute(f"analyze {self._schema}.candles ({self._key})")

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()

    async def _key_name(self) -> str | None:
        found: str | None = await self._connection.fetchval(
            "select conname from pg_constraint"
            " where contype = 'p' and conrelid = $1::text::regclass",
            f"{self._schema}.{self.table}",
        )
        return found


async def _sent(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
