"""Paired rounds: one side, the other, again, so that a slow moment hits both.

Sides report the CPU time of the thread that does the work: on a machine with other work to do it
changes far less than time by the clock, and threads that compile or collect garbage beside it,
which Node.js has and Python has not, cost their side nothing.
"""

import statistics
from collections.abc import Callable
from typing import TypeAlias

import msgspec

Side: TypeAlias = Callable[[int], float]
"""Does the round of that number, and says the rate: units of work per second of CPU time."""


class Compared(msgspec.Struct, kw_only=True):
    """Rates of two sides over the same rounds, in units of work per second."""

    ours: float
    """Median over the rounds."""
    peer: float
    ratio: float
    """Median of `ours / peer` round by round."""
    ratio_min: float
    ratio_max: float
    rounds: int


def compare(ours: Side, peer: Side, *, rounds: int) -> Compared:
    """Run both sides in turn, which are warm already."""
    ours_rates, peer_rates = [], []
    for number in range(rounds):
        ours_rates.append(ours(number))
        peer_rates.append(peer(number))
    ratios = [mine / theirs for mine, theirs in zip(ours_rates, peer_rates, strict=True)]
    return Compared(
        ours=round(statistics.median(ours_rates), 1),
        peer=round(statistics.median(peer_rates), 1),
        ratio=round(statistics.median(ratios), 2),
        ratio_min=round(min(ratios), 2),
        ratio_max=round(max(ratios), 2),
        rounds=rounds,
    )
