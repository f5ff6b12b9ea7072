"""When each slot of a chain is due, by the clock on the wall."""

import time
from collections.abc import Callable

import msgspec

BEHIND_S_MAX = 60.0
"""A chain that is further behind leaves slots out in order to be live again."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Slots of equal length, from a first one on."""

    first_slot: int
    first_slot_s: float
    """When the first slot is due, in seconds since 1970."""
    slot_ms: int
    now_s: Callable[[], float] = time.time

    def wait_s(self, slot: int) -> float:
        """How long until the slot is due; negative when it is overdue."""
        due_s = self.first_slot_s + (slot - self.first_slot) * self.slot_ms / 1000
        return due_s - self.now_s()

    def live_slot(self, slot: int) -> int:
        """The slot to go on with: this one, or, far behind, the one that is due now."""
        behind_s = -self.wait_s(slot)
        if behind_s <= BEHIND_S_MAX:
            return slot
        return slot + int(behind_s * 1000 / self.slot_ms)
