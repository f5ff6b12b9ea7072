"""Applies events that a read model had set aside, once its core takes them."""

import msgspec

from curvetape.undecided import undecided
from domain.log import EventLog, Recorded
from domain.partition import partitions
from projections.parking import Parked, ParkingStore, holds_mints, refusal
from projections.partitioning import of_part
from projections.projection import Hosted

BATCH_MAX = 500
_AHEAD = "its runner has not passed it yet; start `curvetape project`, then try again"


class Unparked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a read model's parked events."""

    name: str
    applied: int
    stayed: tuple[Parked, ...]
    """With the reason that they are refused for now."""


async def unpark(log: EventLog, hosted: Hosted) -> Unparked:
    """Try every parked event again, by sequence; those that are applied are parked no longer.

    Where a token's later events wait for one of its own, they do so here, too. One that the
    checkpoint has not passed is left alone: whoever goes on from there meets it again. Others may
    go on saving meanwhile: changes are merged. Raises `LogError` and `ProjectionError`.
    """
    store, projection = hosted.store, hosted.projection
    assert isinstance(store, ParkingStore), "only such a store has any"
    parked = await store.parked()
    # What is parked was asked for first: what the checkpoint passes meanwhile is no matter.
    reached, ahead = await undecided(log, hosted) if parked else (0, frozenset())
    stayed: list[Parked] = []
    stuck: set[str] = set()
    applied = 0
    for start in range(0, len(parked), BATCH_MAX):
        sound: list[Recorded] = []
        for each in parked[start : start + BATCH_MAX]:
            if each.mint in stuck:
                stayed.append(each)
                continue
            if each.sequence > reached or each.sequence in ahead:
                stayed.append(msgspec.structs.replace(each, reason=_AHEAD))
                continue
            recorded = await _recorded(log, each.sequence)
            if (reason := refusal(projection, recorded)) is None:
                sound.append(recorded)
                continue
            stayed.append(msgspec.structs.replace(each, reason=reason))
            if each.mint is not None and holds_mints(projection):
                stuck.add(each.mint)
        if sound:
            await store.release(projection.apply(sound), [it.sequence for it in sound])
            applied += len(sound)
    return Unparked(name=projection.name, applied=applied, stayed=tuple(stayed))


async def unpark_parts(log: EventLog, hosted: Hosted, parts: int) -> Unparked:
    """`unpark` for a read model that is divided into parts, one after the other; 0 for none.

    Only so does each store keep out of the way of its own part's runner.
    """
    divided = [of_part(hosted, it) for it in partitions(parts)] or [hosted]
    found = [await unpark(log, each) for each in divided]
    return Unparked(
        name=hosted.projection.name,
        applied=sum(it.applied for it in found),
        stayed=tuple(parked for it in found for parked in it.stayed),
    )


async def _recorded(log: EventLog, sequence: int) -> Recorded:
    async for batch in log.read(after=sequence - 1, batch_max=1, follow=False):
        return batch[0]
    raise AssertionError("the log has what was read from it")
