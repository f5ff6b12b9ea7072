"""What traded in a minute or an hour: sums, and the first and the last price by position."""

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

MINUTE_S = 60
HOUR_S = 3_600
LENGTHS_S = (MINUTE_S, HOUR_S)
"""Hours hold what their minutes hold, so that a day is added up from a few dozen buckets."""


class Bucket(msgspec.Struct, array_like=True, gc=False):
    """Trades of one token that begin in the same stretch of time; mutable, since it is folded.

    Every trade that counts is in the sums; those whose reserves make no price leave the prices
    alone. Prices are quote units per token unit, the volume is in the quote's smallest unit.
    """

    volume_quote: int = 0
    buys: int = 0
    sells: int = 0
    first_pos: int | None = None
    first: float | None = None
    last_pos: int | None = None
    last: float | None = None

    @property
    def trades(self) -> int:
        """Buys and sells."""
        return self.buys + self.sells

    def priced_at(self, pos: int, price: float) -> None:
        """Keep the price if it is the first or the last."""
        if self.first_pos is None or pos < self.first_pos:
            self.first_pos, self.first = pos, price
        if self.last_pos is None or pos > self.last_pos:
            self.last_pos, self.last = pos, price

    def absorb(self, other: "Bucket") -> None:
        """Add the other's trades, in whichever order they came; leaves the other alone."""
        self.volume_quote += other.volume_quote
        self.buys += other.buys
        self.sells += other.sells
        if other.first_pos is not None and other.first is not None:
            self.priced_at(other.first_pos, other.first)
        if other.last_pos is not None and other.last is not None:
            self.priced_at(other.last_pos, other.last)


Key: TypeAlias = tuple[str, int, int]
"""Mint, the bucket's length in seconds, and its start in seconds since 1970."""


def total(buckets: Iterable[Bucket]) -> Bucket:
    """All of them as one."""
    added = Bucket()
    for bucket in buckets:
        added.absorb(bucket)
    return added


def fold(buckets: dict[Key, Bucket], key: Key, other: Bucket) -> None:
    """Add to a bucket, making it if need be; leaves the other alone."""
    bucket = buckets.get(key)
    if bucket is None:
        bucket = buckets[key] = Bucket()
    bucket.absorb(other)
