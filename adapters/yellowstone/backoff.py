"""How long to wait before the next try, so that many clients never storm one server."""

import random

WAIT_S_MIN = 0.25
WAIT_S_MAX = 30.0
GROWTH = 2.0
STEADY_AFTER_S = 15.0
"""A stream that lived this long was a success, whatever ended it."""


class Backoff:
    """Waits that grow with every failure in a row, each drawn between its half and its whole."""

    def __init__(self, *, wait_s_min: float = WAIT_S_MIN, wait_s_max: float = WAIT_S_MAX) -> None:
        self._wait_s_min = wait_s_min
        self._wait_s_max = wait_s_max
        self._failures = 0

    def another(self) -> "Backoff":
        """One with the same limits, for another stream of the same server."""
        return Backoff(wait_s_min=self._wait_s_min, wait_s_max=self._wait_s_max)

    def next_wait_s(self, *, lived_s: float) -> float:
        """The wait after a try that lasted so long."""
        if lived_s >= STEADY_AFTER_S:
            self._failures = 0
        whole = min(self._wait_s_max, self._wait_s_min * GROWTH ** min(self._failures, 32))
        self._failures += 1
        return random.uniform(whole / 2, whole)  # noqa: S311  # spreads clients, guards nothing
