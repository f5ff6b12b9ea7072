"""A long market: the simulated one's events, over and over, each in a place of its own.

The market itself could not make a million in time. So its events get other ids, places and times,
and tokens that are drawn with a heavy tail: the n-th is n times rarer than the first. Whoever is
drawn has a few events in a row, as real tokens have, whose traders answer each other.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import msgspec
from solders.pubkey import Pubkey

from domain.events import AnyEvent, MintEvent, ProgramEvent
from domain.position import Position

MINTS = 40_000
BURST_EVENTS = 4
"""Events in a row of one token."""
EVENTS_PER_SLOT = 400
SLOTS_PER_S = 2.5
"""So 1,000 events a second, as in the other benchmarks."""
SEED = 1
FIRST_SLOT = 300_000_000
FIRST_SECOND = 1_792_000_000
MADE_TOGETHER = 4_000
_DRAWN = 1 << 20
"""Draws of tokens that are used in turn."""
_NUMBER_CHARS = 12


class History:
    """Makes the events of any stretch of the log; event `n` is always the same, from 0 on."""

    def __init__(self, originals: Sequence[AnyEvent], *, provisional: bool = False) -> None:
        """With `provisional`, each counts once its slot has a certificate."""
        self._originals = originals
        self._provisional = provisional
        chance = random.Random(SEED)
        weights = list(accumulate(1 / rank for rank in range(1, MINTS + 1)))
        mints = [_mint(number) for number in range(MINTS)]
        self._mints = chance.choices(mints, cum_weights=weights, k=_DRAWN)

    def parts(self, first: int, count: int) -> Iterator[list[AnyEvent]]:
        """The events from `first` on, whole slots at a time, as they are asked for."""
        for start in range(first, first + count, MADE_TOGETHER):
            stop = min(start + MADE_TOGETHER, first + count)
            yield [self._event(number) for number in range(start, stop)]

    def _event(self, number: int) -> AnyEvent:
        original = self._originals[number % len(self._originals)]
        slot, index = divmod(number, EVENTS_PER_SLOT)
        time_s = FIRST_SECOND + int(slot / SLOTS_PER_S)
        place = original.pos
        changes: dict[str, Any] = {
            "id": f"{number:0{_NUMBER_CHARS}}{original.id[_NUMBER_CHARS:]}",
            "pos": Position(FIRST_SLOT + slot, index, place.outer, place.inner),
            "received_at_ns": time_s * 1_000_000_000,
            "provisional": self._provisional,
        }
        if isinstance(original, ProgramEvent):
            changes["block_time_s"] = time_s
        if isinstance(original, MintEvent):
            changes["mint"] = self._mints[number // BURST_EVENTS % _DRAWN]
        return msgspec.structs.replace(original, **changes)


def _mint(number: int) -> str:
    return str(Pubkey(hashlib.sha256(b"mint %d" % number).digest()))
