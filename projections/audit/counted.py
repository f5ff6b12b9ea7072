"""Which events of the log count: those that a certificate stands behind and nothing took back."""

from collections.abc import Mapping, Sequence

import msgspec

from domain.events import AnyEvent, SlotAbandoned
from domain.position import Position
from projections.audit.spans import Spans

PENDING_EVENTS_MAX = 2_000_000
"""Events that may wait for their slot's certificate; beyond them, those of the slot that has
waited longest are let go of, and counted."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """An event whose slot is not proven yet."""

    sequence: int
    event: AnyEvent


class Counted:
    """Holds provisional events back until their slot is proven.

    A slot that is taken back after its events were handed out cannot be undone here: it is noted
    in `late`, and a second walk that is given all of `late` as `retractions` leaves them out.
    """

    def __init__(self, retractions: Mapping[int, int]) -> None:
        self.late: dict[int, int] = {}
        """By slot, the sequence below which its events are taken back."""
        self.waiting = 0
        self.let_go = 0
        self._retractions = retractions
        self._pending: dict[int, list[Waiting]] = {}
        self._proven = Spans()
        self._newest: int | None = None
        """The slot that was put there last."""

    def hold(self, sequence: int, event: AnyEvent) -> bool:
        """True if the event is held back, or counts for nothing; False if it counts at once."""
        slot = event.pos.slot
        if self._retractions and sequence < self._retractions.get(slot, 0):
            return True
        if not event.provisional:
            if slot != self._newest:
                self._proven.add(slot, slot)
                self._newest = slot
            return False
        self._pending.setdefault(slot, []).append(Waiting(sequence, event))
        self.waiting += 1
        if self.waiting > PENDING_EVENTS_MAX:
            oldest = self._pending.pop(next(iter(self._pending)))
            self.waiting -= len(oldest)
            self.let_go += len(oldest)
        return True

    def confirmed(self, slot: int) -> Sequence[Waiting]:
        """The slot's events, which count now, in the chain's order."""
        self._proven.add(slot, slot)
        proven = self._pending.pop(slot, [])
        self.waiting -= len(proven)
        proven.sort(key=_position)
        return proven

    def abandoned(self, sequence: int, event: SlotAbandoned) -> None:
        """Drop the slot's events that came before."""
        dropped = self._pending.pop(event.slot, [])
        self.waiting -= len(dropped)
        handed_out = event.slot in self._proven and event.retracted > len(dropped)
        if handed_out and self._retractions.get(event.slot, 0) < sequence:
            self.late[event.slot] = sequence


def _position(waiting: Waiting) -> Position:
    return waiting.event.pos
