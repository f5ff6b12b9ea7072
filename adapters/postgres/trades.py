"""Keeps trades."""

from operator import attrgetter
from typing import ClassVar

from msgspec.structs import astuple

from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.horizons import horizon_pos
from adapters.postgres.pool import Connection
from adapters.postgres.upsert import Upsert
from projections.reads import TradeRow
from projections.trades import Changes, Trades

_COLUMNS = {
    "id": "text",
    "pos": "bigint",
    "block_time_s": "bigint",
    "mint": "text",
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
    "held_quote_reserves": "numeric",
    "held_token_reserves": "numeric",
    "supply": "numeric",
    "user_token_amount": "numeric",
    "user_token_balance": "numeric",
    "layout": "text",
}
_INSERT = Upsert("trades", _COLUMNS, key=("mint", "pos"), action="nothing")
_FIELDS = tuple("user" if column == "trader" else column for column in _COLUMNS)
assert TradeRow.__struct_fields__ == _FIELDS, "a row has a trade's fields as they are"
_MINT = attrgetter("mint")


class TradeStore(CheckpointedStore[Changes]):
    """The trades read model in PostgreSQL."""

    name: ClassVar = Trades.name
    version: ClassVar = Trades.version
    tables: ClassVar = (_INSERT,)

    async def write(self, connection: Connection, changes: Changes) -> None:
        """Add the trades; one that is already there stays as it is."""
        if not changes:
            return
        from_pos = await horizon_pos(connection, self.name)
        if from_pos:  # what was let go of does not come back
            changes = [trade for trade in changes if trade.pos >= from_pos]
        # In about the order of the index, which keeps neighbours on the same page: a token's trades
        # mostly come in theirs.
        await _INSERT.merge(connection, list(map(astuple, sorted(changes, key=_MINT))))
