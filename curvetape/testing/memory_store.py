"""A read model's store in memory: what the real ones promise, without a server."""

import asyncio
from typing import Generic, TypeVar

from projections.projection import CheckpointMovedError

C = TypeVar("C")


class MemoryStore(Generic[C]):
    """Fits `projections.projection.Store`; keeps every change that was saved, in turn."""

    def __init__(self, name: str, *, checkpoint: int = 0) -> None:
        self._name = name
        self.sequence = checkpoint
        self.saved: list[C] = []
        self._moved = asyncio.Condition()

    async def checkpoint(self) -> int:
        """The last sequence that was saved."""
        return self.sequence

    async def save(self, changes: C, *, seen: int, reached: int) -> None:
        """Keep the changes and move the checkpoint, or raise `CheckpointMovedError`."""
        async with self._moved:
            if self.sequence != seen:
                raise CheckpointMovedError(self._name, seen, self.sequence)
            self.sequence = reached
            self.saved.append(changes)
            self._moved.notify_all()

    async def reached(self, sequence: int) -> None:
        """Return once the checkpoint is there or further."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.sequence >= sequence)
