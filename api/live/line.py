"""What waits for a client in the library's own queue, and the way past it while nothing does."""

import asyncio
from typing import Any

FLOOD_PACKETS_MAX = 20_000
"""So many only wait for one that does not read what it asks for; a token that read models have not
kept up with may bring thousands at once, before a client has upgraded."""


class Line(asyncio.Queue[Any]):
    """The packets of a session that the library sends by itself.

    What is for everyone is written past it, but never before what waits in it, or was taken from it
    and is on its way.
    """

    __slots__ = ("_all_long", "direct", "on_its_way")

    def __init__(self, all_long: "set[Line] | None" = None) -> None:
        """To `all_long` it adds itself whenever it gets too long."""
        super().__init__()
        self._all_long = set() if all_long is None else all_long
        self.direct: asyncio.Transport | None = None
        """Where one may write right now, without a look at anything else; None where one may not,
        or it has not been looked."""
        self.on_its_way = False
        """Whether something was taken that is not known to be written."""

    def written(self) -> None:
        """Something that was taken has been written."""
        self.on_its_way = not self.empty()

    @property
    def idle(self) -> bool:
        """Whether nothing comes before what is written now."""
        return not self.on_its_way and self.empty()

    @property
    def long(self) -> bool:
        """Whether more waits in it than for anybody who reads."""
        return self.qsize() > FLOOD_PACKETS_MAX

    def _put(self, item: Any) -> None:
        self.direct = None
        super()._put(item)
        if self.long:
            self._all_long.add(self)

    def _get(self) -> Any:
        self.on_its_way = True
        return super()._get()
