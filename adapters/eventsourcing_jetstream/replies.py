"""Answers to what was asked: one inbox for all of them, and a place for each that is awaited."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Self

from nats.aio.client import Client as Nats
from nats.aio.msg import Msg


class UnansweredError(Exception):
    """Nothing has answered, or not yet: what was asked may have been done or not."""


class Reply:
    """The messages of one answer, as they come."""

    def __init__(self, subject: str, *, ends_with_first: bool) -> None:
        self.subject = subject
        self._ends_with_first = ends_with_first
        self._messages: list[Msg] = []
        self._ended = asyncio.Event()
        self._lost = False

    async def all(self, wait_s_max: float) -> Sequence[Msg]:
        """The whole answer; `UnansweredError` when it does not come, or the connection is lost."""
        while not self._ended.is_set():
            came = len(self._messages)
            try:
                async with asyncio.timeout(wait_s_max):
                    await self._ended.wait()
            except TimeoutError as error:
                if len(self._messages) == came:
                    raise UnansweredError(f"no answer came for {wait_s_max:g} s") from error
        if self._lost:
            raise UnansweredError("the connection was lost")
        return self._messages

    def take(self, message: Msg) -> None:
        """Add a message; the last of several says so by its status."""
        self._messages.append(message)
        if self._ends_with_first or (message.headers and "Status" in message.headers):
            self._ended.set()

    def lose(self) -> None:
        """The rest of it will not come."""
        self._lost = True
        self._ended.set()


class Replies:
    """Hands each answer to whoever waits for it."""

    def __init__(self, inbox: str) -> None:
        self._inbox = inbox
        self._waiting: dict[str, Reply] = {}
        self._numbers = count(1)

    @classmethod
    async def open(cls, connection: Nats) -> Self:
        """Listen for answers on a new inbox."""
        replies = cls(connection.new_inbox())
        await connection.subscribe(
            f"{replies._inbox}.*",
            cb=replies._take,
            pending_msgs_limit=0,
            pending_bytes_limit=0,
        )
        return replies

    @asynccontextmanager
    async def expect(self, *, ends_with_first: bool) -> AsyncIterator[Reply]:
        """A place for an answer: of one message, or of several up to one with a status."""
        subject = f"{self._inbox}.{next(self._numbers)}"
        reply = self._waiting[subject] = Reply(subject, ends_with_first=ends_with_first)
        try:
            yield reply
        finally:
            del self._waiting[subject]

    def lose(self) -> None:
        """The connection is lost, and all that was under way with it."""
        for reply in self._waiting.values():
            reply.lose()

    async def _take(self, message: Msg) -> None:
        reply = self._waiting.get(message.subject)
        if reply is not None:
            reply.take(message)
