"""What a read model is made of: a pure core, and a store with a checkpoint of its own."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from domain.log import Recorded
from domain.partition import Partition

C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)
C_contra = TypeVar("C_contra", contravariant=True)


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """A slot whose events the log takes back although its certificate had let them count."""

    slot: int
    sequence: int
    """The sequence of the `slot.abandoned`."""

    @property
    def sentence(self) -> str:
        """What happened, and what to do about it."""
        return (
            f"slot {self.slot} was taken back (sequence {self.sequence}) after its certificate, so "
            "its rows may hold what did not happen; rebuild it with `curvetape projections rebuild`"
        )


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far a read model is, and what a restart has to know."""

    sequence: int = 0
    """The rows hold all that is decided up to here in the log, once; the rest of it waits."""
    reread_after: int = 0
    """What waits stands behind this sequence; never above `sequence`, equal where none waits."""
    taken_back: tuple[TakenBack, ...] = ()
    """Slots that were once found to be taken back too late; a rebuild passes over their events."""


class ProjectionError(Exception):
    """A read model could not go on."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(f"{name}: {sentence}")
        self.name = name


class PoisonEventError(ProjectionError):
    """The core cannot apply an event; what was decided before it is saved.

    Where the event waited for a certificate, its slot is not applied in part.
    """

    def __init__(self, name: str, sequence: int, event_id: str, reason: str) -> None:
        super().__init__(name, f"cannot apply event {event_id} (sequence {sequence}): {reason}")
        self.sequence = sequence
        self.event_id = event_id
        self.reason = reason


class TakenBackError(ProjectionError):
    """Events that are in the rows are taken back; all decided before that is saved."""

    def __init__(self, name: str, taken_back: TakenBack) -> None:
        super().__init__(name, taken_back.sentence)
        self.taken_back = taken_back


class CheckpointMovedError(ProjectionError):
    """Someone else moved the checkpoint, so nothing was saved; stop one of the two runners."""

    def __init__(
        self, name: str, expected: int, found: int, partition: Partition | None = None
    ) -> None:
        of_part = "" if partition is None else f" of part {partition}"
        super().__init__(
            name,
            f"its checkpoint{of_part} was {found} where {expected} was expected; another runner"
            f"{of_part} is at work",
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
        """What the batch changes; changes of consecutive batches may be saved in turn.

        The events come as they are decided, so not always by sequence; a batch may be empty.
        """
        ...


class Store(Protocol[C_contra]):
    """The half that keeps the rows, and the checkpoint beside them."""

    async def checkpoint(self) -> Checkpoint:
        """Where to go on; sequence 0 for a read model that has not begun.

        Raises `StoreRefusedError` for rows that have to be rebuilt, `StoreUnavailableError`.
        """
        ...

    async def save(
        self, changes: C_contra, *, seen: int, reached: int, reread_after: int | None = None
    ) -> None:
        """Save changes and checkpoint together, or nothing; None says that no event waits.

        Waiting for a store that is away, and finding out whether it saved before it was lost,
        is the store's own matter. Raises `CheckpointMovedError` unless the checkpoint's sequence
        was `seen`, `StoreRefusedError` for what trying again cannot mend, `StoreUnavailableError`
        otherwise.
        """
        ...

    async def take_back(self, taken_back: TakenBack) -> None:
        """Remember it for rebuilds, and refuse rows that it may have spoilt from now on.

        Raises `StoreRefusedError` or `StoreUnavailableError`.
        """
        ...


class Hosted(msgspec.Struct, frozen=True):
    """A projection with the store that it fills."""

    projection: Projection[object]
    store: Store[object]
    partition: Partition | None = None
    """Which part of the rows the store keeps a checkpoint of; None for all of them."""


def host(projection: Projection[C], store: Store[C]) -> Hosted:
    """Join a core with its store; the types have to agree on what a change is."""
    return Hosted(projection, store)  # type: ignore[arg-type]  # checked by this signature
