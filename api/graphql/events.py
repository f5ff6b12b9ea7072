"""Answers as server-sent events: each connection is one operation, as graphql-sse has it."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from falcon.asgi import SSEvent

from api.graphql.errors import SLOW_CONSUMER, refused, told
from api.graphql.execution import Answer, Operation
from api.graphql.hub import Group, Hub
from api.graphql.outbox import Outbox

PING_S = 12.0
"""Something is sent so often at least: a connection that has ended is noticed by it."""

_COMPLETE = SSEvent(event="complete", data=b"")
_encode = msgspec.json.Encoder().encode


class Stream:
    """A subscription's answers, one by one."""

    def __init__(self, hub: Hub, operation: Operation) -> None:
        """May raise `InvalidError`."""
        self._hub = hub
        self._outbox = Outbox()
        self._ended = False
        self._group: Group | None = None  # while joining, something may be given already
        self._group = hub.join(operation, self)

    def give(self, answer: bytes) -> None:
        """Take an answer."""
        self._outbox.put(answer)
        if self._outbox.overflowed:
            self._leave()

    def _leave(self) -> None:
        if self._group is not None:
            self._hub.leave(self._group, self)

    def let_go(self) -> None:
        """Nothing more will come."""
        self._outbox.overflowed = True
        self._outbox.wake()

    def end(self) -> None:
        """The server stops: the connection ends without saying that all was told."""
        self._ended = True
        self._outbox.wake()

    async def events(self) -> AsyncIterator[SSEvent | None]:
        """What is sent; None for a sign of life."""
        try:
            while True:
                try:
                    async with asyncio.timeout(PING_S):
                        answers = await self._outbox.take()
                except TimeoutError:
                    yield None
                    continue
                for answer in answers:
                    yield SSEvent(event="next", data=answer)
                    self._outbox.sent(answer)
                if self._ended:
                    return
                if self._outbox.overflowed:
                    error = refused(
                        SLOW_CONSUMER, "More waits for you than may; subscribe anew, and read on."
                    )
                    yield SSEvent(event="next", data=_encode(Answer(errors=[told(error)])))
                    yield _COMPLETE
                    return
        finally:
            self._leave()


async def single(answer: Answer) -> AsyncIterator[SSEvent | None]:
    """A query's only answer."""
    yield SSEvent(event="next", data=_encode(answer))
    yield _COMPLETE
