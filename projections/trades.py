"""The trades read model: every trade once, in every venue, as its token sees it."""

from collections.abc import Sequence
from typing import ClassVar, TypeAlias

from domain.events import CurveTraded, PoolTraded
from domain.log import Recorded
from projections.batch import fills
from projections.price import Fill
from projections.reads import TradeRow

Changes: TypeAlias = list[TradeRow]
"""Trades to keep; each has a `pos` of its own. Two of them merge by concatenation."""


class Trades:
    """From events to trade rows."""

    name: ClassVar = "trades"
    version: ClassVar = 3
    by_mint: ClassVar = True

    def apply(self, batch: Sequence[Recorded]) -> Changes:
        """One row per trade; `PositionOutOfRangeError` for one that has no place on a chain."""
        return [_row(each) for each in fills(batch) if each is not None]


def _row(trade: Fill) -> TradeRow:
    event = trade.event
    pool: str | None = None
    held_token: int | None = None
    supply: int | None = None
    moved: int | None = None
    held_quote = trade.quote_reserves
    quote_mint, quote_decimals = event.quote_mint, event.quote_decimals
    if isinstance(event, PoolTraded):
        pool = event.pool
        token_decimals = event.base_decimals
        if trade.is_turned:
            quote_mint = event.base_mint
            quote_decimals, token_decimals = token_decimals, quote_decimals
            moved = event.user_quote_amount  # of the token, of which fees are paid
        else:
            held_quote -= event.virtual_quote_reserves
        if event.mint == event.base_mint:
            supply = event.base_supply
    else:
        token_decimals = event.token_decimals
        if isinstance(event, CurveTraded):
            held_quote, held_token = event.real_quote_reserves, event.real_token_reserves
    return TradeRow(
        event.id,  # positional: by names it takes ten times as long
        trade.pos or event.pos.order_key,
        event.block_time_s,
        event.mint,
        trade.venue,
        pool,
        trade.canonical,
        trade.side,
        event.user,
        quote_mint,
        quote_decimals,
        token_decimals,
        trade.quote_amount,
        trade.token_amount,
        trade.price,
        trade.quote_reserves,
        trade.token_reserves,
        held_quote,
        held_token,
        supply,
        moved,
        event.user_token_balance,
        event.layout,
    )
