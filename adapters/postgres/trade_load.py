"""Fills an empty table of trades by COPY."""

from typing import ClassVar

import polars as pl

from adapters.postgres.horizons import horizons_in
from adapters.postgres.pool import Connection
from adapters.postgres.table_load import TableLoad, copy_csv
from adapters.postgres.trades import TradeStore
from projections.trade_frames import SCHEMA


class TradeLoad(TableLoad[pl.DataFrame]):
    """Fills trades; each is there once, so nothing is ever merged."""

    name: ClassVar = TradeStore.name
    table: ClassVar = TradeStore.tables[0]

    async def copy(self, connection: Connection, schema: str, made: pl.DataFrame) -> int:
        """Send trades; none of what was let go of comes back."""
        horizon = (await horizons_in(connection, schema)).get(self.name)
        if horizon is not None:
            made = made.filter(pl.col("pos") >= horizon.pos)
        # In the order of the key, which keeps neighbours on the same page.
        rows = made.sort(self.table.key)
        await copy_csv(connection, schema, self.table.table, list(SCHEMA), rows)
        return len(made)
