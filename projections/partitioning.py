"""Which read models can be divided by mint, and what a replica hosts of each."""

from collections.abc import Sequence
from typing import Protocol, Self, runtime_checkable

import msgspec

from domain.partition import Partition
from projections.projection import Hosted, Projection


class UnpartitionedError(Exception):
    """A replica was told to run something that its part has nothing of."""


@runtime_checkable
class PartStore(Protocol):
    """A store that can keep one checkpoint for each part."""

    def of_part(self, partition: Partition) -> Self:
        """The same store, with the checkpoint and the parked events of that part."""
        ...


def is_by_mint(projection: Projection[object]) -> bool:
    """Whether runners that are given different tokens can fill one read model side by side.

    A core says so with `by_mint = True`: rows are of one token, or merge by adding up.
    """
    return bool(getattr(projection, "by_mint", False))


def is_without_mints(projection: Projection[object]) -> bool:
    """Whether a core needs no event of any token; it says so with `without_mints = True`."""
    return bool(getattr(projection, "without_mints", False))


def of_part(hosted: Hosted, partition: Partition) -> Hosted:
    """One part of a read model that is divided by mint."""
    assert isinstance(hosted.store, PartStore), "it can be divided"
    return Hosted(hosted.projection, hosted.store.of_part(partition), partition)


def can_be_divided(hosted: Hosted) -> bool:
    """Whether core and store both can."""
    return is_by_mint(hosted.projection) and isinstance(hosted.store, PartStore)


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one replica hosts."""

    of_part: Sequence[Hosted] = ()
    """Fed from the part's own events."""
    whole: Sequence[Hosted] = ()
    """Fed from every event."""


def share(hosted: Sequence[Hosted], partition: Partition | None, only: Sequence[str] = ()) -> Share:
    """What a replica hosts of these, or of those with the names in `only`.

    Without a partition everything whole. Else its part of each that can be divided; what cannot
    is whole in part 1, and not hosted by any other. Raises `UnpartitionedError` for a name in
    `only` of which the part has nothing.
    """
    chosen = [it for it in hosted if not only or it.projection.name in only]
    if partition is None:
        return Share(whole=chosen)
    parts, whole = [], []
    for each in chosen:
        if can_be_divided(each):
            parts.append(of_part(each, partition))
        elif partition.part != 1:
            if only:
                raise UnpartitionedError(
                    f"{each.projection.name} cannot be divided by mint and is hosted by part "
                    f"1/{partition.parts} as a whole; part {partition} has nothing of it"
                )
        elif is_without_mints(each.projection):
            parts.append(each)
        else:
            whole.append(each)
    return Share(of_part=parts, whole=whole)
