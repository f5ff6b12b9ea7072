"""The candles read model: open, high, low, close and volume of every token and interval."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import ClassVar, TypeAlias

import msgspec

from domain.log import Recorded
from projections.batch import fills
from projections.price import Fill
from projections.reads import INTERVALS_S

_LENGTHS_S = sorted(INTERVALS_S.values())
assert all(longer % shorter == 0 for shorter, longer in pairwise(_LENGTHS_S)), (
    "each interval is folded from the one before it"
)


class Candle(msgspec.Struct, gc=False):
    """What traded in an interval; mutable, since it is folded millions of times.

    Prices are quote units per token unit, volumes are raw units. The open belongs to the lowest
    position and the close to the highest; `high_pos` and `low_pos` are the lowest positions at
    which these prices were reached. So folding does not depend on the order of arrival.
    """

    open_pos: int
    open: float
    close_pos: int
    close: float
    high_pos: int
    high: float
    low_pos: int
    low: float
    volume_quote: int
    volume_quote_buy: int
    """The part of it that went into buys; the rest came out of sells."""
    volume_token: int
    buys: int
    sells: int


Key: TypeAlias = tuple[str, int, int]
"""Mint, the interval's length in seconds, and its start in seconds since 1970."""


class Changes(msgspec.Struct):
    """Candles to fold into those that are there, and what could not become one."""

    candles: dict[Key, Candle]
    unpriced: int = 0
    """Trades that would have moved a chart but whose reserves make no price."""


class Candles:
    """From events to candles."""

    name: ClassVar = "candles"
    version: ClassVar = 3
    by_mint: ClassVar = True

    def apply(self, batch: Sequence[Recorded]) -> Changes:
        """The candles of the batch alone, in every interval.

        `PositionOutOfRangeError` for a trade that has no place on a chain.
        """
        found = self.finest(batch)
        return Changes(_all_intervals(found.candles), found.unpriced)

    def finest(self, batch: Sequence[Recorded]) -> Changes:
        """Those of the shortest interval alone."""
        finest: dict[Key, Candle] = {}
        unpriced = 0
        for trade in fills(batch):
            if trade is None or not trade.canonical:
                continue
            if trade.price is None:
                unpriced += 1
                continue
            _add(finest, trade, trade.price)
        return Changes(finest, unpriced)


def merge(first: Changes, second: Changes) -> Changes:
    """The changes of both batches, in whichever order they came; leaves its arguments alone."""
    candles: dict[Key, Candle] = {}
    for changes in (first, second):
        fold(candles, changes.candles)
    return Changes(candles, first.unpriced + second.unpriced)


def fold(candles: dict[Key, Candle], others: Mapping[Key, Candle]) -> None:
    """Add candles to those that are there, which are changed; the others are left alone."""
    for key, candle in others.items():
        _fold(candles, key, candle)


def _add(candles: dict[Key, Candle], trade: Fill, price: float) -> None:
    event = trade.event
    length_s = _LENGTHS_S[0]
    key = (event.mint, length_s, event.block_time_s - event.block_time_s % length_s)
    pos = trade.pos or event.pos.order_key
    bought = trade.side == "buy"
    candle = candles.get(key)
    if candle is None:
        candles[key] = Candle(
            pos,
            price,
            pos,
            price,
            pos,
            price,
            pos,
            price,
            trade.quote_amount,
            trade.quote_amount if bought else 0,
            trade.token_amount,
            int(bought),
            int(not bought),
        )
        return
    if pos < candle.open_pos:
        candle.open_pos, candle.open = pos, price
    if pos > candle.close_pos:
        candle.close_pos, candle.close = pos, price
    if price > candle.high or (price == candle.high and pos < candle.high_pos):
        candle.high_pos, candle.high = pos, price
    if price < candle.low or (price == candle.low and pos < candle.low_pos):
        candle.low_pos, candle.low = pos, price
    candle.volume_quote += trade.quote_amount
    candle.volume_token += trade.token_amount
    if bought:
        candle.volume_quote_buy += trade.quote_amount
        candle.buys += 1
    else:
        candle.sells += 1


def _all_intervals(finest: dict[Key, Candle]) -> dict[Key, Candle]:
    # Folding each interval from the one before costs far less than adding every trade to all.
    every = dict(finest)
    shorter = finest
    for length_s in _LENGTHS_S[1:]:
        longer: dict[Key, Candle] = {}
        for (mint, _, start_s), candle in shorter.items():
            _fold(longer, (mint, length_s, start_s - start_s % length_s), candle)
        every.update(longer)
        shorter = longer
    return every


def _fold(candles: dict[Key, Candle], key: Key, other: Candle) -> None:
    candle = candles.get(key)
    if candle is None:
        candles[key] = Candle(
            other.open_pos,
            other.open,
            other.close_pos,
            other.close,
            other.high_pos,
            other.high,
            other.low_pos,
            other.low,
            other.volume_quote,
            other.volume_quote_buy,
            other.volume_token,
            other.buys,
            other.sells,
        )
        return
    if other.open_pos < candle.open_pos:
        candle.open_pos, candle.open = other.open_pos, other.open
    if other.close_pos > candle.close_pos:
        candle.close_pos, candle.close = other.close_pos, other.close
    if other.high > candle.high or (other.high == candle.high and other.high_pos < candle.high_pos):
        candle.high_pos, candle.high = other.high_pos, other.high
    if other.low < candle.low or (other.low == candle.low and other.low_pos < candle.low_pos):
        candle.low_pos, candle.low = other.low_pos, other.low
    candle.volume_quote += other.volume_quote
    candle.volume_quote_buy += other.volume_quote_buy
    candle.volume_token += other.volume_token
    candle.buys += other.buys
    candle.sells += other.sells
