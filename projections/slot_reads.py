"""What the query side may ask about which slots are proven."""

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from projections.slots import Certificate, Gap

SlotState: TypeAlias = Literal[
    "certified", "no_block", "missing", "abandoned", "not_final", "before_log"
]


class Stretch(msgspec.Struct, frozen=True, order=True):
    """Slots, both ends among them."""

    from_slot: int
    to_slot: int


class Missing(msgspec.Struct, frozen=True):
    """Slots of an open gap."""

    stretch: Stretch
    reason: str | None


class SlotRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one slot."""

    certificate: Certificate | None
    """What the log says last about it."""
    child: Certificate | None
    """The certificate of the next slot that has one; its parent may be a slot before this."""
    gaps: Sequence[Gap]
    """All gaps that touch it."""
    bounds: "Bounds"


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """From where to where the log's certificates reach."""

    first: Certificate
    """The lowest slot that is certified."""
    final: Certificate
    """The highest one: what comes behind it is not final yet."""
    head: Certificate
    """The last certificate in the log: its hash stands for all before it."""


class RangeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the certificates of a range of slots add up to."""

    bounds: Bounds
    blocks: int
    executed: int
    ours: int
    decoded: int
    unknown: int
    gaps: Sequence[Gap]
    """All gaps that touch the range."""


class NewestSlot(msgspec.Struct, frozen=True):
    """The highest slot that is certified."""

    slot: int
    time_s: int | None
    """The block's own time."""


class NewestReads(Protocol):
    """How new all that is told can be."""

    async def newest_slot(self) -> NewestSlot | None:
        """The last slot that is certified; None before the first."""
        ...


class SlotReads(NewestReads, Protocol):
    """The slots read model."""

    async def slot(self, slot: int) -> SlotRow | None:
        """What is known of a slot; None before the first certificate."""
        ...

    async def certified_until(self, slot: int) -> Certificate | None:
        """The certificate of the last slot up to this one that has one."""
        ...

    async def bounds(self) -> Bounds | None:
        """From where to where certificates reach; None before the first one."""
        ...

    async def slot_range(self, from_slot: int, to_slot: int) -> RangeRow | None:
        """The sums over a range, both ends in it; None before the first certificate."""
        ...

    async def gaps(self, within: Stretch) -> Sequence[Gap]:
        """All gaps that touch a stretch."""
        ...

    async def slots_around(self, from_s: int, to_s: int) -> Stretch | None:
        """Slots that hold all blocks of the time [from_s, to_s), the chain's clock.

        Where the time begins before the first certificate, the stretch begins with slot 0; where it
        ends behind the last, it ends there. None before the first certificate.
        """
        ...


def open_gaps(gaps: Iterable[Gap], within: Stretch) -> list[Missing]:
    """What of a stretch is still missing: each gap less what was filled after it was found."""
    gaps = list(gaps)
    fills = [gap for gap in gaps if gap.filled_sequence is not None]
    found: list[Missing] = []
    for gap in gaps:
        if gap.detected_sequence is None:
            continue
        left = [Stretch(max(gap.from_slot, within.from_slot), min(gap.to_slot, within.to_slot))]
        for fill in fills:
            if (fill.filled_sequence or 0) > gap.detected_sequence:
                left = [part for each in left for part in _without(each, fill)]
        found += [Missing(each, gap.reason) for each in left if each.from_slot <= each.to_slot]
    return sorted(found, key=lambda each: each.stretch)


def _without(stretch: Stretch, fill: Gap) -> list[Stretch]:
    if fill.to_slot < stretch.from_slot or fill.from_slot > stretch.to_slot:
        return [stretch]
    around = (
        Stretch(stretch.from_slot, fill.from_slot - 1),
        Stretch(fill.to_slot + 1, stretch.to_slot),
    )
    return [each for each in around if each.from_slot <= each.to_slot]


def state_of(slot: int, row: SlotRow) -> SlotState:
    """Whether a slot is proven, and if not, why."""
    certificate, child = row.certificate, row.child
    if certificate is not None and not certificate.abandoned:
        return "certified"
    if slot > row.bounds.final.slot:
        return "not_final"
    if open_gaps(row.gaps, Stretch(slot, slot)):
        return "missing"
    if child is not None and child.parent_slot is not None and child.parent_slot < slot:
        return "no_block" if slot > row.bounds.first.slot else "before_log"
    if certificate is not None:
        return "abandoned"
    return "before_log" if slot < row.bounds.first.slot else "missing"


async def covered(reads: SlotReads, within: Stretch | None) -> bool | None:
    """Whether every slot of a stretch up to the last certificate is proven; None if not known.

    A stretch that begins before the first certificate is not.
    """
    if within is None:
        return None
    bounds, gaps = await reads.bounds(), await reads.gaps(within)
    if bounds is None:
        return None
    return within.from_slot >= bounds.first.slot and not open_gaps(gaps, within)
