"""What a read model's store has in common with every other one, wherever its rows are."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from projections.parking import Parked
from projections.projection import (
    Checkpoint,
    StoreRefusedError,
    StoreUnavailableError,
    TakenBack,
)

C = TypeVar("C")
T = TypeVar("T")

WAIT_S_MIN = 0.1
WAIT_S_MAX = 5.0
"""Waits double from the one to the other."""

_log = logging.getLogger("curvetape.projections")


class PatientStore(ABC, Generic[C]):
    """Waits for a server that is away, and finds out what it did before it was lost.

    Fits `projections.projection.Store`; a subclass does each step once.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    server: ClassVar[str]
    """What a sentence calls the server."""
    errors: ClassVar[tuple[type[BaseException], ...]]
    """What its client raises."""
    attempts_max: ClassVar[int]
    """How often a step is tried, with the waits between, before giving up."""

    async def checkpoint(self) -> Checkpoint:
        """Where to go on; sequence 0 for a read model that has not begun.

        Raises `StoreRefusedError` where the rows have to be rebuilt: they are another version's,
        or hold what was taken back.
        """
        return await self._patiently(self._checkpoint)

    async def save(
        self, changes: C, *, seen: int, reached: int, reread_after: int | None = None
    ) -> None:
        """Save changes and checkpoint together; waits for a server that is away.

        Raises as `projections.projection.Store` says.
        """
        assert reached > seen, "a save moves the checkpoint on"
        behind = reached if reread_after is None else reread_after
        doubtful = False

        async def attempt() -> None:
            nonlocal doubtful
            # A connection lost before the answer leaves open whether it happened; the checkpoint
            # knows.
            if doubtful and (await self._checkpoint()).sequence == reached:
                return
            doubtful = True
            await self._save(changes, seen, reached, behind)

        await self._patiently(attempt)

    async def take_back(self, taken_back: TakenBack) -> None:
        """Remember it for rebuilds, and refuse the rows that it may have spoilt from now on."""
        await self._patiently(lambda: self._take_back(taken_back))

    async def park(self, parked: Sequence[Parked]) -> None:
        """Remember events that are not in the rows, once each."""
        await self._patiently(lambda: self._park(parked))

    async def parked(self) -> Sequence[Parked]:
        """All events that are set aside, by sequence."""
        return await self._patiently(self._parked)

    async def release(self, changes: C, sequences: Sequence[int]) -> None:
        """Save what parked events change, and forget that they were parked, or nothing.

        Raises `StoreRefusedError` where somebody else has released one of them.
        """
        await self._patiently(lambda: self._release(changes, sequences))

    @staticmethod
    @abstractmethod
    def is_transient(error: BaseException) -> bool:
        """Whether another try may do better after one of `errors`."""

    @abstractmethod
    async def _checkpoint(self) -> Checkpoint: ...

    @abstractmethod
    async def _save(self, changes: C, seen: int, reached: int, reread_after: int) -> None: ...

    @abstractmethod
    async def _take_back(self, taken_back: TakenBack) -> None: ...

    @abstractmethod
    async def _park(self, parked: Sequence[Parked]) -> None: ...

    @abstractmethod
    async def _parked(self) -> Sequence[Parked]: ...

    @abstractmethod
    async def _release(self, changes: C, sequences: Sequence[int]) -> None: ...

    def _of_another_version(self, version: object) -> StoreRefusedError:
        return StoreRefusedError(
            self.name,
            f"its rows are of version {version}, this program writes version {self.version}; "
            f"rebuild it with `curvetape projections rebuild {self.name}`",
        )

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        wait_s = WAIT_S_MIN
        for attempts_left in reversed(range(self.attempts_max)):
            try:
                return await step()
            except self.errors as error:
                if not self.is_transient(error):
                    raise StoreRefusedError(self.name, f"{self.server} refused: {error}") from error
                if not attempts_left:
                    raise StoreUnavailableError(
                        self.name, f"{self.server} was away {self.attempts_max} times: {error}"
                    ) from error
                _log.warning("%s waits %.1f s for %s: %s", self.name, wait_s, self.server, error)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, WAIT_S_MAX)
        raise AssertionError("the last attempt returns or raises")
