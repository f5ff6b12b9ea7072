"""A log in memory: what the real one promises its readers, without a server."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

from domain.events import AnyEvent, encode
from domain.log import Recorded, Stored


class MemoryLog:
    """Fits `domain.log.EventLog` and `StoredLog`; events are added by hand."""

    def __init__(self, events: Iterable[AnyEvent] = ()) -> None:
        self._events: list[AnyEvent] = list(events)
        self._grown = asyncio.Event()

    def add(self, *events: AnyEvent) -> None:
        """Append events and wake those who follow."""
        self._events.extend(events)
        self._grown.set()

    async def last_sequence(self) -> int:
        """The sequence of the newest event, 0 for an empty log."""
        return len(self._events)

    async def first_sequence(self) -> int:
        """That of the oldest event; behind the newest where there is none."""
        return 1

    async def read(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Recorded]]:
        """Batches of events in sequence, from `after + 1` on; waits at the end if `follow`."""
        while True:
            self._grown.clear()
            while after < len(self._events):
                taken = self._events[after : after + batch_max]
                yield [Recorded(after + place, event) for place, event in enumerate(taken, 1)]
                after += len(taken)
            if not follow:
                return
            await self._grown.wait()

    async def read_stored(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Stored]]:
        """The same, as bytes."""
        async for batch in self.read(after=after, batch_max=batch_max, follow=follow):
            yield [Stored(each.sequence, encode(each.event)) for each in batch]
