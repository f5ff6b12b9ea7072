"""What a trade says about its token: amounts, the reserves after it and the price they make."""

from typing import TypeAlias

import msgspec

from domain.events import AnyEvent, CompletionTraded, CurveTraded, PoolTraded, Side
from domain.position import PositionOutOfRangeError
from projections.venue import Venue

AnyTraded: TypeAlias = CurveTraded | CompletionTraded | PoolTraded


class Fill(msgspec.Struct, frozen=True, gc=False):
    """A trade as its token sees it, whatever the venue and whichever way its pool is written.

    Amounts and reserves are raw units; the reserves are those that price the token after it.
    `price` is quote units per token unit, None where the reserves make none.
    """

    event: AnyTraded
    pos: int | None
    """`Position.order_key`; None where the trade has no place on a chain. Who needs one writes
    `trade.pos or trade.event.pos.order_key`, which raises what is to be raised then."""
    venue: Venue
    canonical: bool
    """Whether the trade may move the token's chart and counters."""
    side: Side
    quote_amount: int
    token_amount: int
    quote_reserves: int
    token_reserves: int
    price: float | None
    is_turned: bool = False
    """Whether its pool calls the token its quote."""


def spot(quote_reserves: int, token_reserves: int) -> float | None:
    """Quote units per token unit, or None unless that is a positive, finite float64."""
    if quote_reserves <= 0 or token_reserves <= 0:
        return None
    try:
        price = quote_reserves / token_reserves
    except OverflowError:
        return None
    return price if price > 0.0 else None


def fill(event: AnyEvent) -> Fill | None:
    """The event as a trade of its token, None if it is no trade."""
    if isinstance(event, CurveTraded):
        quote, token = event.virtual_quote_reserves, event.virtual_token_reserves
        return Fill(
            event,
            _order_key(event),
            "curve",
            True,  # positional: this runs for every event
            event.side,
            event.quote_amount,
            event.token_amount,
            quote,
            token,
            spot(quote, token),
        )
    if isinstance(event, PoolTraded):
        return _pool_fill(event)
    if isinstance(event, CompletionTraded):
        quote, token = event.pool_quote_reserves_after, event.pool_base_reserves_after
        return Fill(
            event,
            _order_key(event),
            "completion",
            True,
            event.side,
            event.quote_amount,
            event.token_amount,
            quote,
            token,
            spot(quote, token),
        )
    return None


def is_turned(event: PoolTraded) -> bool:
    """Whether the pool calls the token its quote, as where its base is wrapped SOL."""
    return event.mint == event.quote_mint and event.mint != event.base_mint


def _order_key(event: AnyTraded) -> int | None:
    try:
        return event.pos.order_key
    except PositionOutOfRangeError:
        return None


def _pool_fill(event: PoolTraded) -> Fill:
    side = event.side
    base_amount, quote_amount = event.base_amount, event.quote_amount
    base = event.pool_base_reserves + (-base_amount if side == "buy" else base_amount)
    quote = event.pool_quote_reserves + event.virtual_quote_reserves + event.pool_quote_delta
    turned = is_turned(event)
    if turned:
        side = "sell" if side == "buy" else "buy"
        base, quote = quote, base
        base_amount, quote_amount = quote_amount, base_amount
    return Fill(
        event,
        _order_key(event),
        "pool",
        event.canonical,
        side,
        quote_amount,
        base_amount,
        quote,
        base,
        spot(quote, base),
        turned,
    )
