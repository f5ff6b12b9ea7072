"""How a read model is doing: the same words in the log, in metrics and on screen."""

from collections import deque
from typing import Literal, TypeAlias

import msgspec

State: TypeAlias = Literal["starting", "busy", "tail", "stopped"]
"""`tail` has all that the log decides, `busy` is catching up or waiting for its store."""

RATE_WINDOW_S = 10.0
RATE_SAMPLES_MAX = 1_000


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """One read model at one moment."""

    name: str
    version: int
    state: State
    sequence: int
    """It holds all that is decided up to this sequence of the log."""
    head: int
    """The log's last sequence."""
    lag: int
    rate_per_s: float
    """Events taken in per second, over the last `RATE_WINDOW_S`."""
    waiting_events: int = 0
    """Events of the log that count once their slots are decided."""
    waiting_slots: int = 0
    parked: int = 0
    """Events that could not be applied and were set aside."""
    reason: str | None = None
    """Why it is stopped."""
    lag_s: float | None = None
    """The age of the newest event that was applied, 0 at the log's end; None before the first."""
    events: int = 0
    """Events given to the core since the start."""
    batches: int = 0
    """Batches given to the core since the start."""
    saves: tuple[int, ...] = ()
    """Saves by how long they took, see `projections.saves`."""
    save_s: float = 0.0
    """Seconds that all of them took."""
    part: str | None = None
    """Which part of its rows this is about, as in `2/4`; None for all of them."""

    @property
    def label(self) -> str:
        """The name, with the part where it is about one."""
        return self.name if self.part is None else f"{self.name} {self.part}"

    @property
    def line(self) -> str:
        """The status as one line of text."""
        text = (
            f"{self.label} {self.state} {self.sequence}/{self.head}"
            f" lag {self.lag} rate {self.rate_per_s:.0f}/s"
        )
        if self.waiting_events:
            text += f" waits {_count(self.waiting_events, 'event')} in"
            text += f" {_count(self.waiting_slots, 'slot')}"
        if self.parked:
            text += f" parked {_count(self.parked, 'event')}"
        return text if self.reason is None else f"{text} ({self.reason})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class Rate:
    """Counts what passes, over a sliding window."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=RATE_SAMPLES_MAX)

    def add(self, now_s: float, count: int) -> None:
        """Note that `count` passed just now."""
        self._samples.append((now_s, count))

    def per_s(self, now_s: float) -> float:
        """The average over the window, or since the first sample if that is shorter."""
        while self._samples and self._samples[0][0] < now_s - RATE_WINDOW_S:
            self._samples.popleft()
        if not self._samples:
            return 0.0
        span_s = max(now_s - self._samples[0][0], 1.0)
        return sum(count for _, count in self._samples) / span_s
