"""Fills an empty read model of candles: pages by COPY, and the hours beside them."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import ClassVar

import polars as pl
import pyarrow as pa

from adapters.postgres.candle_pages import COLUMNS, ENDS, PAGES, paged
from adapters.postgres.candles import HOURS, CandleStore
from adapters.postgres.pool import NO_CONNECTIONS, Connection
from adapters.postgres.table_load import TableLoad, copy_csv
from projections.buckets import HOUR_S
from projections.candle_columns import Closed, Columns, unclosed
from projections.candles import Candle, Changes, Key, merge


class CandleLoad(TableLoad[Closed]):
    """Fills candles; each is in one page, and what comes late for it is merged."""

    name: ClassVar = CandleStore.name
    table: ClassVar = PAGES
    beside: ClassVar = (*CandleStore.tables, ENDS)

    def __init__(self, connection: Connection, schema: str) -> None:
        super().__init__(connection, schema)
        self._pages = 0
        self._ends: dict[int, int] = {}
        self._left: dict[Key, Candle] = {}

    async def copy(self, connection: Connection, schema: str, made: Closed) -> int:
        """Send candles as pages; what fits in none becomes plain rows at the end."""
        pages = await asyncio.to_thread(paged, made, number=self._pages)
        self._pages += pages.pages
        for length_s, end_s in pages.ends.items():
            self._ends[length_s] = max(end_s, self._ends.get(length_s, end_s))
        self._left |= unclosed(pages.left)
        if pages.pages:
            await connection.copy_to_table(
                self.table.table,
                schema_name=schema,
                columns=list(COLUMNS),
                source=_sent(pages.body),
                format="binary",
            )
        if hours := pages.held.get(HOUR_S):
            await copy_csv(
                connection, schema, HOURS.table, list(HOURS.columns), _hours(made.mints, hours)
            )
        return len(made)

    async def merge(self, connection: Connection, late: Iterable[Mapping[Key, Candle]]) -> None:
        """Merge parts of candles as the live store does."""
        await ENDS.merge(connection, list(self._ends.items()))
        changes = Changes(self._left)
        for candles in late:
            changes = merge(changes, Changes(dict(candles)))
        await CandleStore(NO_CONNECTIONS).write(connection, changes)


async def _sent(parts: Sequence[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def _hours(mints: pa.Array, hours: Columns) -> pl.DataFrame:
    """Hours in the order of their key, which keeps neighbours on the same page."""
    names = pl.Series(mints.take(pa.array(hours["mint"])), dtype=pl.String())
    columns = {name: names if name == "mint" else hours[name] for name in HOURS.columns}
    return pl.DataFrame(columns).sort(HOURS.key)
