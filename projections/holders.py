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
    CompletionTraded,
    CurveTraded,
    PoolCreated,
    PoolDeposited,
    PoolTraded,
    PoolWithdrawn,
    ProgramEvent,
    TokenCreated,
)
from domain.log import Recorded
from projections.holding import Holding, Launch
from projections.price import is_turned

Key: TypeAlias = tuple[str, str]
"""Mint and wallet."""


class Changes(msgspec.Struct):
    """What to merge into the rows that are there."""

    holdings: dict[Key, Holding] = {}
    launches: dict[str, Launch] = {}
    """By mint."""


class Holders:
    """From events to holdings, in every venue.

    Bonding curves and pools are the other side of each move and no holders. The canonical pool's
    opening moves the curve's own tokens, so it is nobody's deposit.
    """

    name: ClassVar = "holders"
    version: ClassVar = 3
    by_mint: ClassVar = True

    def apply(self, batch: Sequence[Recorded]) -> Changes:
        """What the batch alone says.

        `PositionOutOfRangeError` for an event that has no place on a chain.
        """
        changes = Changes()
        holdings = changes.holdings
        for recorded in batch:
            event = recorded.event
            if isinstance(event, CurveTraded | CompletionTraded):
                reported = event.user_token_balance
                holding, pos = _moved(holdings, event, event.mint, event.user, reported)
                _trade(holding, pos, event.token_amount, bought=event.side == "buy")
            elif isinstance(event, PoolTraded):
                reported = event.user_token_balance
                holding, pos = _moved(holdings, event, event.mint, event.user, reported)
                if is_turned(event):
                    # What the pool calls its quote is the token, of which fees are paid.
                    bought = event.side == "sell"
                    _trade(holding, pos, event.user_quote_amount, bought=bought)
                else:
                    _trade(holding, pos, event.base_amount, bought=event.side == "buy")
            else:
                _fact(changes, event)
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
    return merged


def _moved(
    holdings: dict[Key, Holding],
    event: ProgramEvent,
    mint: str,
    wallet: str,
    reported: int | None = None,
) -> tuple[Holding, int]:
    """The wallet's holding with the event's time and report in it, and the event's position."""
    pos, time_s = event.pos.order_key, event.block_time_s
    key = (mint, wallet)
    holding = holdings.get(key)
    if holding is None:
        holding = holdings[key] = Holding(pos, time_s, pos, time_s, reported=reported)
    else:
        holding.moved_at(pos, time_s, reported)
    return holding, pos


def _trade(holding: Holding, pos: int, amount: int, *, bought: bool) -> None:
    if bought:
        holding.bought += amount
        holding.bought_at(pos)
    else:
        holding.sold += amount


def _fact(changes: Changes, event: AnyEvent) -> None:
    match event:
        case TokenCreated():
            launch = Launch(event.pos.order_key, event.creator, event.user, event.bonding_curve)
            _launch(changes, event.mint, launch)
        case PoolDeposited():
            holding, _ = _moved(changes.holdings, event, event.mint, event.user)
            holding.deposited += _liquidity(event)
        case PoolWithdrawn():
            holding, _ = _moved(changes.holdings, event, event.mint, event.user)
            holding.withdrawn += _liquidity(event)
        case PoolCreated(canonical=False):
            holding, _ = _moved(changes.holdings, event, event.mint, event.creator)
            holding.deposited += _liquidity(event)
        case _:
            pass


def _liquidity(event: PoolDeposited | PoolWithdrawn | PoolCreated) -> int:
    """The token's side of it."""
    return event.base_amount if event.mint == event.base_mint else event.quote_amount


def _launch(changes: Changes, mint: str, launch: Launch) -> None:
    known = changes.launches.get(mint)
    if known is None or launch.pos < known.pos:
        changes.launches[mint] = launch
