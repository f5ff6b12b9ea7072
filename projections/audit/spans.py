"""Sets of slots as spans, small for as long as most of them are neighbours."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""The first and the last slot of a span, both of them in it."""


class Spans:
    """Slots in spans that do not touch each other, in ascending order."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __iter__(self) -> Iterator[Span]:
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        return len(self._firsts)

    def __contains__(self, slot: int) -> bool:
        return self.overlap(slot, slot)

    @property
    def slots(self) -> int:
        """How many slots there are in all spans together."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def overlap(self, first: int, last: int) -> bool:
        """Whether a slot from `first` to `last` is in the set."""
        at = bisect_left(self._lasts, first)
        return at < len(self._firsts) and self._firsts[at] <= last

    def add(self, first: int, last: int) -> None:
        """Put in the slots from `first` to `last`; nothing if there are none."""
        if last < first:
            return
        if not self._lasts or first > self._lasts[-1] + 1:
            self._firsts.append(first)
            self._lasts.append(last)
            return
        at = bisect_left(self._lasts, first - 1)
        end = bisect_right(self._firsts, last + 1)
        if at < end:
            first = min(first, self._firsts[at])
            last = max(last, self._lasts[end - 1])
        self._firsts[at:end] = [first]
        self._lasts[at:end] = [last]

    def remove(self, first: int, last: int) -> None:
        """Take out the slots from `first` to `last`, as far as they are in the set."""
        if last < first:
            return
        at = bisect_left(self._lasts, first)
        end = bisect_right(self._firsts, last)
        if at >= end:
            return
        left = [(self._firsts[at], first - 1)] if self._firsts[at] < first else []
        right = [(last + 1, self._lasts[end - 1])] if self._lasts[end - 1] > last else []
        self._firsts[at:end] = [span[0] for span in left + right]
        self._lasts[at:end] = [span[1] for span in left + right]
