"""How each event moves the reserves that it speaks of: the arithmetic that the audit checks.

A curve's reserves stand in its events as they are after them, a pool's vaults as they were before.
What fees do was checked against the balances that landed transactions left behind: fees that stay
in a pool's vault (fee recipient `1111…`) raise the vault and lower its virtual reserves by as much,
and the part of them that is for buybacks leaves the vault at once.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import msgspec

from domain.events import (
    CurveCompleted,
    CurveRepriced,
    CurveTraded,
    PoolBoosted,
    PoolBurned,
    PoolCreated,
    PoolDeposited,
    PoolFeeSwept,
    PoolTraded,
    PoolWithdrawn,
    TokenCreated,
    TokenMigrated,
)
from domain.programs import NATIVE_SOL

Market: TypeAlias = Literal["curve", "pool"]
State: TypeAlias = tuple[int | None, ...]
"""Reserves by the names below; None where the event does not say."""

CURVE_RESERVES = ("virtual_quote", "virtual_token", "real_quote", "real_token")
POOL_RESERVES = ("base", "quote", "virtual_quote")

_NOTHING_OF_CURVE: State = (None, None, None, None)
_SOLD_OUT: State = (None, None, None, 0)
_NOTHING_OF_POOL: State = (None, None, None)


class Step(msgspec.Struct, frozen=True, gc=False):
    """One event as a step of its market, from reserves to reserves.

    A part whose `before` and `after` are both None was changed by `move`; one of which only the
    `after` is known was set, whatever it was.
    """

    market: Market
    address: str
    """The mint of a curve, the address of a pool."""
    before: State
    after: State
    move: tuple[int, ...] | None = None
    """None for a step that knows all that it changed."""
    born: bool = False
    """Whether the market begins with it."""


def _created(event: TokenCreated) -> Step:
    reserves = (
        event.virtual_quote_reserves,
        event.virtual_token_reserves,
        0,
        event.real_token_reserves,
    )
    return Step("curve", event.mint, _NOTHING_OF_CURVE, reserves, born=True)


def _curve_traded(event: CurveTraded) -> Step:
    virtual_quote, virtual_token = event.virtual_quote_reserves, event.virtual_token_reserves
    real_quote, real_token = event.real_quote_reserves, event.real_token_reserves
    quote, token = event.quote_amount, event.token_amount
    if event.side == "sell":
        quote, token = -quote, -token
    before = (virtual_quote - quote, virtual_token + token, real_quote - quote, real_token + token)
    after = (virtual_quote, virtual_token, real_quote, real_token)
    return Step("curve", event.mint, before, after)


def _repriced(event: CurveRepriced) -> Step:
    real = (event.real_quote_reserves, event.real_token_reserves)
    before = (event.old_virtual_quote_reserves, event.old_virtual_token_reserves, *real)
    after = (event.virtual_quote_reserves, event.virtual_token_reserves, *real)
    return Step("curve", event.mint, before, after)


def _sold_out(event: CurveCompleted | TokenMigrated) -> Step:
    return Step("curve", event.mint, _SOLD_OUT, _SOLD_OUT)


def _pool_created(event: PoolCreated) -> Step:
    reserves = (event.pool_base_reserves, event.pool_quote_reserves, 0)
    return Step("pool", event.pool, _NOTHING_OF_POOL, reserves, born=True)


def _pool_traded(event: PoolTraded) -> Step:
    base, quote, virtual = event.pool_base_reserves, event.pool_quote_reserves, None
    kept = 0
    if event.protocol_fee_recipient == NATIVE_SOL:
        fees = event.protocol_fee + (event.coin_creator_fee or 0)
        kept = fees - (event.buyback_fee or 0)
    moved = event.base_amount if event.side == "sell" else -event.base_amount
    quote_after = quote + event.pool_quote_delta + kept
    if event.can_boost is None:
        # The layout is from before pools had virtual reserves.
        move = (0, 0, -kept) if kept else None
        after: State = (base + moved, quote_after, None)
        return Step("pool", event.pool, (base, quote, None), after, move)
    virtual = event.virtual_quote_reserves
    after = (base + moved, quote_after, virtual - kept)
    return Step("pool", event.pool, (base, quote, virtual), after)


def _deposited(event: PoolDeposited) -> Step:
    return _liquidity(event, event.base_amount, event.quote_amount)


def _withdrawn(event: PoolWithdrawn) -> Step:
    return _liquidity(event, -event.base_amount, -event.quote_amount)


def _liquidity(event: PoolDeposited | PoolWithdrawn, base: int, quote: int) -> Step:
    before = (event.pool_base_reserves, event.pool_quote_reserves, None)
    after = (event.pool_base_reserves + base, event.pool_quote_reserves + quote, None)
    return Step("pool", event.pool, before, after)


def _boosted(event: PoolBoosted) -> Step:
    # What becomes virtual leaves the vault for the boost vault.
    quote, virtual = event.pool_quote_reserves, event.virtual_quote_reserves
    return Step("pool", event.pool, (None, quote + virtual, None), (None, quote, virtual))


def _burned(event: PoolBurned) -> Step:
    base, quote = event.pool_base_reserves, event.pool_quote_reserves
    before = (base + event.base_amount, quote - event.quote_amount, None)
    return Step("pool", event.pool, before, (base, quote, event.virtual_quote_reserves))


def _pool_fee_swept(event: PoolFeeSwept) -> Step:
    move = (0, -event.amount, event.amount)
    return Step("pool", event.pool, _NOTHING_OF_POOL, _NOTHING_OF_POOL, move)


KINDS_MAX = 128
"""Classes of events whose step is remembered; there are fewer."""

_STEPS: Mapping[type, Callable[[Any], Step]] = {
    TokenCreated: _created,
    CurveTraded: _curve_traded,
    CurveRepriced: _repriced,
    CurveCompleted: _sold_out,
    TokenMigrated: _sold_out,
    PoolCreated: _pool_created,
    PoolTraded: _pool_traded,
    PoolDeposited: _deposited,
    PoolWithdrawn: _withdrawn,
    PoolBoosted: _boosted,
    PoolBurned: _burned,
    PoolFeeSwept: _pool_fee_swept,
}
"""The events that are steps. Not among them: fees swept from a curve and buys beyond its end,
which no reserves in a curve's events count."""


@lru_cache(KINDS_MAX)
def stepper(kind: type) -> Callable[[Any], Step] | None:
    """What makes a step of an event of this class; None where the class is of no step.

    Events come as the log's decoder makes them, or as subclasses of these from a translator.
    """
    return next((_STEPS[base] for base in kind.__mro__ if base in _STEPS), None)
