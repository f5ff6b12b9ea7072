"""Fills an empty table of candles by COPY."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import ClassVar

import polars as pl

from adapters.postgres.candle_bytes import copied
from adapters.postgres.candles import CandleStore
from adapters.postgres.pool import NO_CONNECTIONS, Connection
from adapters.postgres.table_load import TableLoad
from projections.buckets import HOUR_S
from projections.candle_columns import SCHEMA
from projections.candles import Candle, Changes, Key, merge

# ruff: noqa: S608  # the program's own text only

_HOURS = f"""
    insert into candle_hours select start_s, mint, open_pos, open, close_pos, close, volume_quote,
        buys, sells from candles where interval_s = {HOUR_S} order by 1, 2
"""


class CandleLoad(TableLoad[pl.DataFrame]):
    """Fills candles; each is written once, and what comes late for it is merged."""

    name: ClassVar = CandleStore.name
    table: ClassVar = CandleStore.tables[0]
    beside: ClassVar = CandleStore.tables[1:]

    async def copy(self, connection: Connection, schema: str, made: pl.DataFrame) -> int:
        """Send candles as binary."""
        await connection.copy_to_table(
            self.table.table,
            schema_name=schema,
            columns=list(SCHEMA),
            # In the order of the key, which keeps neighbours on the same page.
            source=_sent(copied(made.sort(self.table.key))),
            format="binary",
        )
        return len(made)

    async def merge(self, connection: Connection, late: Iterable[Mapping[Key, Candle]]) -> None:
        """Merge parts of candles as the live store does, with the hours beside them."""
        await connection.execute(_HOURS)
        changes = Changes({})
        for candles in late:
            changes = merge(changes, Changes(dict(candles)))
        await CandleStore(NO_CONNECTIONS).write(connection, changes)


async def _sent(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
