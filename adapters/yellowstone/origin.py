"""Where an update came from: the connection, and the stream on it."""

import asyncio

from adapters.yellowstone.distance import Distance
from adapters.yellowstone.health import Mode


class Link:
    """What the two streams of one connection know of each other."""

    def __init__(self, distance: Distance) -> None:
        self.distance = distance
        self.traded_slot = 0
        """The newest confirmed slot with a transaction that comes early, too."""
        self._begun = False
        self._near, self._far = asyncio.Event(), asyncio.Event()

    def begin(self) -> None:
        """The stream of confirmed blocks has brought something."""
        self._begun = True
        self.judge()

    def judge(self) -> None:
        """Let those know who wait for nearness or for distance; to be called after changes."""
        near, far = (self._near, self._far)
        if self.distance.catching_up:
            near.clear()
            far.set()
        elif self._begun:
            far.clear()
            near.set()

    async def near(self) -> None:
        """Wait until the truth is read, and near enough to the chain's head."""
        await self._near.wait()

    async def far(self) -> None:
        """Wait until it has fallen far behind."""
        await self._far.wait()


class Origin:
    """One stream; whoever reads its updates can say that they are damaged."""

    def __init__(self, link: Link, *, mode: Mode | None, from_slot: int | None = None) -> None:
        """`mode` is None for early transactions; `from_slot` None for the head of the chain."""
        self.link = link
        self.mode = mode
        self.from_slot = from_slot
        self.slot = 0
        """The newest slot read from it."""
        self.damage = ""
        """What was wrong with its bytes; nothing behind them is read. Empty if nothing was."""
        self._damaged = asyncio.Event()

    def spoil(self, damage: str) -> None:
        """Say that its bytes are damaged."""
        self.damage = damage
        self._damaged.set()

    async def damaged(self) -> None:
        """Wait for damage."""
        await self._damaged.wait()
