"""Fills empty tables of portfolios: wallets' trades, and what these come to."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import ClassVar

import polars as pl

from adapters.postgres.pool import Connection
from adapters.postgres.portfolios import PortfolioStore
from adapters.postgres.staged_load import Parts, StagedLoad
from adapters.postgres.table_load import copy_csv, dropped_indexes
from projections.portfolio_frames import TRADES
from projections.position_frames import folded

# ruff: noqa: S608  # names of tables and columns only

TRADES_TOGETHER = 262_144
"""About so many are folded at a time, and all of each wallet's."""

_TRADES, _POSITIONS, _DAYS = PortfolioStore.tables
_IN_ORDER = f"select {', '.join(_TRADES.columns)} from parts order by {', '.join(_TRADES.key)}"
"""So a wallet's trades lie side by side, for who reads them here and later."""
_UNTIL = """
    select wallet from portfolio_trades where wallet {} $1
    order by wallet, pos offset $2::bigint limit 1
"""
# Not `t` and `f`, which only PostgreSQL reads.
_SELECTED = ", ".join(f"{name}::int" if name == "bought" else name for name in TRADES)
_WALLETS = f"select {_SELECTED} from portfolio_trades where wallet"
_READ = {name: pl.UInt8() if name == "bought" else dtype for name, dtype in TRADES.items()}


class PortfolioLoad(StagedLoad):
    """Fills trades, then folds them wallet by wallet: nothing is late once all are there."""

    name: ClassVar = PortfolioStore.name
    table: ClassVar = _TRADES
    beside: ClassVar = (_POSITIONS, _DAYS)
    parts: ClassVar = (Parts(_TRADES, _IN_ORDER),)

    async def complete(self, connection: Connection) -> None:
        """Fold positions and days from the trades."""
        # Nobody has looked at the table yet: the server would read or sort all of it, key or not.
        await connection.execute("set local enable_sort = off; set local enable_seqscan = off")
        indexes = await dropped_indexes(connection, _POSITIONS.table)
        async for trades in _by_wallets(connection):
            made = await asyncio.to_thread(folded, trades)
            for table, rows in ((_POSITIONS, made.positions), (_DAYS, made.days)):
                await copy_csv(connection, self._schema, table.table, list(table.columns), rows)
        for definition in indexes:
            await connection.execute(definition)


async def _by_wallets(connection: Connection) -> AsyncIterator[pl.DataFrame]:
    """All trades of some wallets, then of the next ones."""
    after, behind = "", ">="
    while True:
        until = await connection.fetchval(_UNTIL.format(behind), after, TRADES_TOGETHER)
        query, given = f"{_WALLETS} {behind} $1", [after]
        if until is not None:
            query, given = f"{query} and wallet <= $2", [after, until]
        text = io.BytesIO()
        await connection.copy_from_query(query, *given, output=text, format="csv")
        if text.tell():
            yield await asyncio.to_thread(_read, text)
        if until is None:
            return
        after, behind = until, ">"


def _read(text: io.BytesIO) -> pl.DataFrame:
    text.seek(0)
    rows = pl.read_csv(text, has_header=False, schema=_READ)
    return rows.with_columns(pl.col("bought").cast(pl.Boolean))
