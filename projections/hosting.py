"""One read model under way: its place in the log, and why it stopped."""

import asyncio
from collections.abc import Callable, Sequence

from domain.log import Recorded
from projections.projection import (
    Checkpoint,
    Hosted,
    PoisonEventError,
    ProjectionError,
    TakenBack,
    TakenBackError,
)
from projections.settling import Settled, Settling, Stop
from projections.status import Rate, State, Status

STRETCHES_AHEAD_MAX = 1
"""Stretches that wait, settled, while the one before them is saved."""
UNSAVED_EVENTS_MAX = 5_000
UNSAVED_S_MAX = 1.0
"""How far and how long a checkpoint may be behind where its rows have not changed."""

_REFUSALS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""How a core says that it cannot apply an event; anything else is no matter of one event."""


class Host:
    """Works for one read model; errors that stop it are kept, not raised."""

    def __init__(self, hosted: Hosted, clock_s: Callable[[], float]) -> None:
        self._projection = hosted.projection
        self._store = hosted.store
        self._clock_s = clock_s
        self._rate = Rate()
        self._stretches: asyncio.Queue[Settled | None] = asyncio.Queue(STRETCHES_AHEAD_MAX)
        self._started = False
        self._saved = 0
        self._reread_after = 0
        self._unsaved_since_s = 0.0
        self.sequence = 0
        """The rows hold all that is decided up to here; the checkpoint may be a little behind."""
        self.error: ProjectionError | None = None
        """Why it stopped."""

    @property
    def running(self) -> bool:
        """Whether it takes stretches."""
        return self.error is None

    async def start(self) -> Checkpoint:
        """Find the checkpoint to go on from."""
        try:
            found = await self._store.checkpoint()
        except ProjectionError as error:
            self.error = error
            return Checkpoint()
        self.sequence = self._saved = found.sequence
        self._reread_after = found.reread_after
        self._started = True
        return found

    async def offer(self, stretch: Settled | None) -> None:
        """Hand over the next stretch, waiting for room; None says that there are no more.

        A stretch ends before what the read model holds when it starts, or begins behind it.
        """
        if self.running:
            await self._stretches.put(stretch)

    async def work(self) -> None:
        """Apply and save what is offered, until the last of it or until something stops it."""
        try:
            while (stretch := await self._next()) is not None:
                await self._take(stretch)
            await self._save_position()
        except ProjectionError as error:
            self.error = error
        if not self._stretches.empty():
            self._stretches.get_nowait()  # or who offers next would wait for ever

    async def _next(self) -> Settled | None:
        if self.sequence == self._saved:
            return await self._stretches.get()
        left_s = self._unsaved_since_s + UNSAVED_S_MAX - self._clock_s()
        try:
            async with asyncio.timeout(max(left_s, 0)):
                return await self._stretches.get()
        except TimeoutError:
            await self._save_position()
            return await self._stretches.get()

    async def _take(self, stretch: Settled) -> None:
        if stretch.sequence < self.sequence:
            return
        if stretch.sequence > self.sequence:
            assert stretch.after == self.sequence, "a stretch begins where the last one ended"
            if stretch.events:
                await self._apply(stretch.events, stretch.sequence, stretch.reread_after)
            else:
                await self._pass(stretch)
        if stretch.stop is not None:
            await self._stop(stretch.stop)

    async def _pass(self, stretch: Settled) -> None:
        """Take note that a stretch decides nothing; that alone is seldom worth a transaction."""
        if self.sequence == self._saved:
            self._unsaved_since_s = self._clock_s()
        self._reached(stretch.sequence, stretch.reread_after)
        overdue = self._clock_s() - self._unsaved_since_s >= UNSAVED_S_MAX
        if overdue or self.sequence - self._saved >= UNSAVED_EVENTS_MAX:
            await self._save_position()

    async def _stop(self, stop: Stop) -> None:
        await self._save_position()
        if isinstance(stop, TakenBack):
            await self._store.take_back(stop)
            raise TakenBackError(self._projection.name, stop)
        raise ProjectionError(self._projection.name, stop.sentence)

    def status(self, head: int, settling: Settling) -> Status:
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
            waiting_events=settling.waiting_events,
            waiting_slots=settling.waiting_slots,
            reason=None if self.error is None else str(self.error),
        )

    def _state(self, head: int) -> State:
        if self.error is not None:
            return "stopped"
        if not self._started:
            return "starting"
        return "tail" if self.sequence == head else "busy"

    async def _apply(self, events: Sequence[Recorded], sequence: int, reread_after: int) -> None:
        try:
            changes = self._projection.apply(events)
        except _REFUSALS:
            sound, poison = self._sound_part(events)
            if sound:
                # Nothing of what waits behind it came before what waited in front of it.
                await self._apply(sound, sound[-1].sequence, self._reread_after)
            raise poison from None
        await self._save(changes, sequence, reread_after)
        self._reached(sequence, reread_after)

    async def _save_position(self) -> None:
        if self.sequence > self._saved:
            await self._save(self._projection.apply(()), self.sequence, self._reread_after)

    async def _save(self, changes: object, sequence: int, reread_after: int) -> None:
        await self._store.save(
            changes, seen=self._saved, reached=sequence, reread_after=reread_after
        )
        self._saved = sequence

    def _reached(self, sequence: int, reread_after: int) -> None:
        self._rate.add(self._clock_s(), sequence - self.sequence)
        self.sequence, self._reread_after = sequence, reread_after

    def _sound_part(
        self, events: Sequence[Recorded]
    ) -> tuple[Sequence[Recorded], PoisonEventError]:
        name = self._projection.name
        for index, recorded in enumerate(events):
            try:
                self._projection.apply((recorded,))
            except _REFUSALS as error:
                reason = f"{type(error).__name__}: {error}"
                return _whole_decisions(events[:index]), PoisonEventError(
                    name, recorded.sequence, recorded.event.id, reason
                )
        last = events[-1]
        reason = f"it fails only together with what was decided after sequence {self.sequence}"
        return (), PoisonEventError(name, last.sequence, last.event.id, reason)


def _whole_decisions(events: Sequence[Recorded]) -> Sequence[Recorded]:
    """The events without those at the end whose certificate is not among them."""
    end = len(events)
    while end and events[end - 1].event.provisional:
        end -= 1
    return events[:end]
