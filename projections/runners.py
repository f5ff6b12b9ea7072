"""Runners side by side: each reads the log for itself, so none waits for another's store."""

import asyncio
from collections.abc import Sequence

from projections.projection import ProjectionError
from projections.runner import ProjectionsStoppedError, Runner
from projections.status import Status


class Runners:
    """Runs them all; who feeds several stores needs no more of the log than one of them does.

    One reader for all would have everybody wait for the store that is slow, away or begins anew.
    """

    def __init__(self, first: Runner, *others: Runner) -> None:
        self._first = first
        self._runners = (first, *others)

    async def run(self, *, follow: bool = True) -> None:
        """Project until stopped, or to the end of the log where `follow` is false.

        Ends when the first runner ends in an error: whoever started this starts all again. Where
        all that another one runs has stopped, the rest goes on, and `ProjectionsStoppedError` is
        raised in the end. The log's own errors pass through.
        """
        running = {asyncio.create_task(each.run(follow=follow)): each for each in self._runners}
        waiting = set(running)
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for ended in done:
                    error = ended.exception()
                    beside = running[ended] is not self._first
                    if error is None or (beside and isinstance(error, ProjectionsStoppedError)):
                        continue
                    raise error
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        if self.stopped:
            raise ProjectionsStoppedError(self.stopped)

    @property
    def stopped(self) -> Sequence[ProjectionError]:
        """Why read models have stopped, one error for each that has."""
        return [error for each in self._runners for error in each.stopped]

    async def status(self) -> Sequence[Status]:
        """How each read model is doing, measured against the log's end right now."""
        found = await asyncio.gather(*(each.status() for each in self._runners))
        return [status for statuses in found for status in statuses]

    def standing(self) -> Sequence[Status]:
        """The same where the log does not say how long it is: as if each had all of it."""
        return [status for each in self._runners for status in each.standing(0)]
