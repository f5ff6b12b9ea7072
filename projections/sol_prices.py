"""The SOL price read model: what the chain said a SOL was worth in dollars, by position."""

from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar, TypeAlias

import msgspec

from domain.events import SolPriced
from domain.log import Recorded


class SolPrice(msgspec.Struct, frozen=True, gc=False):
    """A price at the end of a slot: `price * 10**exponent` dollars, and so is the confidence."""

    pos: int
    publish_time_s: int
    posted_slot: int
    account: str
    price: int
    confidence: int
    exponent: int

    @property
    def usd(self) -> Fraction:
        """Dollars for a SOL; exact."""
        return self.price * Fraction(10) ** self.exponent

    @property
    def rank(self) -> tuple[int, int, str]:
        """Of two prices in one place, that of the higher rank counts."""
        return self.publish_time_s, self.posted_slot, self.account


Changes: TypeAlias = dict[int, SolPrice]
"""By position, the price that counts there."""


class SolPrices:
    """From events to SOL's prices."""

    name: ClassVar = "sol_prices"
    version: ClassVar = 1
    without_mints: ClassVar = True

    def apply(self, batch: Sequence[Recorded]) -> Changes:
        """The prices of the batch; `PositionOutOfRangeError` for one without a place on a chain."""
        changes: Changes = {}
        for recorded in batch:
            event = recorded.event
            if isinstance(event, SolPriced):
                _add(changes, sol_price(event))
        return changes


def sol_price(event: SolPriced) -> SolPrice:
    """What an event says; `PositionOutOfRangeError` for one without a place on a chain."""
    return SolPrice(
        event.pos.order_key,
        event.publish_time_s,
        event.posted_slot,
        event.account,
        event.price,
        event.confidence,
        event.exponent,
    )


def merge(first: Changes, second: Changes) -> Changes:
    """The prices of both batches, in whichever order they came; leaves its arguments alone."""
    merged = dict(first)
    for price in second.values():
        _add(merged, price)
    return merged


def _add(changes: Changes, price: SolPrice) -> None:
    # Two accounts can be written in one slot, and all prices of a slot stand at its end.
    there = changes.get(price.pos)
    if there is None or there.rank < price.rank:
        changes[price.pos] = price
