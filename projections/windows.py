"""Windows that slide: which minutes count at a given time, and the fewest buckets for them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

import msgspec

from projections.buckets import HOUR_S, MINUTE_S

Window: TypeAlias = Literal["5m", "15m", "1h", "6h", "24h"]

WINDOWS_S: dict[Window, int] = {
    "5m": 300,
    "15m": 900,
    "1h": 3_600,
    "6h": 21_600,
    "24h": 86_400,
}
"""The windows that tokens are ranked in, and their length in seconds."""
WINDOW_S_MAX = max(WINDOWS_S.values())
assert all(length_s % MINUTE_S == 0 for length_s in WINDOWS_S.values()), "minutes are not cut"


class Stretch(msgspec.Struct, frozen=True):
    """Buckets of one length that start in [from_s, to_s)."""

    length_s: int
    from_s: int
    to_s: int


class Span(msgspec.Struct, frozen=True):
    """The minutes that start in [from_s, to_s)."""

    from_s: int
    to_s: int

    @property
    def length_s(self) -> int:
        """How long it is."""
        return self.to_s - self.from_s

    def stretches(self) -> Sequence[Stretch]:
        """Buckets that hold each of the minutes once: whole hours, and minutes around them."""
        first_hour_s = -(-self.from_s // HOUR_S) * HOUR_S
        end_hour_s = self.to_s // HOUR_S * HOUR_S
        if first_hour_s >= end_hour_s:
            return [Stretch(MINUTE_S, self.from_s, self.to_s)]
        found = [
            Stretch(MINUTE_S, self.from_s, first_hour_s),
            Stretch(HOUR_S, first_hour_s, end_hour_s),
            Stretch(MINUTE_S, end_hour_s, self.to_s),
        ]
        return [each for each in found if each.from_s < each.to_s]

    def minutes(self) -> set[int]:
        """Where its minutes start."""
        return set(range(self.from_s, self.to_s, MINUTE_S))


def span_at(window: Window, at_s: int) -> Span:
    """What the window holds at a time: the minute under way and those before it.

    So no trade counts that is as old as the window is long, and one that is less than a minute
    younger may have gone already.
    """
    to_s = at_s - at_s % MINUTE_S + MINUTE_S
    return Span(to_s - WINDOWS_S[window], to_s)


class SharedStretch(Stretch, frozen=True):
    """Buckets that all of some windows hold."""

    windows: frozenset[Window]


def shared_stretches(spans: Mapping[Window, Span]) -> Sequence[SharedStretch]:
    """The stretches of all the windows, each once, cut where a window begins or ends."""
    found = []
    for length_s in (MINUTE_S, HOUR_S):
        held = {
            window: [each for each in span.stretches() if each.length_s == length_s]
            for window, span in spans.items()
        }
        ends = {end_s for of in held.values() for each in of for end_s in (each.from_s, each.to_s)}
        for from_s, to_s in pairwise(sorted(ends)):
            windows = frozenset(
                window
                for window, of in held.items()
                if any(each.from_s <= from_s < each.to_s for each in of)
            )
            if windows:
                found.append(SharedStretch(length_s, from_s, to_s, windows))
    return found
