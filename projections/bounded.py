"""The log as it was when a sequence was its last."""

from collections.abc import AsyncIterator, Sequence

from domain.log import EventLog, Recorded


class Bounded:
    """Fits `domain.log.EventLog`; ends at a sequence, however much there is behind it."""

    def __init__(self, log: EventLog, last: int) -> None:
        self._log = log
        self._last = last

    async def last_sequence(self) -> int:
        """The sequence at which it ends."""
        return self._last

    async def read(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Recorded]]:
        """Batches of events in sequence, from `after + 1` on; raises what the log does."""
        assert not follow, "it has an end"
        if after >= self._last:
            return
        async for batch in self._log.read(after=after, batch_max=batch_max, follow=False):
            if batch[-1].sequence < self._last:
                yield batch
                continue
            yield batch[: self._last - batch[0].sequence + 1]
            return
