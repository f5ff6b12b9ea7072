"""The log as a part of a read model reads it: all sequences, and only what is its own decoded."""

from collections.abc import AsyncIterator, Sequence

from domain.log import Passed, Recorded, StoredLog
from domain.partition import Partition, decoded_of


class PartLog:
    """Fits `domain.log.ReadLog`; each event is there, so that no hole goes unnoticed."""

    def __init__(self, log: StoredLog, partition: Partition) -> None:
        self._log = log
        self._partition = partition

    async def last_sequence(self) -> int:
        """The sequence of the newest event, 0 for an empty log."""
        return await self._log.last_sequence()

    async def read(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Recorded | Passed]]:
        """Batches in sequence, from `after + 1` on; raises what the log's own `read` does."""
        async for stored in self._log.read_stored(after=after, batch_max=batch_max, follow=follow):
            found, fault = decoded_of(stored, self._partition)
            if found:
                yield found
            if fault is not None:
                raise fault
