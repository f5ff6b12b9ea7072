"""One read model under way: its place in the log, and why it stopped."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from domain.cancellation import go_on, requested
from domain.log import LogError, Recorded
from projections.ahead import Ahead
from projections.parking import (
    PARKED_MAX,
    REFUSALS,
    Parked,
    ParkingStore,
    Tell,
    holds_mints,
    letter,
    refusal,
)
from projections.projection import (
    Checkpoint,
    Hosted,
    PoisonEventError,
    ProjectionError,
    TakenBack,
    TakenBackError,
)
from projections.saves import Saves
from projections.settling import Settled, Settling, Stop
from projections.status import Rate, State, Status

UNSAVED_EVENTS_MAX = 5_000
UNSAVED_S_MAX = 1.0
"""How far and how long a checkpoint may be behind where its rows have not changed."""


class Host:
    """Works for one read model; errors that stop it are kept, not raised."""

    def __init__(
        self,
        hosted: Hosted,
        clock_s: Callable[[], float],
        tell: Tell | None = None,
        *,
        batch_max: int,
    ) -> None:
        """With `tell` events that cannot be applied are parked, where the store can do that.

        What waits while others are saved is applied together, up to `batch_max` events.
        """
        self._projection = hosted.projection
        self._store = hosted.store
        self._partition = hosted.partition
        self._clock_s = clock_s
        self._rate = Rate()
        self._saves = Saves()
        self._events = self._batches = 0
        self._newest_ns: int | None = None
        self._ahead = Ahead(batch_max)
        self._tell = tell
        self._parking: ParkingStore[object] | None = None
        if tell is not None and isinstance(hosted.store, ParkingStore):
            self._parking = hosted.store
        self._parked: dict[int, Parked] = {}
        self._parked_before: frozenset[int] = frozenset()
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
            await self._learn_parked()
        except ProjectionError as error:
            self.error = error
            return Checkpoint()
        self._parked_before = frozenset(self._parked)
        self.sequence = self._saved = found.sequence
        self._reread_after = found.reread_after
        self._started = True
        return found

    async def offer(self, stretch: Settled | None) -> None:
        """Hand over the next stretch, waiting for room; None says that there are no more.

        A stretch ends before what the read model holds when it starts, or begins behind it.
        """
        if self.running:
            await self._ahead.put(stretch)

    async def work(self) -> None:
        """Apply and save what is offered, until the last of it or until something stops it."""
        told_before = requested()
        try:
            while (stretch := await self._next()) is not None:
                await self._take(stretch)
                go_on(since=told_before)
            await self._save_position()
        except ProjectionError as error:
            self.error = error
        self._ahead.close()  # or who offers next would wait for ever

    async def _next(self) -> Settled | None:
        if self.sequence == self._saved:
            return await self._ahead.take(self.sequence)
        left_s = self._unsaved_since_s + UNSAVED_S_MAX - self._clock_s()
        try:
            async with asyncio.timeout(max(left_s, 0)):
                return await self._ahead.take(self.sequence)
        except TimeoutError:
            await self._save_position()
            return await self._ahead.take(self.sequence)

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
            parked=len(self._parked),
            reason=None if self.error is None else str(self.error),
            lag_s=self._lag_s(head),
            events=self._events,
            batches=self._batches,
            saves=self._saves.counts,
            save_s=self._saves.seconds,
            part=None if self._partition is None else str(self._partition),
        )

    def _lag_s(self, head: int) -> float | None:
        if self._newest_ns is None:
            return None
        return 0.0 if self.sequence == head else max(time.time() - self._newest_ns / 1e9, 0.0)

    def _state(self, head: int) -> State:
        if self.error is not None:
            return "stopped"
        if not self._started:
            return "starting"
        return "tail" if self.sequence == head else "busy"

    async def _apply(self, events: Sequence[Recorded], sequence: int, reread_after: int) -> None:
        if self._parked_before:
            # Whoever parked it stopped before the checkpoint passed it: a retry applies it, not we.
            events = [it for it in events if it.sequence not in self._parked_before]
        events = await self._without_held(events)
        try:
            changes = self._projection.apply(events)
        except REFUSALS:
            if (rest := await self._without_poison(events)) is not None:
                await self._apply(rest, sequence, reread_after)
                return
            sound, poison = self._sound_part(events)
            if sound:
                # Nothing of what waits behind it came before what waited in front of it.
                await self._apply(sound, sound[-1].sequence, self._reread_after)
            raise poison from None
        await self._save(changes, sequence, reread_after)
        self._events += len(events)
        self._batches += 1
        if events:
            self._newest_ns = events[-1].event.received_at_ns
        self._reached(sequence, reread_after)

    async def _learn_parked(self) -> None:
        if self._parking is not None:
            self._parked = {each.sequence: each for each in await self._parking.parked()}

    async def _without_held(self, events: Sequence[Recorded]) -> Sequence[Recorded]:
        """The events without those that wait for a parked one of their token's; these are parked.

        A retry may have released the token meanwhile, so the store is asked.
        """
        if not self._parked or not holds_mints(self._projection):
            return events
        if not _behind(events, self._parked):
            return events
        await self._learn_parked()
        held = _behind(events, self._parked)
        if not held:
            return events
        await self._park([(each, "it waits for a parked event of its token") for each in held])
        return _without(events, held)

    async def _without_poison(self, events: Sequence[Recorded]) -> Sequence[Recorded] | None:
        """The events without those that the core refuses; None where these cannot be parked."""
        if self._parking is None:
            return None
        refused = [
            (each, reason)
            for each in events
            if (reason := refusal(self._projection, each)) is not None
        ]
        await self._learn_parked()
        if not refused or len(self._parked) + len(refused) > PARKED_MAX:
            return None
        await self._park(refused)
        return _without(events, [each for each, _ in refused])

    async def _park(self, refused: Sequence[tuple[Recorded, str]]) -> None:
        assert self._parking is not None, "it can be parked"
        assert self._tell is not None, "it can be told"
        projection = self._projection
        parked = [Parked.of(each, reason) for each, reason in refused]
        for recorded, reason in refused:
            try:
                await self._tell(letter(projection.name, projection.version, recorded, reason))
            except LogError as error:
                raise ProjectionError(
                    projection.name,
                    f"cannot apply event {recorded.event.id} (sequence {recorded.sequence}): "
                    f"{reason}; and it could not be set aside: {error}",
                ) from error
        await self._parking.park(parked)
        self._parked |= {each.sequence: each for each in parked}

    async def _save_position(self) -> None:
        if self.sequence > self._saved:
            await self._save(self._projection.apply(()), self.sequence, self._reread_after)

    async def _save(self, changes: object, sequence: int, reread_after: int) -> None:
        began_s = self._clock_s()
        await self._store.save(
            changes, seen=self._saved, reached=sequence, reread_after=reread_after
        )
        self._saves.add(self._clock_s() - began_s)
        self._saved = sequence

    def _reached(self, sequence: int, reread_after: int) -> None:
        self._rate.add(self._clock_s(), sequence - self.sequence)
        self.sequence, self._reread_after = sequence, reread_after

    def _sound_part(
        self, events: Sequence[Recorded]
    ) -> tuple[Sequence[Recorded], PoisonEventError]:
        name = self._projection.name
        for index, recorded in enumerate(events):
            if (reason := refusal(self._projection, recorded)) is not None:
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


def _behind(events: Sequence[Recorded], parked: Mapping[int, Parked]) -> list[Recorded]:
    """The events that come after a parked one of their token."""
    firsts: dict[str | None, int] = {}
    for each in parked.values():
        firsts[each.mint] = min(each.sequence, firsts.get(each.mint, each.sequence))
    firsts.pop(None, None)
    return [
        each
        for each in events
        if each.sequence > firsts.get(getattr(each.event, "mint", None), each.sequence)
    ]


def _without(events: Sequence[Recorded], others: Sequence[Recorded]) -> Sequence[Recorded]:
    sequences = {each.sequence for each in others}
    return [each for each in events if each.sequence not in sequences]
