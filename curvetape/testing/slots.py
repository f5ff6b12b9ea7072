"""The slots read model in memory."""

from collections.abc import Sequence

from domain.log import Recorded
from projections.slot_reads import Bounds, NewestSlot, RangeRow, SlotRow, Stretch
from projections.slots import Certificate, Changes, Gap, Slots, merge


class MemorySlots:
    """Fits `projections.slot_reads.SlotReads`; filled by way of the product's own core."""

    _slots: Changes

    def decided(self, recorded: Sequence[Recorded]) -> None:
        """Take in what the log decides, each event once, in any order."""
        self._slots = merge(self._slots, Slots().apply(recorded))

    async def newest_slot(self) -> NewestSlot | None:
        """The last slot that is certified; None before the first."""
        found = self._certified()
        return NewestSlot(found[-1].slot, found[-1].block_time_s) if found else None

    async def slot(self, slot: int) -> SlotRow | None:
        """What is known of a slot; None before the first certificate."""
        if (bounds := await self.bounds()) is None:
            return None
        return SlotRow(
            certificate=self._slots.certificates.get(slot),
            child=next((it for it in self._certified() if it.slot > slot), None),
            gaps=await self.gaps(Stretch(slot, slot)),
            bounds=bounds,
        )

    async def certified_until(self, slot: int) -> Certificate | None:
        """The certificate of the last slot up to this one that has one."""
        return next((it for it in reversed(self._certified()) if it.slot <= slot), None)

    async def bounds(self) -> Bounds | None:
        """From where to where certificates reach; None before the first one."""
        found = self._certified()
        if not found:
            return None
        head = max(found, key=lambda it: it.sequence)
        return Bounds(first=found[0], final=found[-1], head=head)

    async def slot_range(self, from_slot: int, to_slot: int) -> RangeRow | None:
        """The sums over a range, both ends in it; None before the first certificate."""
        if (bounds := await self.bounds()) is None:
            return None
        within = [it for it in self._certified() if from_slot <= it.slot <= to_slot]
        return RangeRow(
            bounds=bounds,
            blocks=len(within),
            executed=sum(it.executed or 0 for it in within),
            ours=sum(it.ours or 0 for it in within),
            decoded=sum(it.decoded or 0 for it in within),
            unknown=sum(it.unknown or 0 for it in within),
            gaps=await self.gaps(Stretch(from_slot, to_slot)),
        )

    async def gaps(self, within: Stretch) -> Sequence[Gap]:
        """All gaps that touch a stretch."""
        return [
            gap
            for _, gap in sorted(self._slots.gaps.items())
            if gap.to_slot >= within.from_slot and gap.from_slot <= within.to_slot
        ]

    async def slots_around(self, from_s: int, to_s: int) -> Stretch | None:
        """Slots that hold all blocks of the time [from_s, to_s), the chain's clock."""
        found = self._certified()
        if not found:
            return None
        timed = [(it.block_time_s, it.slot) for it in found if it.block_time_s is not None]
        before = max((it for it in timed if it[0] < from_s), default=None)
        behind = min((it for it in timed if it[0] >= to_s), default=None)
        return Stretch(
            0 if before is None else before[1], found[-1].slot if behind is None else behind[1]
        )

    def _certified(self) -> list[Certificate]:
        found = [it for it in self._slots.certificates.values() if not it.abandoned]
        return sorted(found, key=lambda it: it.slot)
