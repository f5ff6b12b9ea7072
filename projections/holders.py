"""The holders read model: what each wallet moved of each token, and how each token began.

It keeps facts and no classes: who is a sniper or an insider is decided when somebody asks, see
`projections.holder_reads`. So another definition holds for all of history at once.
"""

from collections.abc import Sequence
from copy import copy
from typing import ClassVar, TypeAlias

import msgspec

from domain.events import (
    AnyEvent,
    PoolCreated,
    PoolDeposited,
    PoolTraded,
    PoolWithdrawn,
    TokenCreated,
)
from domain.log import Recorded
from projections.batch import fills
from projections.holding import Holding, Launch, Liquidity
from projections.price import Fill

Key: TypeAlias = tuple[str, str]
"""Mint and wallet."""


class Changes(msgspec.Struct):
    """What to merge into the rows that are there."""

    holdings: dict[Key, Holding] = {}
    launches: dict[str, Launch] = {}
    """By mint."""
    liquidity: dict[tuple[str, int], Liquidity] = {}
    """By mint and position. With trades, which have a read model of their own, these are all the
    moves that holdings are made of: holders of the past are made of them once more."""


class Holders:
    """From events to holdings, in every venue.

    Bonding curves and pools are the other side of each move and no holders. The canonical pool's
    opening moves the curve's own tokens, so it is nobody's deposit.
    """

    name: ClassVar = "holders"
    version: ClassVar = 4
    by_mint: ClassVar = True

    def apply(self, batch: Sequence[Recorded]) -> Changes:
        """What the batch alone says.

        `PositionOutOfRangeError` for an event that has no place on a chain.
        """
        changes = Changes()
        holdings = changes.holdings
        for recorded, trade in zip(batch, fills(batch), strict=True):
            if trade is None:
                _fact(changes, recorded.event)
            else:
                _trade(holdings, trade)
        return changes


def merge(first: Changes, second: Changes) -> Changes:
    """The changes of both batches, in whichever order they came; leaves its arguments alone."""
    merged = Changes()
    for changes in (first, second):
        for key, holding in changes.holdings.items():
            kept = merged.holdings.get(key)
            if kept is None:
                merged.holdings[key] = copy(holding)
            else:
                kept.absorb(holding)
        for mint, launch in changes.launches.items():
            _launch(merged, mint, launch)
        merged.liquidity.update(changes.liquidity)
    return merged


def _trade(holdings: dict[Key, Holding], trade: Fill) -> None:
    event = trade.event
    pos, time_s = trade.pos or event.pos.order_key, event.block_time_s
    reported = event.user_token_balance
    key = (event.mint, event.user)
    holding = holdings.get(key)
    if holding is None:
        holding = holdings[key] = Holding(pos, time_s, pos, time_s, reported=reported)
    else:
        holding.moved_at(pos, time_s, reported)
    amount = trade.token_amount
    if trade.is_turned and isinstance(event, PoolTraded):
        # What the pool calls its quote is the token, of which fees are paid.
        amount = event.user_quote_amount
    if trade.side == "buy":
        holding.bought += amount
        holding.bought_at(pos)
    else:
        holding.sold += amount


def _liquidity(
    changes: Changes, event: PoolDeposited | PoolWithdrawn | PoolCreated, wallet: str, *, came: bool
) -> None:
    pos, time_s = event.pos.order_key, event.block_time_s
    amount = event.base_amount if event.mint == event.base_mint else event.quote_amount
    key = (event.mint, wallet)
    holding = changes.holdings.get(key)
    if holding is None:
        holding = changes.holdings[key] = Holding(pos, time_s, pos, time_s)
    else:
        holding.moved_at(pos, time_s, None)
    if came:
        holding.withdrawn += amount
    else:
        holding.deposited += amount
    moved = Liquidity(time_s, wallet, amount if came else -amount)
    changes.liquidity[event.mint, pos] = moved


def _fact(changes: Changes, event: AnyEvent) -> None:
    match event:
        case TokenCreated():
            launch = Launch(event.pos.order_key, event.creator, event.user, event.bonding_curve)
            _launch(changes, event.mint, launch)
        case PoolDeposited():
            _liquidity(changes, event, event.user, came=False)
        case PoolWithdrawn():
            _liquidity(changes, event, event.user, came=True)
        case PoolCreated(canonical=False):
            _liquidity(changes, event, event.creator, came=False)
        case _:
            pass


def _launch(changes: Changes, mint: str, launch: Launch) -> None:
    known = changes.launches.get(mint)
    if known is None or launch.pos < known.pos:
        changes.launches[mint] = launch
