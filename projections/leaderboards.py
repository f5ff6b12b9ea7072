"""The leaderboards read model: what every token traded by the minute, and what it is now."""

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from domain.log import Recorded
from projections import tokens
from projections.buckets import HOUR_S, MINUTE_S, Bucket, Key, fold
from projections.price import fill
from projections.tokens import Tokens


class Changes(msgspec.Struct):
    """What to merge into the cards and buckets that are there."""

    tokens: tokens.Changes
    buckets: dict[Key, Bucket]


class Leaderboards:
    """From events to token cards and to buckets of a minute and of an hour.

    Cards are those of the tokens read model: what a market cap or a curve's progress is, is said
    there and nowhere else.
    """

    name: ClassVar = "leaderboards"
    version: ClassVar = 2

    def apply(self, batch: Sequence[Recorded]) -> Changes:
        """What the batch alone says about each token.

        `PositionOutOfRangeError` for an event that has no place on a chain.
        """
        minutes: dict[Key, Bucket] = {}
        for recorded in batch:
            trade = fill(recorded.event)
            if trade is None or not trade.canonical:
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
                bucket.priced_at(event.pos.order_key, trade.price)
        return Changes(Tokens().apply(batch), _with_hours(minutes))


def merge(first: Changes, second: Changes) -> Changes:
    """The changes of both batches, in whichever order they came; leaves its arguments alone."""
    buckets: dict[Key, Bucket] = {}
    for changes in (first, second):
        for key, bucket in changes.buckets.items():
            fold(buckets, key, bucket)
    return Changes(tokens.merge(first.tokens, second.tokens), buckets)


def _with_hours(minutes: dict[Key, Bucket]) -> dict[Key, Bucket]:
    every = dict(minutes)
    for (mint, _, start_s), bucket in minutes.items():
        fold(every, (mint, HOUR_S, start_s - start_s % HOUR_S), bucket)
    return every
