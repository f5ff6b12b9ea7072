"""The rooms' last messages, for those who were away for a moment."""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from operator import attrgetter

from api.live.message import Message

MESSAGES_MAX = 100_000
BYTES_MAX = 64 << 20
PORTION_MESSAGES_MAX, PORTION_BYTES_MAX = 1_000, 1 << 20
"""That a client is given at once of what it has missed."""

_sequence = attrgetter("sequence")


class Recent:
    """Keeps messages until there are too many of them; the oldest go first."""

    def __init__(
        self, floor: int, *, messages_max: int = MESSAGES_MAX, bytes_max: int = BYTES_MAX
    ) -> None:
        """Everything behind the sequence `floor` will be added."""
        self.floor = floor
        """Behind it nothing is missing."""
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._order: deque[Message] = deque()
        self._rooms: dict[str, deque[Message]] = {}

    def add(self, message: Message) -> None:
        """Keep a message; their sequences rise within a room."""
        self._order.append(message)
        self._rooms.setdefault(message.room, deque()).append(message)
        self._bytes += len(message.body)
        while len(self._order) > self._messages_max or self._bytes > self._bytes_max:
            self._drop()

    def since(self, room: str, after: int) -> Sequence[Message] | None:
        """A room's messages behind a sequence; None where some of them may be gone."""
        if after < self.floor:
            return None
        found: list[Message] = []
        for message in reversed(self._rooms.get(room, ())):
            if message.sequence <= after:
                break
            found.append(message)
        return found[::-1]

    def portion(
        self,
        room: str,
        after: int,
        *,
        messages_max: int = PORTION_MESSAGES_MAX,
        bytes_max: int = PORTION_BYTES_MAX,
    ) -> tuple[Sequence[Message], bool] | None:
        """The first of what `since` gives, and whether that is not all."""
        if after < self.floor:
            return None
        kept = self._rooms.get(room, deque())
        start = bisect_right(kept, after, key=_sequence)
        found: list[Message] = []
        size = 0
        for place in range(start, min(len(kept), start + messages_max)):
            size += len(kept[place].body)
            if found and size > bytes_max:
                break
            found.append(kept[place])
        return found, start + len(found) < len(kept)

    def _drop(self) -> None:
        oldest = self._order.popleft()
        self._bytes -= len(oldest.body)
        self.floor = max(self.floor, oldest.sequence)
        room = self._rooms[oldest.room]
        room.popleft()
        if not room:
            del self._rooms[oldest.room]
