"""The one loop that runs read models: read a batch, settle it, apply it, save it, again."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from domain.cancellation import go_on, requested
from domain.log import LogShorterError, Passed, ReadLog, Recorded, SequenceGapError
from domain.partition import Partition
from projections.hosting import Host
from projections.parking import Tell
from projections.projection import Hosted, ProjectionError
from projections.settling import WAITING_EVENTS_MAX, Settled, Settling
from projections.status import Status

BATCH_MAX = 10_000


class ProjectionsStoppedError(Exception):
    """Read models stopped; each error says which and why."""

    def __init__(self, errors: Sequence[ProjectionError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


class Runner:
    """Feeds several read models from one reader, each from its own checkpoint on.

    What waits for its slot is held once for all of them. An event that one cannot apply is parked,
    see `projections.parking`. A read model that cannot go on stops with its reason and the others
    continue; `run` raises `ProjectionsStoppedError` once none is left, or at the end of the log if
    any has stopped.
    """

    def __init__(
        self,
        log: ReadLog,
        hosted: Sequence[Hosted],
        *,
        batch_max: int = BATCH_MAX,
        waiting_events_max: int = WAITING_EVENTS_MAX,
        clock_s: Callable[[], float] = time.monotonic,
        tell: Tell | None = None,
        partition: Partition | None = None,
    ) -> None:
        """`tell` appends a letter for each event that is parked; without it none is parked.

        With a `partition` all that are hosted are given that part's events only; those with a
        store of a part have to be of this one.
        """
        assert hosted, "a runner needs something to run"
        assert all(it.partition in (None, partition) for it in hosted), "they share what is read"
        self._log = log
        self._partition = partition
        self._hosts = [Host(each, clock_s, tell, batch_max=batch_max) for each in hosted]
        self._batch_max = batch_max
        self._waiting_events_max = waiting_events_max
        self._settling = Settling(waiting_events_max=waiting_events_max, partition=partition)

    async def run(self, *, follow: bool = True) -> None:
        """Project until stopped, or to the end of the log where `follow` is false.

        The log's own errors pass through. Stopping in the middle of a save leaves that batch
        saved or not saved, never in part.
        """
        found = await asyncio.gather(*(host.start() for host in self._hosts))
        running = [
            (host, checkpoint)
            for host, checkpoint in zip(self._hosts, found, strict=True)
            if host.running
        ]
        if not running:
            raise ProjectionsStoppedError(self.stopped)
        self._settling = Settling(
            taken_back=(each for checkpoint in found for each in checkpoint.taken_back),
            waiting_events_max=self._waiting_events_max,
            partition=self._partition,
        )
        places = {checkpoint.sequence for _, checkpoint in running}
        reread_after = min(checkpoint.reread_after for _, checkpoint in running)
        reading = asyncio.create_task(self._read(reread_after, places, follow))
        projecting = asyncio.gather(*(host.work() for host in self._hosts if host.running))
        try:
            # Saving ends first only where every read model has stopped.
            await asyncio.wait((reading, projecting), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
            await projecting
        finally:
            reading.cancel()
            projecting.cancel()
            await asyncio.gather(reading, projecting, return_exceptions=True)
        if self.stopped:
            raise ProjectionsStoppedError(self.stopped)

    @property
    def stopped(self) -> Sequence[ProjectionError]:
        """Why read models have stopped, one error for each that has."""
        return [host.error for host in self._hosts if host.error is not None]

    async def status(self) -> Sequence[Status]:
        """How each read model is doing, measured against the log's end right now."""
        return self.standing(await self._log.last_sequence())

    def standing(self, head: int) -> Sequence[Status]:
        """How each read model is doing, with the log's end at `head`."""
        return [host.status(head, self._settling) for host in self._hosts]

    async def _read(self, read_to: int, places: Iterable[int], follow: bool) -> None:
        """Settle the log behind `read_to` for hosts that are at `places`."""
        settling, told_before = self._settling, requested()
        cuts = sorted(places)
        # The log may be long enough to read again, and still be shorter than what was read.
        last = await self._log.last_sequence()
        if cuts[-1] > last:
            raise LogShorterError(cuts[-1], last)
        batches = self._log.read(after=read_to, batch_max=self._batch_max, follow=follow)
        async for batch in batches:
            go_on(since=told_before)
            read_to = _checked(batch, read_to)
            for part in _parts(batch, cuts):
                if part[-1].sequence <= cuts[0]:
                    settling.restore(part)
                    continue
                stretches = settling.take(part)
                for stretch in stretches:
                    await self._offer(stretch)
                if stretches[-1].stop is not None:
                    await self._offer(None)
                    return
        await self._offer(None)

    async def _offer(self, stretch: Settled | None) -> None:
        for host in self._hosts:
            await host.offer(stretch)


def _checked(batch: Sequence[Recorded | Passed], read_to: int) -> int:
    """The batch's last sequence, once it is sure that it follows what was read before."""
    for expected, recorded in enumerate(batch, start=read_to + 1):
        if recorded.sequence != expected:
            raise SequenceGapError(expected, recorded.sequence)
    return read_to + len(batch)


def _parts(
    batch: Sequence[Recorded | Passed], cuts: Sequence[int]
) -> Iterator[Sequence[Recorded | Passed]]:
    """The batch in parts, none of which goes across one of the sequences."""
    start = 0
    for cut in cuts:
        end = cut - batch[0].sequence + 1
        if start < end < len(batch):
            yield batch[start:end]
            start = end
    yield batch[start:]
