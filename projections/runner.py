"""The one loop that runs read models: read a batch, apply it, save it, again."""

import asyncio
import time
from collections.abc import Callable, Sequence

from domain.log import EventLog, Recorded, SequenceGapError
from projections.hosting import Host
from projections.projection import Hosted, ProjectionError
from projections.status import Status

BATCH_MAX = 5_000


class ProjectionsStoppedError(Exception):
    """Read models stopped; each error says which and why."""

    def __init__(self, errors: Sequence[ProjectionError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


class Runner:
    """Feeds several read models from one reader, each from its own checkpoint on.

    A read model that cannot go on stops with its reason and the others continue; `run` raises
    `ProjectionsStoppedError` once none is left, or at the end of the log if any has stopped.
    """

    def __init__(
        self,
        log: EventLog,
        hosted: Sequence[Hosted],
        *,
        batch_max: int = BATCH_MAX,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        assert hosted, "a runner needs something to run"
        self._log = log
        self._hosts = [Host(each, clock_s) for each in hosted]
        self._batch_max = batch_max

    async def run(self, *, follow: bool = True) -> None:
        """Project until stopped, or to the end of the log where `follow` is false.

        The log's own errors pass through. Stopping in the middle of a save leaves that batch
        saved or not saved, never in part.
        """
        await asyncio.gather(*(host.start() for host in self._hosts))
        if not any(host.running for host in self._hosts):
            raise ProjectionsStoppedError(self.stopped)
        reading = asyncio.create_task(self._read(follow))
        projecting = asyncio.gather(*(host.work() for host in self._hosts))
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
        head = await self._log.last_sequence()
        return [host.status(head) for host in self._hosts]

    async def _read(self, follow: bool) -> None:
        read_to = min(host.sequence for host in self._hosts if host.running)
        batches = self._log.read(after=read_to, batch_max=self._batch_max, follow=follow)
        async for batch in batches:
            read_to = _checked(batch, read_to)
            for host in self._hosts:
                await host.offer(batch)
        for host in self._hosts:
            await host.offer(())


def _checked(batch: Sequence[Recorded], read_to: int) -> int:
    """The batch's last sequence, once it is sure that it follows what was read before."""
    for expected, recorded in enumerate(batch, start=read_to + 1):
        if recorded.sequence != expected:
            raise SequenceGapError(expected, recorded.sequence)
    return read_to + len(batch)
