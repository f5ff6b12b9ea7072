"""Answers to what was published: one inbox, and a future for each answer that is awaited."""

import asyncio
from typing import Self

import msgspec

from adapters.jetstream.connection import Connection, Listening
from domain.log import LogUnavailableError


class Refusal(msgspec.Struct, frozen=True):
    """Why JetStream did not store a message or a batch; the codes are in its errors.json."""

    code: int
    err_code: int = 0
    description: str = ""


class Ack(msgspec.Struct, frozen=True):
    """JetStream's answer; `seq` is the sequence of the last message stored, or of the known one."""

    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    count: int = 0
    error: Refusal | None = None


class Acks:
    """Awaits answers; those under way fail with `LogUnavailableError` when the connection does."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._inbox = connection.new_inbox()
        self._waiting: dict[bytes, asyncio.Future[Ack]] = {}
        self._listening: Listening | None = None
        self._count = 0
        self._decode = msgspec.json.Decoder(Ack).decode

    @classmethod
    async def open(cls, connection: Connection) -> Self:
        """Listen for answers on a new inbox of the connection."""
        acks = cls(connection)
        acks._listening = await connection.listen(f"{acks._inbox}.*", acks._take)
        connection.on_loss(acks._lose)
        return acks

    def expect(self) -> tuple[bytes, asyncio.Future[Ack]]:
        """A new reply subject, and what will hold the answer to it."""
        self._count += 1
        reply = f"{self._inbox}.{self._count}".encode()
        future: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self._waiting[reply] = future
        return reply, future

    def forget(self, reply: bytes, future: "asyncio.Future[Ack]") -> None:
        """Wait for an answer no longer, whether or not it has come."""
        self._waiting.pop(reply, None)
        if future.done() and not future.cancelled():
            future.exception()  # asyncio complains of errors that nobody has looked at

    def close(self) -> None:
        """Stop listening; what is still awaited fails."""
        self._lose()
        self._connection.off_loss(self._lose)
        if self._listening is not None:
            self._listening.stop()

    def _take(self, subject: bytes, _reply: bytes, data: bytes, headers: bytes | None) -> None:
        future = self._waiting.pop(subject, None)
        if future is None or future.done():
            return  # too late: whoever waited has given up
        if headers is not None and headers.startswith(b"NATS/1.0 503"):
            future.set_exception(LogUnavailableError("no JetStream answers to the stream"))
            return
        try:
            future.set_result(self._decode(data))
        except msgspec.DecodeError as error:
            future.set_exception(LogUnavailableError(f"the answer was {data!r}: {error}"))

    def _lose(self) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(LogUnavailableError("the connection was lost"))
        self._waiting.clear()
