"""Fills an empty table of trades by COPY."""

import io
from collections.abc import AsyncIterator, Iterable
from typing import ClassVar

import polars as pl

from adapters.postgres.horizons import horizons_in
from adapters.postgres.pool import Connection
from adapters.postgres.table_load import TableLoad
from adapters.postgres.trades import TradeStore
from projections.trade_frames import SCHEMA

ROWS_TOGETHER = 16_384
"""So many are written as text at a time."""


class TradeLoad(TableLoad):
    """Fills trades; each is there once, so nothing is ever merged."""

    name: ClassVar = TradeStore.name
    table: ClassVar = TradeStore.tables[0]

    async def copy(self, connection: Connection, schema: str, rows: pl.DataFrame) -> None:
        """Send trades as CSV, in which what is empty and not quoted is null.

        None of what was let go of comes back.
        """
        horizon = (await horizons_in(connection, schema)).get(self.name)
        if horizon is not None:
            rows = rows.filter(pl.col("pos") >= horizon.pos)
        await connection.copy_to_table(
            self.table.table,
            schema_name=schema,
            columns=list(SCHEMA),
            source=_lines(rows),
            format="csv",
        )

    async def merge(self, connection: Connection, late: Iterable[pl.DataFrame]) -> None:
        """Nothing is late for a table in which every row stands alone."""
        assert not list(late)


async def _lines(rows: pl.DataFrame) -> AsyncIterator[bytes]:
    for part in rows.iter_slices(ROWS_TOGETHER):
        text = io.BytesIO()
        part.write_csv(text, include_header=False)
        yield text.getvalue()
