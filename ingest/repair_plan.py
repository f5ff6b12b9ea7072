"""What to ask a node next, so that every slot that is wanted comes as soon as it can.

Slots are looked at in chunks of `CHUNK_SLOTS`, aligned to their number: first the node lists which
slots of a chunk have a block, then these are fetched, oldest first.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ingest.repair_pace import wait_s
from ingest.repair_steps import Fetch, ListSlots, Look, Range, Step

CHUNK_SLOTS = 500
CHUNKS_MAX = 4_096
"""Chunks that are considered at once: the oldest ones."""
LISTED_CHUNKS_MAX = 64
"""Chunks whose list of slots is kept."""
FAILURES_MAX = 20_000
"""Slots whose failures are remembered; a forgotten one is only tried sooner."""
RE_OFFER_S = 10.0
"""A block that was handed over is not fetched again before, even while its slot is wanted."""
LOOK_EVERY_S = 30.0
"""How often the node is asked at most which slots it keeps."""
PRUNE_EVERY_S = 5.0


class _Chunk(msgspec.Struct):
    """What is known about a chunk; it is not listed again before `not_before_s`."""

    asked_to: int
    busy: bool = True
    tries: int = 0
    not_before_s: float = 0.0
    slots: Sequence[int] = ()


class _Failure(msgspec.Struct):
    tries: int = 0
    not_before_s: float = 0.0


class Plan:
    """Remembers what was asked and what came of it; asks for nothing itself."""

    def __init__(self, *, re_offer_s: float = RE_OFFER_S) -> None:
        self._re_offer_s = re_offer_s
        self._first_available = 0
        self._chunks: dict[int, _Chunk] = {}
        self._listed: dict[int, None] = {}
        self._failures: dict[int, _Failure] = {}
        self._busy: set[int] = set()
        self._offered: dict[int, float] = {}
        self._look_at_s: float | None = None
        self._looked_s = float("-inf")
        self._prune_at_s = 0.0
        self._retried_last = False

    @property
    def remembered(self) -> int:
        """How many slots and chunks anything is kept about."""
        listed = sum(len(chunk.slots) for chunk in self._chunks.values())
        slots = len(self._failures) + len(self._offered) + len(self._busy)
        return listed + slots + len(self._chunks)

    def next(self, wanted: Iterable[Range], now_s: float) -> Step | None:
        """What to ask now, which counts as being asked from here on; None for nothing."""
        ranges = sorted(wanted)
        if now_s >= self._prune_at_s:
            self._prune_at_s = now_s + PRUNE_EVERY_S
            self._prune(ranges, now_s)
        if not ranges:
            self._look_at_s = None
            return None
        if ranges[0][0] < self._first_available:
            self._look_later()
        if self._look_at_s is not None and now_s >= self._look_at_s:
            self._look_at_s, self._looked_s = None, now_s
            return Look()
        again: Fetch | None = None
        newest = max(last for _, last in ranges)
        for number, part in self._parts(ranges):
            step = self._in_chunk(number, part, newest, now_s)
            if isinstance(step, Fetch) and step.slot in self._failures:
                # Those that failed get every second turn at most: they may fail for ever.
                again = again or step
                if self._retried_last:
                    step = self._fresh(number, part, now_s)
            if step is not None:
                again = None
                return self._begun(step)
        return self._begun(again) if again else None

    def listed(self, step: ListSlots, slots: Sequence[int], now_s: float) -> bool:
        """The answer; whether it has a slot of those for whose sake it was asked."""
        number = step.from_slot // CHUNK_SLOTS
        chunk = self._chunks[number]
        chunk.slots = tuple(slots)
        self._listed.pop(number, None)
        self._listed[number] = None
        if len(self._listed) > LISTED_CHUNKS_MAX:
            oldest = next(iter(self._listed))
            del self._listed[oldest]
            if oldest in self._chunks:
                self._chunks[oldest].slots = ()
        self._list_later(chunk, now_s)
        first, last = step.wanted
        found = any(first <= slot <= last for slot in slots)
        if not found:
            self._look_later()
        return found

    def not_listed(self, step: ListSlots, now_s: float) -> None:
        """There was no answer."""
        self._list_later(self._chunks[step.from_slot // CHUNK_SLOTS], now_s)

    def kept(self, first_available: int) -> None:
        """The oldest slot that the node keeps."""
        self._first_available = first_available

    def offered(self, slot: int, now_s: float) -> None:
        """The block was handed over."""
        self._busy.discard(slot)
        self._failures.pop(slot, None)
        self._offered[slot] = now_s
        if (chunk := self._chunks.get(slot // CHUNK_SLOTS)) is not None:
            chunk.tries = 0

    def failed(self, slot: int, now_s: float, *, hopeless: bool = False) -> int:
        """There was no block; how often that has been so. A hopeless one has the longest wait."""
        self._busy.discard(slot)
        failure = self._failures.setdefault(slot, _Failure())
        failure.tries += 1
        failure.not_before_s = now_s + wait_s(100 if hopeless else failure.tries)
        if hopeless:
            self._look_later()
        if len(self._failures) > FAILURES_MAX:
            del self._failures[next(iter(self._failures))]
        return failure.tries

    def returned(self, step: Step) -> None:
        """It was not answered, for no fault of its own: it may be asked again at once."""
        if isinstance(step, Fetch):
            self._busy.discard(step.slot)
        elif isinstance(step, ListSlots):
            chunk = self._chunks[step.from_slot // CHUNK_SLOTS]
            chunk.busy, chunk.not_before_s = False, 0.0
        else:
            self._look_later()

    def forgive(self) -> None:
        """The node was away and is back: whatever failed meanwhile may be asked at once."""
        for failure in self._failures.values():
            failure.not_before_s = 0.0
        for chunk in self._chunks.values():
            chunk.not_before_s = 0.0

    def _parts(self, ranges: Sequence[Range]) -> Iterator[tuple[int, Range]]:
        """The chunks of the ranges, each with the part of it that is wanted."""
        looked = 0
        for first, last in ranges:
            kept = max(first, self._first_available)
            for number in range(kept // CHUNK_SLOTS, last // CHUNK_SLOTS + 1):
                begin = number * CHUNK_SLOTS
                yield number, (max(kept, begin), min(last, begin + CHUNK_SLOTS - 1))
                looked += 1
                if looked == CHUNKS_MAX:
                    return

    def _in_chunk(self, number: int, part: Range, newest: int, now_s: float) -> Step | None:
        chunk = self._chunks.get(number)
        begin = number * CHUNK_SLOTS
        asked_to = min(newest, begin + CHUNK_SLOTS - 1)
        if chunk is None:
            return ListSlots(begin, asked_to, part)
        for slot in chunk.slots:
            if part[0] <= slot <= part[1] and self._due(slot, now_s):
                return Fetch(slot)
        if not chunk.busy and (part[1] > chunk.asked_to or now_s >= chunk.not_before_s):
            return ListSlots(begin, max(asked_to, chunk.asked_to), part)
        return None

    def _fresh(self, number: int, part: Range, now_s: float) -> Fetch | None:
        for slot in self._chunks[number].slots:
            inside = part[0] <= slot <= part[1] and slot not in self._failures
            if inside and self._due(slot, now_s):
                return Fetch(slot)
        return None

    def _due(self, slot: int, now_s: float) -> bool:
        if slot in self._busy:
            return False
        offered_s = self._offered.get(slot)
        if offered_s is not None and now_s - offered_s < self._re_offer_s:
            return False
        failure = self._failures.get(slot)
        return failure is None or now_s >= failure.not_before_s

    def _begun(self, step: Step) -> Step:
        if isinstance(step, Fetch):
            self._busy.add(step.slot)
            self._retried_last = step.slot in self._failures
        elif isinstance(step, ListSlots):
            chunk = self._chunks.setdefault(step.from_slot // CHUNK_SLOTS, _Chunk(step.to_slot))
            chunk.busy, chunk.asked_to = True, step.to_slot
        return step

    def _list_later(self, chunk: _Chunk, now_s: float) -> None:
        chunk.busy = False
        chunk.tries += 1
        chunk.not_before_s = now_s + wait_s(chunk.tries)

    def _look_later(self) -> None:
        if self._look_at_s is None:
            self._look_at_s = self._looked_s + LOOK_EVERY_S

    def _prune(self, ranges: Sequence[Range], now_s: float) -> None:
        """Forget what is not wanted any more."""
        numbers = {number for number, _ in self._parts(ranges)}
        for number in [each for each in self._chunks if each not in numbers]:
            if not self._chunks[number].busy:
                del self._chunks[number]
                self._listed.pop(number, None)
        firsts = [first for first, _ in ranges]
        for slot in list(self._failures):
            place = bisect_right(firsts, slot) - 1
            if place < 0 or slot > ranges[place][1]:
                del self._failures[slot]
        re_offered_s = now_s - self._re_offer_s
        for slot in [each for each, at_s in self._offered.items() if at_s < re_offered_s]:
            del self._offered[slot]
