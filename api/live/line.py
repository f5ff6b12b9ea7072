"""What waits for a client in the library's own queue, and the way past it while nothing does."""

import asyncio
from typing import Any


class Line(asyncio.Queue[Any]):
    """The packets of a session that the library sends by itself.

    What is for everyone is written past it, but never before what waits in it, or was taken from it
    and is on its way.
    """

    __slots__ = ("direct", "on_its_way")

    def __init__(self) -> None:
        super().__init__()
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

    def _put(self, item: Any) -> None:
        self.direct = None
        super()._put(item)

    def _get(self) -> Any:
        self.on_its_way = True
        return super()._get()
