"""Holds events back until the log decides their slot, so that no core has to undo anything."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from domain.events import BESIDE_SLOTS, AnyEvent, SlotAbandoned, SlotConfirmed
from domain.log import Passed, Recorded
from domain.partition import Partition
from projections.batch import Batch
from projections.projection import TakenBack

WAITING_EVENTS_MAX = 1_000_000
"""A safety net, compared after each batch: ingest decides every slot, sooner or later. An event
that waits takes about 1,700 bytes."""
SETTLED_EVENTS_MAX = 10_000
"""What is handed out at once ends behind the decision that reaches this: one slot may exceed it."""
APPLIED_SLOTS_MAX = 10_000
"""Slots that are remembered as applied; beyond them the log's own count of what it takes back has
to tell. An hour of the chain's slots."""


class Overfull(msgspec.Struct, frozen=True, kw_only=True):
    """More events wait than may."""

    events: int
    slot: int
    """The slot that has waited longest."""
    sequence: int
    """The first event of it that waits."""

    @property
    def sentence(self) -> str:
        """What happened, and what to do about it."""
        return (
            f"{self.events:,} events wait for their slots to be decided, first those of slot "
            f"{self.slot} from sequence {self.sequence} on; find out why ingest does not append "
            "slot.confirmed or slot.abandoned, then start again"
        )


Stop: TypeAlias = TakenBack | Overfull
"""Why nothing behind it may be applied."""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the log, and what it decides."""

    after: int
    """The sequence before the stretch."""
    sequence: int
    """The last sequence of the stretch; `after` where it is empty."""
    reread_after: int
    """All that waits behind the stretch has a higher sequence; `sequence` where none waits."""
    events: Sequence[Recorded]
    """What counts since the stretch, in the order of decision, those that wait left out. Events
    that a certificate released stand right before it."""
    stop: Stop | None = None
    """Set on the last stretch, if nothing may follow."""


class Settling:
    """Feed it the log in sequence; it hands out each event once it counts, and only then.

    An event that is not provisional counts at once. Of a log from its start, or from
    `reread_after` of an earlier stretch with `restore` up to that stretch's end, what comes out is
    the same however the log is cut.

    With a partition it hands out what is that part's and settles all: each part stops at the same
    places. What is another part's may come as `Passed`, which is counted with the rest.
    """

    def __init__(
        self,
        *,
        taken_back: Iterable[TakenBack] = (),
        waiting_events_max: int = WAITING_EVENTS_MAX,
        settled_events_max: int = SETTLED_EVENTS_MAX,
        partition: Partition | None = None,
    ) -> None:
        self._partition = partition
        self._waiting: dict[int, list[Recorded | Passed]] = {}
        self._waiting_events = 0
        self._waiting_events_max = waiting_events_max
        self._settled_events_max = settled_events_max
        self._applied: OrderedDict[int, None] = OrderedDict()
        self._applied_last = -1
        self._taken_back: dict[int, int] = {}
        for each in taken_back:
            known = self._taken_back.get(each.slot, 0)
            self._taken_back[each.slot] = max(known, each.sequence)

    @property
    def low(self) -> int | None:
        """The lowest sequence that waits, None if none does."""
        # Slots are kept in the order of their first waiting event.
        return next((waiting[0].sequence for waiting in self._waiting.values()), None)

    @property
    def waiting_events(self) -> int:
        """How many events wait."""
        return self._waiting_events

    @property
    def waiting_slots(self) -> int:
        """How many slots they are of."""
        return len(self._waiting)

    @property
    def undecided(self) -> frozenset[int]:
        """The sequences of the events that wait, with a partition of that part's alone."""
        partition = self._partition
        return frozenset(
            it.sequence
            for waiting in self._waiting.values()
            for it in waiting
            if type(it) is Recorded
            and (partition is None or partition.owns(getattr(it.event, "mint", None)))
        )

    def restore(self, batch: Sequence[Recorded | Passed]) -> None:
        """Find again what waits; all that this part of the log decides was handed out before."""
        for recorded in batch:
            if type(recorded) is Passed:
                self._hold(recorded, recorded.slot)
                continue
            event = recorded.event
            if event.provisional:
                self._hold(recorded, event.pos.slot)
            elif type(event) is SlotAbandoned:
                self._drop(event.slot)
            else:
                self._count_in(recorded, event, [])

    def take(self, batch: Sequence[Recorded | Passed]) -> list[Settled]:
        """What a contiguous batch decides, in stretches that follow each other without a hole.

        After a stretch with a `stop` the rest of the batch is not looked at; take no more then.
        """
        stretches: list[Settled] = []
        decided: list[Recorded] = []
        after = batch[0].sequence - 1
        for recorded in batch:
            if type(recorded) is Passed:
                self._hold(recorded, recorded.slot)
                continue
            event = recorded.event
            if event.provisional:
                self._hold(recorded, event.pos.slot)
                continue
            if type(event) is SlotAbandoned:
                late = self._late(recorded.sequence, event)
                if late is not None:
                    stretches.append(self._stretch(after, recorded.sequence - 1, decided, late))
                    return stretches
                self._drop(event.slot)
                decided.append(recorded)
            else:
                self._count_in(recorded, event, decided)
            if len(decided) >= self._settled_events_max:
                stretches.append(self._stretch(after, recorded.sequence, decided))
                after, decided = recorded.sequence, []
        last = batch[-1].sequence
        stop = self._overfull()
        if after < last or stop is not None:
            stretches.append(self._stretch(after, last, decided, stop))
        return stretches

    def _stretch(
        self, after: int, sequence: int, events: Sequence[Recorded], stop: Stop | None = None
    ) -> Settled:
        low = self.low
        if (partition := self._partition) is not None:
            events = [it for it in events if partition.owns(getattr(it.event, "mint", None))]
        return Settled(
            after=after,
            sequence=sequence,
            reread_after=sequence if low is None else low - 1,
            events=Batch(events),
            stop=stop,
        )

    def _hold(self, recorded: Recorded | Passed, slot: int) -> None:
        if self._taken_back and self._passed_over(slot, recorded.sequence):
            return
        waiting = self._waiting.get(slot)
        if waiting is None:
            self._waiting[slot] = [recorded]
        else:
            waiting.append(recorded)
        self._waiting_events += 1

    def _drop(self, slot: int) -> list[Recorded | Passed]:
        waiting = self._waiting.pop(slot, [])
        self._waiting_events -= len(waiting)
        return waiting

    def _count_in(self, recorded: Recorded, event: AnyEvent, decided: list[Recorded]) -> None:
        if type(event) is SlotConfirmed:  # `isinstance` takes five times as long
            released = self._drop(event.slot)
            if released:
                decided += [it for it in released if type(it) is Recorded]
                self._note_applied(event.slot)
        elif type(event) not in BESIDE_SLOTS:
            slot = event.pos.slot
            if self._taken_back and self._passed_over(slot, recorded.sequence):
                return
            if slot != self._applied_last:  # the neighbours of most events are of their slot
                self._note_applied(slot)
        decided.append(recorded)

    def _note_applied(self, slot: int) -> None:
        self._applied_last = slot
        self._applied[slot] = None
        if len(self._applied) > APPLIED_SLOTS_MAX:
            self._applied.popitem(last=False)

    def _passed_over(self, slot: int, sequence: int) -> bool:
        return sequence < self._taken_back.get(slot, 0)

    def _late(self, sequence: int, event: SlotAbandoned) -> TakenBack | None:
        if sequence <= self._taken_back.get(event.slot, 0):
            return None
        # What is taken back and does not wait has been applied, however long ago.
        applied = len(self._waiting.get(event.slot, ())) < event.retracted
        if applied or event.slot in self._applied:
            return TakenBack(slot=event.slot, sequence=sequence)
        return None

    def _overfull(self) -> Overfull | None:
        if self._waiting_events <= self._waiting_events_max:
            return None
        slot, waiting = next(iter(self._waiting.items()))
        return Overfull(events=self._waiting_events, slot=slot, sequence=waiting[0].sequence)
