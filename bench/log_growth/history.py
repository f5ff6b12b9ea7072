"""The events of a long log: the market's own, over and over, each in a place of its own.

The market could not make tens of millions in time. So its events get other ids and positions, and
tokens that are drawn with the heavy tail of a real market: the n-th is n times rarer than the
first. Trades have the fields that the programs reported in 2024; today's are twice as long, and
fifty million of them would fill many a disk.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import msgspec
from solders.pubkey import Pubkey

from domain.events import AnyEvent, CurveTraded, MintEvent, PoolTraded
from domain.position import Position

MINTS = 40_000
SEED = 1
FIRST_SLOT = 300_000_000
EVENTS_PER_SLOT = 400
MADE_TOGETHER = 400
_DRAWN = 1 << 20
"""Draws of mints that are used in turn; the originals' number does not divide it."""
_NUMBER_CHARS = 12
_OLD = ("provisional", "compute_units", "priority_fee_lamports", "quote_decimals", "base_decimals")
"""What may be absent and was there from the beginning."""


class History:
    """Makes the events of any stretch of the log; event `n` is always the same, from 0 on."""

    def __init__(self, originals: Sequence[AnyEvent]) -> None:
        self._originals = [_as_in_2024(event) for event in originals]
        chance = random.Random(SEED)
        weights = list(accumulate(1 / rank for rank in range(1, MINTS + 1)))
        mints = [_mint(number) for number in range(MINTS)]
        self._mints = chance.choices(mints, cum_weights=weights, k=_DRAWN)

    def parts(self, first: int, count: int) -> Iterator[list[AnyEvent]]:
        """The events from `first` on, a few at a time, as they are asked for."""
        for start in range(first, first + count, MADE_TOGETHER):
            stop = min(start + MADE_TOGETHER, first + count)
            yield [self._event(number) for number in range(start, stop)]

    def _event(self, number: int) -> AnyEvent:
        original = self._originals[number % len(self._originals)]
        place = original.pos
        slot, index = divmod(number, EVENTS_PER_SLOT)
        changes: dict[str, Any] = {
            "id": event_mark(number) + original.id[_NUMBER_CHARS:],
            "pos": Position(FIRST_SLOT + slot, index, place.outer, place.inner),
        }
        if isinstance(original, MintEvent):
            changes["mint"] = self._mints[number % _DRAWN]
        return msgspec.structs.replace(original, **changes)


def event_mark(number: int) -> str:
    """What the id of an event begins with, which tells it from all others."""
    return f"{number:0{_NUMBER_CHARS}}"


def _as_in_2024(event: AnyEvent) -> AnyEvent:
    """A trade without what the programs have appended to their reports since."""
    if not isinstance(event, CurveTraded | PoolTraded):
        return event
    later = {
        field.name: field.default
        for field in msgspec.structs.fields(event)
        if field.default is not msgspec.NODEFAULT and field.name not in _OLD
    }
    layout = "T1" if isinstance(event, CurveTraded) else "B1" if event.side == "buy" else "S1"
    return msgspec.structs.replace(event, layout=layout, **later)


def _mint(number: int) -> str:
    return str(Pubkey(hashlib.sha256(b"mint %d" % number).digest()))
