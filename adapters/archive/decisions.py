"""Which events count, as far as what has been read of the log tells."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from domain.events import BESIDE_SLOTS, AnyEvent, Event, SlotAbandoned, SlotConfirmed

_ALWAYS: frozenset[type[Event]] = BESIDE_SLOTS | {SlotConfirmed, SlotAbandoned}
ALWAYS_COUNT = tuple(sorted(str(kind.__struct_config__.tag) for kind in _ALWAYS))
"""Tags of what is said of slots, or is decided by none: nothing takes these back."""


class Decisions:
    """Feed it events in sequence, and ask for whole tables of rows what of them counts."""

    def __init__(self) -> None:
        self._undecided: dict[int, int] = {}
        self._confirmed: dict[int, int] = {}
        self._abandoned: dict[int, int] = {}

    def note(self, sequence: int, event: AnyEvent) -> None:
        """Take notice of an event."""
        if event.provisional:
            self._undecided.setdefault(event.pos.slot, sequence)
        elif isinstance(event, SlotConfirmed):
            self._undecided.pop(event.slot, None)
            self._confirmed[event.slot] = sequence
        elif isinstance(event, SlotAbandoned):
            self._undecided.pop(event.slot, None)
            self._abandoned[event.slot] = sequence

    @property
    def undecided(self) -> tuple[int, int] | None:
        """The slot that has waited longest, and its first event's sequence; None if none does."""
        return next(iter(self._undecided.items()), None)

    def forget(self, end: int) -> None:
        """Forget decisions up to a sequence: they are about what is before it."""
        self._confirmed = {slot: at for slot, at in self._confirmed.items() if at > end}
        self._abandoned = {slot: at for slot, at in self._abandoned.items() if at > end}

    def judged(self, table: pa.Table) -> pa.Table:
        """A kind's table with the column `counts`."""
        if table["kind"][0].as_py() in ALWAYS_COUNT:
            return table.append_column("counts", pa.array([True] * len(table)))
        proven = pc.less(table["sequence"], _looked_up(self._confirmed, table["slot"]))
        counts = pc.and_(
            pc.or_(proven, pc.invert(table["provisional"])),
            pc.invert(taken_back(table, self._abandoned)),
        )
        return table.append_column("counts", counts)


def taken_back(table: pa.Table, abandoned: Mapping[int, int]) -> pa.ChunkedArray:
    """Of each row whether its slot was abandoned at a later sequence."""
    return pc.less(table["sequence"], _looked_up(abandoned, table["slot"]))


def _looked_up(found: Mapping[int, int], slots: pa.ChunkedArray) -> pa.ChunkedArray:
    """The sequence that is known for each slot, 0 where there is none."""
    places = pc.index_in(slots, pa.array(found, pa.int64()))
    return pc.fill_null(pc.take(pa.array(found.values(), pa.int64()), places), 0)
