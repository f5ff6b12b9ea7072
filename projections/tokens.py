"""The tokens read model: each token's card, told apart by what each kind of event knows."""

from collections.abc import Sequence
from typing import ClassVar, TypeAlias

from domain.events import (
    AnyEvent,
    CurveCompleted,
    CurveRepriced,
    CurveTraded,
    PoolBurned,
    PoolCreated,
    PoolTraded,
    TokenCreated,
    TokenDescribed,
    TokenMigrated,
)
from domain.log import Recorded
from projections.batch import fills
from projections.price import Fill, spot
from projections.token_change import (
    Created,
    CurveReserves,
    Graduated,
    High,
    Placed,
    Pooled,
    Priced,
    Reported,
    Supplied,
    TokenChange,
    Traded,
)
from projections.token_description import found

Changes: TypeAlias = dict[str, TokenChange]
"""By mint, what to merge into the card."""


class Tokens:
    """From events to changes of token cards."""

    name: ClassVar = "tokens"
    version: ClassVar = 3
    by_mint: ClassVar = True

    def apply(self, batch: Sequence[Recorded]) -> Changes:
        """What the batch alone says about each token.

        `PositionOutOfRangeError` for an event that has no place on a chain.
        """
        changes: Changes = {}
        for recorded, trade in zip(batch, fills(batch), strict=True):
            if trade is not None:
                _trade(_change(changes, trade.event.mint), trade)
            else:
                _fact(changes, recorded.event)
        return changes


def merge(first: Changes, second: Changes) -> Changes:
    """The changes of both batches, in whichever order they came; leaves its arguments alone."""
    merged: Changes = {}
    for changes in (first, second):
        for mint, change in changes.items():
            _change(merged, mint).absorb(change)
    return merged


def _change(changes: Changes, mint: str) -> TokenChange:
    change = changes.get(mint)
    if change is None:
        change = changes[mint] = TokenChange()
    return change


def _trade(change: TokenChange, trade: Fill) -> None:
    event, supply = trade.event, None
    pos = trade.pos or event.pos.order_key
    held_quote = trade.quote_reserves
    if isinstance(event, PoolTraded):
        if event.base_supply is not None and event.mint == event.base_mint:
            supply = event.base_supply
            change.supplied_at(Supplied(pos, supply))
        if not trade.canonical:
            return
        change.pooled_at(Pooled(pos, event.pool))
        change.decimals_are(event.quote_decimals, event.base_decimals)
        if not trade.is_turned:
            held_quote -= event.virtual_quote_reserves
    else:
        change.decimals_are(event.quote_decimals, event.token_decimals)
        if isinstance(event, CurveTraded):
            held_quote = event.real_quote_reserves
            change.curve_reserves_at(
                CurveReserves(pos, event.real_quote_reserves, event.real_token_reserves)
            )
    price = trade.price
    change.priced_at(Priced(pos, price, trade.quote_reserves, trade.token_reserves, held_quote))
    if price is not None and change.is_high(price, pos):
        change.high = High(pos, event.block_time_s, price, supply)
    change.traded_at(Traded(pos, event.block_time_s, event.quote_mint))
    change.trades += 1
    if trade.side == "buy":
        change.buys += 1
    else:
        change.sells += 1
    change.volume_quote += trade.quote_amount


def _fact(changes: Changes, event: AnyEvent) -> None:
    match event:
        case TokenCreated():
            _created(_change(changes, event.mint), event)
        case CurveRepriced():
            change, pos = _change(changes, event.mint), event.pos.order_key
            quote, token = event.virtual_quote_reserves, event.virtual_token_reserves
            held, left = event.real_quote_reserves, event.real_token_reserves
            price = spot(quote, token)
            change.priced_at(Priced(pos, price, quote, token, held))
            change.curve_reserves_at(CurveReserves(pos, held, left))
            change.reported[pos] = Reported(price, quote, token, held, left, None)
        case CurveCompleted():
            _change(changes, event.mint).completed_at(
                Placed(event.pos.order_key, event.block_time_s)
            )
        case TokenMigrated():
            change, pos = _change(changes, event.mint), event.pos.order_key
            change.graduated_at(
                Graduated(
                    pos,
                    event.block_time_s,
                    event.pool,
                    event.token_amount,
                    event.quote_amount,
                    event.pool_migration_fee,
                )
            )
            change.pooled_at(Pooled(pos, event.pool))
        case PoolCreated(canonical=True):
            change, pos = _change(changes, event.mint), event.pos.order_key
            change.pooled_at(Pooled(pos, event.pool))
            change.decimals_are(event.quote_decimals, event.base_decimals)
        case PoolBurned():
            change, pos = _change(changes, event.mint), event.pos.order_key
            change.burned[pos] = event.base_amount
            held, token = event.pool_quote_reserves, event.pool_base_reserves
            quote = held + event.virtual_quote_reserves
            price = spot(quote, token)
            change.priced_at(Priced(pos, price, quote, token, held))
            change.reported[pos] = Reported(price, quote, token, held, None, None)
        case TokenDescribed(failure=None):
            _change(changes, event.mint).described_at(found(event))
        case _:
            pass


def _created(change: TokenChange, event: TokenCreated) -> None:
    pos = event.pos.order_key
    change.created_at(
        Created(
            pos,
            event.block_time_s,
            event.name,
            event.symbol,
            event.uri,
            event.creator,
            event.bonding_curve,
            event.quote_mint,
            event.real_token_reserves,
            event.user,
            event.token_total_supply,
        )
    )
    change.decimals_are(event.quote_decimals, event.token_decimals)
    if event.token_total_supply is not None:
        change.supplied_at(Supplied(pos, event.token_total_supply))
    quote, token = event.virtual_quote_reserves, event.virtual_token_reserves
    price = None
    if quote is None or token is None:
        quote = token = None
    else:
        price = spot(quote, token)
        change.priced_at(Priced(pos, price, quote, token))
    if event.real_token_reserves is not None:
        change.curve_reserves_at(CurveReserves(pos, None, event.real_token_reserves))
    change.reported[pos] = Reported(
        price, quote, token, None, event.real_token_reserves, event.token_total_supply
    )
