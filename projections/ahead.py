"""What waits for a read model that is still saving what came before."""

import asyncio
from collections import deque

from projections.batch import Batch
from projections.settling import Settled


class Ahead:
    """Settled stretches in their order, for one who gives and one who takes.

    Whoever takes gets all that waits together, up to `events_max` events: the further a read model
    is behind, the more events share a transaction, and the rows that several of them change.
    """

    def __init__(self, events_max: int) -> None:
        self._events_max = events_max
        self._waiting: deque[Settled | None] = deque()
        self._size = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, stretch: Settled | None) -> None:
        """Add a stretch; waits while as much waits as may be taken at once."""
        await self._room.wait()
        self._waiting.append(stretch)
        self._size += _size(stretch)
        self._arrived.set()
        if self._size >= self._events_max:
            self._room.clear()

    async def take(self, after: int) -> Settled | None:
        """The next stretch, with what follows it where it begins behind `after`; None at the end.

        Waits for one, and loses none if it is cancelled while it does.
        """
        await self._arrived.wait()
        first = self._pop()
        if first is None or first.after != after:
            return first
        last, parts, count = first, [first.events], len(first.events)
        while last.stop is None and self._waiting and (following := self._waiting[0]) is not None:
            count += len(following.events)
            if count > self._events_max:
                break
            parts.append(following.events)
            last = following
            self._pop()
        return first if last is first else _joined(first, last, Batch.joined(parts))

    def close(self) -> None:
        """Let whoever gives go on: nobody takes any more."""
        self._size, self._events_max = 0, 1 << 62
        self._waiting.clear()
        self._room.set()

    def _pop(self) -> Settled | None:
        stretch = self._waiting.popleft()
        self._size -= _size(stretch)
        if not self._waiting:
            self._arrived.clear()
        if self._size < self._events_max:
            self._room.set()
        return stretch


def _joined(first: Settled, last: Settled, events: Batch) -> Settled:
    return Settled(
        after=first.after,
        sequence=last.sequence,
        reread_after=last.reread_after,
        events=events,
        stop=last.stop,
    )


def _size(stretch: Settled | None) -> int:
    """What it holds, or, where that is little, how much of the log was read for it."""
    return 0 if stretch is None else max(len(stretch.events), stretch.sequence - stretch.after)
