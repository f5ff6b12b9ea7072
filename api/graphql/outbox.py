"""What one client has still to be sent, within bounds."""

import asyncio
from collections import deque

from graphql import GraphQLError

from api.graphql.errors import TOO_LARGE, refused

UNSENT_BYTES_MAX = 1 << 20
"""What may wait for a client that reads too slowly; beyond it the client is let go of."""

ANSWER_BYTES_MAX = UNSENT_BYTES_MAX - (4 << 10)
"""Of one answer, which would not fit even if nothing else waited."""


def too_large(size: int) -> GraphQLError:
    """The error of an answer that is not sent, since it has so many bytes."""
    return refused(
        TOO_LARGE,
        f"The answer has {size} bytes, and {ANSWER_BYTES_MAX} can be told here; ask for less with "
        "`first` or `limit`, or for fewer fields, or ask a query by POST.",
    )


class Outbox:
    """Messages in their order; one writer takes them."""

    def __init__(self, *, bytes_max: int = UNSENT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._some = asyncio.Event()
        self.overflowed = False
        """Whether more had to wait than may; nothing is taken any more."""

    def put(self, message: bytes) -> None:
        """Have a message sent."""
        if self.overflowed:
            return
        self._bytes += len(message)
        if self._bytes > self._bytes_max:
            self.overflowed = True
            self._messages.clear()
        else:
            self._messages.append(message)
        self._some.set()

    def wake(self) -> None:
        """Let the writer look, whatever there is."""
        self._some.set()

    async def take(self) -> list[bytes]:
        """What there is, once there is something, or somebody has called `wake`."""
        await self._some.wait()
        self._some.clear()
        taken = list(self._messages)
        self._messages.clear()
        return taken

    def sent(self, message: bytes) -> None:
        """Note that a message waits no more."""
        self._bytes -= len(message)
