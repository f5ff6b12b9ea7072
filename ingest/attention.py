"""A clock for those who wait to be told something: it stands still while nobody listens."""

import time
from collections.abc import Callable

from ingest.mux import TICK_S


class AttentiveClock:
    """Counts the time in which updates were read, asked once for each batch of them.

    The reader of sources is given a batch, an empty one at least, every `TICK_S`. Where it was not
    for longer, as while the log was away, what came meanwhile is still to be read: nobody has been
    silent, and no block is missing, only because nobody looked.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._last_s = clock_s()
        self._attended_s = self._last_s

    def __call__(self) -> float:
        """Seconds, of which `TICK_S` at most have passed since this was asked the last time."""
        now_s = self._clock_s()
        self._attended_s += min(now_s - self._last_s, TICK_S)
        self._last_s = now_s
        return self._attended_s
