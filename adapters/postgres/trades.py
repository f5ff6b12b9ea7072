"""Keeps trades."""

from typing import ClassVar

from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.pool import Connection
from adapters.postgres.upsert import Upsert
from projections.trades import Changes, Trades

_INSERT = Upsert(
    "trades",
    {
        "mint": "text",
        "pos": "bigint",
        "id": "text",
        "block_time_s": "bigint",
        "venue": "text",
        "pool": "text",
        "canonical": "boolean",
        "side": "text",
        "trader": "text",
        "quote_mint": "text",
        "quote_decimals": "smallint",
        "token_decimals": "smallint",
        "quote_amount": "numeric",
        "token_amount": "numeric",
        "price": "double precision",
        "quote_reserves": "numeric",
        "token_reserves": "numeric",
        "layout": "text",
    },
    key=("mint", "pos"),
    action="nothing",
)


class TradeStore(CheckpointedStore[Changes]):
    """The trades read model in PostgreSQL."""

    name: ClassVar = Trades.name
    version: ClassVar = Trades.version

    async def write(self, connection: Connection, changes: Changes) -> None:
        """Add the trades; one that is already there stays as it is."""
        if not changes:
            return
        rows = (
            (
                trade.mint,
                trade.pos,
                trade.id,
                trade.block_time_s,
                trade.venue,
                trade.pool,
                trade.canonical,
                trade.side,
                trade.user,
                trade.quote_mint,
                trade.quote_decimals,
                trade.token_decimals,
                trade.quote_amount,
                trade.token_amount,
                trade.price,
                trade.quote_reserves,
                trade.token_reserves,
                trade.layout,
            )
            # In the order of the index, which keeps neighbours on the same page.
            for trade in sorted(changes, key=lambda trade: (trade.mint, trade.pos))
        )
        await connection.execute(_INSERT.sql, *_INSERT.arguments(rows))
