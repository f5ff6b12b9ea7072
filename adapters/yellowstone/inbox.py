"""What has arrived and is not yet read: bounded, and handed over many at a time."""

import asyncio
from collections import deque
from typing import TypeAlias

import msgspec

BYTES_MAX = 64 << 20
LINGER_S = 0.002
"""What comes within this time of the first item is handed over with it."""


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """A stream begins here: what was asked of it, and what could not be asked any more."""

    wanted: int | None
    """The slot from which on nothing may be missed; None when nothing is owed yet."""
    from_slot: int | None
    """The slot that was asked for; None for the head of the chain."""
    reason: str
    """Why the two differ, where they do."""


Item: TypeAlias = tuple[bytes | Begin, int]
"""An update, or the start of a stream, and when it came: nanoseconds since 1970."""


class Inbox:
    """One task puts, another takes; the bytes held never pass the limit by more than one update."""

    def __init__(self, *, bytes_max: int = BYTES_MAX) -> None:
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._bytes_max = bytes_max
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._closed = False

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
        self._bytes += len(item[0]) if isinstance(item[0], bytes) else 0
        self._filled.set()

    async def room(self) -> None:
        """Wait until half of the box is free."""
        while self._bytes * 2 > self._bytes_max:
            self._drained.clear()
            await self._drained.wait()

    def close(self) -> None:
        """Nothing more will be put."""
        self._closed = True
        self._filled.set()

    async def take(self, items_max: int) -> list[Item]:
        """All that is there, up to a limit; waits for the first. Empty once it is closed."""
        while not self._items:
            if self._closed:
                return []
            self._filled.clear()
            await self._filled.wait()
            await asyncio.sleep(LINGER_S)
        taken = [self._items.popleft() for _ in range(min(items_max, len(self._items)))]
        self._bytes -= sum(len(what) for what, _ in taken if isinstance(what, bytes))
        self._drained.set()
        return taken
