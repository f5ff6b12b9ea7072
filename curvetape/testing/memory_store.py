"""A read model's store in memory: what the real ones promise, without a server."""

import asyncio
from collections.abc import Sequence
from typing import Generic, TypeVar

from projections.parking import Parked
from projections.projection import (
    Checkpoint,
    CheckpointMovedError,
    StoreRefusedError,
    TakenBack,
)

C = TypeVar("C")


class MemoryStore(Generic[C]):
    """Fits `projections.projection.Store`; keeps every change that was saved, in turn."""

    def __init__(self, name: str, *, checkpoint: int = 0) -> None:
        self._name = name
        self.sequence = checkpoint
        self.reread_after = checkpoint
        self.taken_back: list[TakenBack] = []
        self.refused: TakenBack | None = None
        self.saved: list[C] = []
        self.set_aside: dict[int, Parked] = {}
        self._moved = asyncio.Condition()

    async def checkpoint(self) -> Checkpoint:
        """What was saved last, or `StoreRefusedError`."""
        if self.refused is not None:
            raise StoreRefusedError(self._name, self.refused.sentence)
        return Checkpoint(
            sequence=self.sequence,
            reread_after=self.reread_after,
            taken_back=tuple(self.taken_back),
        )

    async def save(
        self, changes: C, *, seen: int, reached: int, reread_after: int | None = None
    ) -> None:
        """Keep the changes and move the checkpoint, or raise `CheckpointMovedError`."""
        async with self._moved:
            if self.sequence != seen:
                raise CheckpointMovedError(self._name, seen, self.sequence)
            self.sequence = reached
            self.reread_after = reached if reread_after is None else reread_after
            self.saved.append(changes)
            self._moved.notify_all()

    async def take_back(self, taken_back: TakenBack) -> None:
        """Remember it, and refuse to go on with these rows."""
        self.taken_back.append(taken_back)
        self.refused = taken_back

    async def park(self, parked: Sequence[Parked]) -> None:
        """Remember events that are not in the changes, once each."""
        for each in parked:
            self.set_aside.setdefault(each.sequence, each)

    async def parked(self) -> Sequence[Parked]:
        """All events that are set aside, by sequence."""
        return [self.set_aside[sequence] for sequence in sorted(self.set_aside)]

    async def release(self, changes: C, sequences: Sequence[int]) -> None:
        """Keep what parked events change, and forget them, or `StoreRefusedError`."""
        if not self.set_aside.keys() >= set(sequences):
            raise StoreRefusedError(self._name, "somebody else has released them")
        for sequence in sequences:
            del self.set_aside[sequence]
        self.saved.append(changes)

    async def reached(self, sequence: int) -> None:
        """Return once the checkpoint is there or further."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.sequence >= sequence)

    def empty(self) -> None:
        """Begin anew; only what was taken back is still known."""
        self.sequence = self.reread_after = 0
        self.refused = None
        self.saved = []
