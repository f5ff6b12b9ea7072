"""Paired rounds: one side, the other, again, so that a slow moment hits both.

Sides report the CPU time of the thread that does the work: on a machine with other work to do it
changes far less than time by the clock, and threads that compile or collect garbage beside it,
which Node.js has and Python has not, cost their side nothing.
"""

import math
import statistics
from collections.abc import Callable
from typing import TypeAlias

import msgspec

Side: TypeAlias = Callable[[int], float]
"""Does the given number of passes and says how many seconds of CPU time they took."""


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


def compare(
    ours: Side, peer: Side, *, ours_work: int, peer_work: int, rounds: int, seconds: float
) -> Compared:
    """Run both sides in turn; a side does as many passes a round as fill about `seconds`.

    `ours_work` and `peer_work` are the units in one pass. The first pass of each side, in which
    caches fill and code is compiled, is not counted.
    """
    ours_passes, peer_passes = _passes(ours, seconds), _passes(peer, seconds)
    ours_rates, peer_rates = [], []
    for _ in range(rounds):
        ours_rates.append(ours_work * ours_passes / ours(ours_passes))
        peer_rates.append(peer_work * peer_passes / peer(peer_passes))
    ratios = [mine / theirs for mine, theirs in zip(ours_rates, peer_rates, strict=True)]
    return Compared(
        ours=round(statistics.median(ours_rates), 1),
        peer=round(statistics.median(peer_rates), 1),
        ratio=round(statistics.median(ratios), 2),
        ratio_min=round(min(ratios), 2),
        ratio_max=round(max(ratios), 2),
        rounds=rounds,
    )


def _passes(side: Side, seconds: float) -> int:
    side(1)
    return max(1, math.ceil(seconds / side(1)))
