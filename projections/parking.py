"""Events that a read model cannot apply: set aside and counted, so that the rest goes on."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

import msgspec

from domain.events import encode
from domain.log import Entry, Recorded
from projections.projection import Projection

PARKED_MAX = 1_000
"""With more of them it is the read model that is broken, not its events, and it stops."""
SUBJECT_ROOT = "dead.project"

C_contra = TypeVar("C_contra", contravariant=True)


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the log that is not in the rows."""

    sequence: int
    event_id: str
    mint: str | None
    reason: str

    @classmethod
    def of(cls, recorded: Recorded, reason: str) -> "Parked":
        """The event, set aside."""
        event = recorded.event
        mint: str | None = getattr(event, "mint", None)
        return cls(sequence=recorded.sequence, event_id=event.id, mint=mint, reason=reason)


class ProjectLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What `DEAD` says of a parked event."""

    id: str
    reason: str = "cannot_be_projected"
    detail: str
    projection: str
    version: int
    sequence: int
    """Where the log holds the event."""
    event_id: str
    mint: str | None
    slot: int
    payload: str
    """Base64 of the event."""


@runtime_checkable
class ParkingStore(Protocol[C_contra]):
    """A store that can set events aside; one that cannot stops its read model instead."""

    async def park(self, parked: Sequence[Parked]) -> None:
        """Remember them, once each; before the checkpoint moves past them."""
        ...

    async def parked(self) -> Sequence[Parked]:
        """All that are set aside, by sequence."""
        ...

    async def release(self, changes: C_contra, sequences: Sequence[int]) -> None:
        """Save what parked events change, and forget that they were parked, or nothing.

        Raises `StoreRefusedError` where somebody else has released one of them.
        """
        ...


REFUSALS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""How a core says that it cannot apply an event; anything else is no matter of one event."""

Tell = Callable[[Entry], Awaitable[None]]
"""Appends a letter to `DEAD`; raises `LogError`."""


def holds_mints(projection: Projection[object]) -> bool:
    """Whether a token's later events have to wait for one that is parked.

    A core says so with `holds_mints = True`, where the order in which it is given events matters.
    Otherwise only the event itself is missing, and marked as such.
    """
    return bool(getattr(projection, "holds_mints", False))


def refusal(projection: Projection[object], recorded: Recorded) -> str | None:
    """Why a core cannot apply an event by itself; None if it can."""
    try:
        projection.apply((recorded,))
    except REFUSALS as error:
        return f"{type(error).__name__}: {error}"
    return None


def letter(name: str, version: int, recorded: Recorded, reason: str) -> Entry:
    """What to append to `DEAD`; the same event of the same version has the same id."""
    event = recorded.event
    told = ProjectLetter(
        id=f"project:{name}.{version}:{recorded.sequence}",
        detail=reason,
        projection=name,
        version=version,
        sequence=recorded.sequence,
        event_id=event.id,
        mint=getattr(event, "mint", None),
        slot=event.pos.slot,
        payload=b64encode(encode(event)).decode("ascii"),
    )
    return Entry(subject=f"{SUBJECT_ROOT}.{name}", id=told.id, payload=msgspec.json.encode(told))
