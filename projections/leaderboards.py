"""The leaderboards read model: what every token traded by the minute, and what it is now.

And what a SOL was worth by the minute, so that amounts of different quotes can be ranked together.
"""

from collections.abc import Sequence
from typing import ClassVar, TypeAlias

import msgspec

from domain.events import SolPriced
from domain.log import Recorded
from projections import tokens
from projections.batch import fills
from projections.buckets import HOUR_S, MINUTE_S, Bucket, Key, fold
from projections.sol_prices import SolPrice, sol_price
from projections.tokens import Tokens

Prices: TypeAlias = dict[int, SolPrice]
"""By the start of a minute in seconds since 1970, the last price that was published in it."""


class Changes(msgspec.Struct):
    """What to merge into the cards, buckets and prices that are there."""

    tokens: tokens.Changes
    buckets: dict[Key, Bucket]
    prices: Prices = {}


class Leaderboards:
    """From events to token cards, to buckets of a minute and of an hour, and to prices of SOL.

    Cards are those of the tokens read model: what a market cap or a curve's progress is, is said
    there and nowhere else.
    """

    name: ClassVar = "leaderboards"
    version: ClassVar = 3

    def apply(self, batch: Sequence[Recorded]) -> Changes:
        """What the batch alone says about each token.

        `PositionOutOfRangeError` for an event that has no place on a chain.
        """
        minutes: dict[Key, Bucket] = {}
        prices: Prices = {}
        for recorded, trade in zip(batch, fills(batch), strict=True):
            if trade is None or not trade.canonical:
                if isinstance(recorded.event, SolPriced):
                    price_in(prices, sol_price(recorded.event))
                continue
            event = trade.event
            key = (event.mint, MINUTE_S, event.block_time_s - event.block_time_s % MINUTE_S)
            bucket = minutes.get(key)
            if bucket is None:
                bucket = minutes[key] = Bucket()
            bucket.volume_quote += trade.quote_amount
            if trade.side == "buy":
                bucket.buys += 1
            else:
                bucket.sells += 1
            if trade.price is not None:
                bucket.priced_at(trade.pos or event.pos.order_key, trade.price)
        return Changes(Tokens().apply(batch), _with_hours(minutes), prices)


def merge(first: Changes, second: Changes) -> Changes:
    """The changes of both batches, in whichever order they came; leaves its arguments alone."""
    buckets: dict[Key, Bucket] = {}
    for changes in (first, second):
        for key, bucket in changes.buckets.items():
            fold(buckets, key, bucket)
    prices = dict(first.prices)
    for price in second.prices.values():
        price_in(prices, price)
    return Changes(tokens.merge(first.tokens, second.tokens), buckets, prices)


def price_in(prices: Prices, price: SolPrice) -> None:
    """Keep the price if it is the last one of its minute: by the chain's order, then by rank."""
    start_s = price.publish_time_s - price.publish_time_s % MINUTE_S
    there = prices.get(start_s)
    if there is None or (there.pos, there.rank) < (price.pos, price.rank):
        prices[start_s] = price


def _with_hours(minutes: dict[Key, Bucket]) -> dict[Key, Bucket]:
    every = dict(minutes)
    for (mint, _, start_s), bucket in minutes.items():
        fold(every, (mint, HOUR_S, start_s - start_s % HOUR_S), bucket)
    return every
