"""What has arrived and is not yet read: bounded, and handed over many at a time."""

import asyncio
from collections import deque
from typing import TypeAlias

from adapters.yellowstone.origin import Origin

BYTES_MAX = 64 << 20
LINGER_S = 0.002
"""What comes within this time of the first item is handed over with it."""

Item: TypeAlias = tuple[bytes, int, Origin]
"""An update, when it came (nanoseconds since 1970), and on which stream."""


class Inbox:
    """Several streams put, one task takes; each passes the limit by at most one update."""

    def __init__(self, *, bytes_max: int = BYTES_MAX) -> None:
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._bytes_max = bytes_max
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self.closed = False
        """Whether nothing more will be put."""

    @property
    def full(self) -> bool:
        """Whether whoever puts has to wait for `room`."""
        return self._bytes >= self._bytes_max

    @property
    def empty(self) -> bool:
        """Whether everything that has come was taken."""
        return not self._items

    def put(self, item: Item) -> None:
        """Add an item, even to a full box: it is the caller who waits."""
        self._items.append(item)
        self._bytes += len(item[0])
        self._filled.set()

    async def room(self) -> None:
        """Wait until half of the box is free."""
        while self._bytes * 2 > self._bytes_max:
            self._drained.clear()
            await self._drained.wait()

    def close(self) -> None:
        """Nothing more will be put."""
        self.closed = True
        self._filled.set()

    async def take(self, items_max: int, bytes_max: int, *, wait_s_max: float) -> list[Item]:
        """All that is there, up to two limits, of which one item may pass the second.

        Waits for the first item. Empty when none came in time, or the box was closed.
        """
        if not self._items and not self.closed:
            self._filled.clear()
            try:
                async with asyncio.timeout(wait_s_max):
                    await self._filled.wait()
            except TimeoutError:
                return []
            await asyncio.sleep(LINGER_S)
        taken: list[Item] = []
        size_bytes = 0
        while self._items and len(taken) < items_max and size_bytes < bytes_max:
            taken.append(item := self._items.popleft())
            size_bytes += len(item[0])
        self._bytes -= size_bytes
        self._drained.set()
        return taken
