"""One market's events as few segments: each unbroken, and joined when what lay between arrives."""

from bisect import bisect_right

import msgspec

from domain.position import Position
from projections.audit.steps import CURVE_RESERVES, POOL_RESERVES, State, Step

SEGMENTS_MAX = 64
"""Segments kept of one market. Where more are needed the first two are taken together, broken as
they are: what arrives later in between cannot be placed."""
STRAYS_MAX = 16
"""Strays kept of one market; the others are only counted."""

_NO_MOVE = {parts: (0,) * parts for parts in (len(CURVE_RESERVES), len(POOL_RESERVES))}
"""One object for all segments, of which there are many."""


class Segment(msgspec.Struct, gc=False):
    """Events of one market of which each continues the one before it."""

    first: Position
    last: Position
    first_id: str
    last_id: str
    before: State
    """The reserves before the first event."""
    after: State
    """The reserves after the last event."""
    move: tuple[int, ...]
    """What all of them together changed of those parts that none of them names."""
    events: int = 1

    @property
    def floating(self) -> bool:
        """Whether it only says what changed, so that it fits everywhere."""
        return not (set(self.before) | set(self.after)) - {None}


class Crack(msgspec.Struct, frozen=True, gc=False):
    """Two segments side by side that do not connect."""

    left: Segment
    right: Segment
    expected: State
    """What the left one left, with what floats between them."""


class Stray(msgspec.Struct, frozen=True, gc=False):
    """An event that stands among others which connect without it."""

    pos: Position
    id: str


def segment(step: Step, pos: Position, event_id: str) -> Segment:
    """An event by itself."""
    move = step.move or _NO_MOVE[len(step.before)]
    return Segment(pos, pos, event_id, event_id, step.before, step.after, move)


def joined(left: Segment, right: Segment) -> Segment | None:
    """Both as one segment; None when the right one does not continue the left one."""
    before: list[int | None] = []
    after: list[int | None] = []
    move: list[int] = []
    begin: int | None
    end: int | None
    for part in range(len(left.before)):
        left_after, right_before = left.after[part], right.before[part]
        right_after = right.after[part]
        if left_after is not None:
            if right_before is not None and left_after != right_before:
                return None
            begin = left.before[part]
            end = left_after + right.move[part] if right_after is None else right_after
        else:
            begin = None if right_before is None else right_before - left.move[part]
            end = right_after
        before.append(begin)
        after.append(end)
        move.append(left.move[part] + right.move[part] if end is None else 0)
    return Segment(
        left.first,
        right.last,
        left.first_id,
        right.last_id,
        left.before if before == list(left.before) else tuple(before),
        tuple(after),
        tuple(move) if any(move) else _NO_MOVE[len(move)],
        left.events + right.events,
    )


class Chain:
    """A market's segments in the chain's order; events may come in any order."""

    __slots__ = (
        "born",
        "canonical",
        "folded",
        "mint",
        "pool",
        "segments",
        "strays",
        "strays_dropped",
    )

    def __init__(self, mint: str, pool: str | None) -> None:
        self.mint = mint
        self.pool = pool
        """None for a curve."""
        self.canonical: bool | None = None if pool else False
        """Whether it is the pool of a graduation; None before an event has said it."""
        self.born: Position | None = None
        """Where the market began, if its beginning is in the log."""
        self.segments: list[Segment] = []
        self.strays: tuple[Stray, ...] = ()
        self.strays_dropped = 0
        self.folded: tuple[Crack, ...] = ()
        """Cracks between segments that were taken together, for whoever places the events."""

    @property
    def whole_life(self) -> bool:
        """Whether the first event that is known is the market's beginning."""
        return self.born is not None and self.segments[0].first == self.born

    @property
    def events(self) -> int:
        """How many events have been placed."""
        return sum(it.events for it in self.segments)

    def place(self, step: Step, pos: Position, event_id: str) -> None:
        """Put an event where it belongs."""
        segments = self.segments
        if segments:
            tail = segments[-1]
            if step.move is None and tail.after == step.before and pos > tail.last:
                tail.after = step.after
                tail.last, tail.last_id = pos, event_id
                tail.events += 1
                return
        if step.born:
            self.born = pos
        fresh = segment(step, pos, event_id)
        if segments and pos > segments[-1].last and not fresh.floating:
            # Nearly all come in order, and then nothing has to be looked for.
            longer = None if segments[-1].floating else joined(segments[-1], fresh)
            if longer is not None:
                segments[-1] = longer
                return
        self._insert(fresh)

    def cracks(self) -> list[Crack]:
        """Where it does not connect, in order, without those that were folded."""
        found: list[Crack] = []
        left = whole = None
        for it in self.segments:
            if it.floating:
                whole = whole and joined(whole, it)
                continue
            if left is not None and whole is not None:
                found.append(Crack(left, it, whole.after))
            left = whole = it
        return found

    def _insert(self, fresh: Segment) -> None:
        segments = self.segments
        at = bisect_right(segments, fresh.first, key=_first)
        if at and fresh.first <= segments[at - 1].last:
            self._astray(fresh, segments[at - 1])
            return
        segments.insert(at, fresh)
        left, right = self._firm(at, -1), self._firm(at, 1)
        if fresh.floating:
            self._join(left, right)
        else:
            self._join(at, right)
            self._join(left, at)
        if len(segments) > SEGMENTS_MAX:
            self._fold()

    def _astray(self, fresh: Segment, inside: Segment) -> None:
        if fresh.before == fresh.after and not any(fresh.move):
            inside.events += 1  # it changes nothing, so the others connect with and without it
        elif len(self.strays) < STRAYS_MAX:
            self.strays += (Stray(fresh.first, fresh.first_id),)
        else:
            self.strays_dropped += 1

    def _firm(self, at: int, way: int) -> int | None:
        """The nearest segment on one side that does not float."""
        at += way
        while 0 <= at < len(self.segments):
            if not self.segments[at].floating:
                return at
            at += way
        return None

    def _join(self, left: int | None, right: int | None) -> None:
        """Make one of two segments and what floats between them, if they connect."""
        if left is None or right is None:
            return
        whole = self.segments[left]
        for nxt in self.segments[left + 1 : right + 1]:
            longer = joined(whole, nxt)
            if longer is None:
                return
            whole = longer
        self.segments[left : right + 1] = [whole]

    def _fold(self) -> None:
        """Take the first two firm segments together, and keep where they do not connect."""
        left = self._firm(-1, 1)
        right = None if left is None else self._firm(left, 1)
        if left is None or right is None:
            del self.segments[0]  # only what floats is left; it says nothing
            return
        one, other = self.segments[left], self.segments[right]
        self.folded += (self.cracks()[0],)
        self.segments[left : right + 1] = [
            msgspec.structs.replace(
                other,
                first=one.first,
                first_id=one.first_id,
                before=one.before,
                events=one.events + other.events,
            )
        ]


def _first(it: Segment) -> Position:
    return it.first
