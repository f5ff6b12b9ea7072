"""Whether what is told of a stretch of time is all that happened: nothing, or not ingested."""

from typing import Annotated, TypeAlias

from msgspec import Meta

from domain.position import LAST_SLOT, Position
from projections.slot_reads import SlotReads, Stretch, covered

Complete: TypeAlias = Annotated[
    bool | None,
    Meta(
        description="Whether every slot of the stretch that this page is of, from the launch at "
        "the earliest and up to the last certificate at the latest, is proven to be in the log. "
        "False where some are missing or before the log: then something may be missing here, too. "
        "Null where the log has no certificate."
    ),
]


async def complete_since(
    reads: SlotReads, from_pos: int | None, before_pos: int | None
) -> bool | None:
    """Whether all from one position up to another is proven; None is the log's start, its end."""
    first = 0 if from_pos is None else Position.from_order_key(from_pos).slot
    last = LAST_SLOT if before_pos is None else Position.from_order_key(before_pos).slot
    return await covered(reads, Stretch(first, max(first, min(last, LAST_SLOT))))


async def complete_between(
    reads: SlotReads, from_s: int, to_s: int, *, launch_pos: int | None, last: int | None = None
) -> bool | None:
    """Whether all of the chain's time [from_s, to_s) is proven, up to a last slot if given.

    What was before a token's launch is no matter of its.
    """
    within = await reads.slots_around(from_s, to_s)
    if within is not None and launch_pos is not None:
        launched = Position.from_order_key(launch_pos).slot
        within = Stretch(max(within.from_slot, launched), max(within.to_slot, launched))
    if within is not None and last is not None:
        within = Stretch(min(within.from_slot, last), min(within.to_slot, last))
    return await covered(reads, within)


async def ended(reads: SlotReads, to_s: int, last: int | None = None) -> bool:
    """Whether what comes behind is certified: a block of that time or later, or the last slot."""
    newest = await reads.newest_slot()
    if newest is None:
        return False
    if last is not None and newest.slot >= last:
        return True
    return newest.time_s is not None and newest.time_s >= to_s
