"""What a read model is made of: a pure core, and a store with a checkpoint of its own."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from domain.log import Recorded

C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)
C_contra = TypeVar("C_contra", contravariant=True)


class ProjectionError(Exception):
    """A read model could not go on."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(f"{name}: {sentence}")
        self.name = name


class PoisonEventError(ProjectionError):
    """The core cannot apply an event; everything before it is saved."""

    def __init__(self, name: str, sequence: int, event_id: str, reason: str) -> None:
        super().__init__(name, f"cannot apply event {event_id} (sequence {sequence}): {reason}")
        self.sequence = sequence
        self.event_id = event_id
        self.reason = reason


class CheckpointMovedError(ProjectionError):
    """Someone else moved the checkpoint, so nothing was saved; stop one of the two runners."""

    def __init__(self, name: str, expected: int, found: int) -> None:
        super().__init__(
            name,
            f"its checkpoint was {found} where {expected} was expected; another runner is at work",
        )
        self.expected = expected
        self.found = found


class StoreRefusedError(ProjectionError):
    """The store answered that it will not save this; trying again would not help."""


class StoreUnavailableError(ProjectionError):
    """The store could not be reached, however often it was tried; nothing was saved twice."""


class Projection(Protocol[C_co]):
    """The pure half: no input, no output, no clock."""

    @property
    def name(self) -> str:
        """The read model's name, as in checkpoints and status lines."""
        ...

    @property
    def version(self) -> int:
        """Raised whenever the same events would give other rows."""
        ...

    def apply(self, batch: Sequence[Recorded]) -> C_co:
        """What the batch changes; changes of consecutive batches may be saved in turn."""
        ...


class Store(Protocol[C_contra]):
    """The half that keeps the rows, and the checkpoint beside them."""

    async def checkpoint(self) -> int:
        """The last log sequence that the rows hold, 0 for none.

        Raises `StoreUnavailableError` or `StoreRefusedError`.
        """
        ...

    async def save(self, changes: C_contra, *, seen: int, reached: int) -> None:
        """Save changes and checkpoint together, or nothing.

        Waiting for a store that is away, and finding out whether it saved before it was lost,
        is the store's own matter. Raises `CheckpointMovedError` unless the checkpoint was `seen`,
        `StoreRefusedError` for what trying again cannot mend, `StoreUnavailableError` otherwise.
        """
        ...


class Hosted(msgspec.Struct, frozen=True):
    """A projection with the store that it fills."""

    projection: Projection[object]
    store: Store[object]


def host(projection: Projection[C], store: Store[C]) -> Hosted:
    """Join a core with its store; the types have to agree on what a change is."""
    return Hosted(projection, store)  # type: ignore[arg-type]  # checked by this signature
