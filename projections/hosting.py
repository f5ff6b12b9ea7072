"""One read model under way: its place in the log, and why it stopped."""

import asyncio
from collections.abc import Callable, Sequence

from domain.log import Recorded
from projections.projection import (
    Hosted,
    PoisonEventError,
    ProjectionError,
)
from projections.status import Rate, State, Status

BATCHES_AHEAD_MAX = 1
"""Batches that wait, decoded, while the one before them is saved."""

_REFUSALS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""How a core says that it cannot apply an event; anything else is no matter of one event."""


class Host:
    """Works for one read model; errors that stop it are kept, not raised."""

    def __init__(self, hosted: Hosted, clock_s: Callable[[], float]) -> None:
        self._projection = hosted.projection
        self._store = hosted.store
        self._clock_s = clock_s
        self._rate = Rate()
        self._batches: asyncio.Queue[Sequence[Recorded]] = asyncio.Queue(BATCHES_AHEAD_MAX)
        self._started = False
        self.sequence = 0
        """The last log sequence that the read model holds."""
        self.error: ProjectionError | None = None
        """Why it stopped."""

    @property
    def running(self) -> bool:
        """Whether it takes batches."""
        return self.error is None

    async def start(self) -> None:
        """Find the checkpoint to go on from."""
        try:
            self.sequence = await self._store.checkpoint()
            self._started = True
        except ProjectionError as error:
            self.error = error

    async def offer(self, batch: Sequence[Recorded]) -> None:
        """Hand over a contiguous batch, waiting for room; an empty one says that it is the last."""
        if self.running:
            await self._batches.put(batch)

    async def work(self) -> None:
        """Apply and save what is offered, until the last of it or until something stops it."""
        while self.running and (batch := await self._batches.get()):
            await self._take(batch)
        if not self._batches.empty():
            self._batches.get_nowait()  # or who offers next would wait for ever

    async def _take(self, batch: Sequence[Recorded]) -> None:
        known = self.sequence - batch[0].sequence + 1
        assert known >= 0, "the batch starts behind a hole"
        fresh = batch[known:]
        if not fresh:
            return
        try:
            await self._apply(fresh)
        except ProjectionError as error:
            self.error = error

    def status(self, head: int) -> Status:
        """How it is doing, with the log's end at `head`."""
        head = max(head, self.sequence)
        return Status(
            name=self._projection.name,
            version=self._projection.version,
            state=self._state(head),
            sequence=self.sequence,
            head=head,
            lag=head - self.sequence,
            rate_per_s=self._rate.per_s(self._clock_s()),
            reason=None if self.error is None else str(self.error),
        )

    def _state(self, head: int) -> State:
        if self.error is not None:
            return "stopped"
        if not self._started:
            return "starting"
        return "tail" if self.sequence == head else "busy"

    async def _apply(self, batch: Sequence[Recorded]) -> None:
        try:
            changes = self._projection.apply(batch)
        except _REFUSALS:
            sound, poison = self._sound_part(batch)
            if sound:
                await self._apply(sound)
            raise poison from None
        reached = batch[-1].sequence
        await self._store.save(changes, seen=self.sequence, reached=reached)
        self.sequence = reached
        self._rate.add(self._clock_s(), len(batch))

    def _sound_part(self, batch: Sequence[Recorded]) -> tuple[Sequence[Recorded], PoisonEventError]:
        name = self._projection.name
        for index, recorded in enumerate(batch):
            try:
                self._projection.apply((recorded,))
            except _REFUSALS as error:
                reason = f"{type(error).__name__}: {error}"
                return batch[:index], PoisonEventError(
                    name, recorded.sequence, recorded.event.id, reason
                )
        last = batch[-1]
        reason = f"it fails only together with what came from sequence {batch[0].sequence} on"
        return (), PoisonEventError(name, last.sequence, last.event.id, reason)
