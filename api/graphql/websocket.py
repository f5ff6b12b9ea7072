"""Subscriptions and queries over a WebSocket, by the protocol graphql-transport-ws."""

import asyncio
import logging
from enum import IntEnum

import falcon
import falcon.asgi
import msgspec
from graphql import GraphQLError, OperationType

from api.graphql.documents import InvalidError
from api.graphql.errors import TOO_MANY, refused, told
from api.graphql.execution import invalid
from api.graphql.hub import Group, Hub
from api.graphql.outbox import ANSWER_BYTES_MAX, Outbox, too_large
from api.graphql.request import read
from api.limits import Take

PROTOCOL = "graphql-transport-ws"
INIT_WAIT_S_MAX = 10.0
OPERATIONS_MAX = 100
"""That one connection may have under way."""
ID_LENGTH_MAX = 128
CLOSE_WAIT_S_MAX = 5.0

_ACK = b'{"type":"connection_ack"}'
_log = logging.getLogger("curvetape.api")
_encode = msgspec.json.Encoder().encode


class Code(IntEnum):
    """Why the server closes a connection; as the protocol has them, and 1013: try again later."""

    TOO_SLOW = 1013
    INVALID = 4400
    UNAUTHORIZED = 4401
    NO_PROTOCOL = 4406
    INIT_TIMEOUT = 4408
    ID_TAKEN = 4409
    TOO_MANY = 4429


class Incoming(msgspec.Struct, frozen=True):
    """A message of the client's."""

    type: str
    id: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"null")


class _ClosedError(Exception):
    """The server ends the connection."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Session:
    """One connection."""

    def __init__(self, hub: Hub, ws: falcon.asgi.WebSocket, take: Take) -> None:
        """`take` counts an operation among the caller's requests."""
        self._hub = hub
        self._allowed = take
        self._ws = ws
        self._acknowledged = False
        self._outbox = Outbox()
        self._subscribed: dict[str, _Subscribed] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Serve it until it ends."""
        if PROTOCOL not in self._ws.subprotocols:
            await self._ws.accept()
            await self._ws.close(Code.NO_PROTOCOL, f"Subprotocol not acceptable: use {PROTOCOL}")
            return
        await self._ws.accept(subprotocol=PROTOCOL)
        reading = asyncio.create_task(self._read())
        writing = asyncio.create_task(self._write())
        try:
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for id_ in list(self._subscribed):
                self._stop(id_)
            work = {reading, writing, *self._running.values()}
            for task in work:
                task.cancel()
            ended = await asyncio.gather(*work, return_exceptions=True)
        for error in ended:
            if isinstance(error, _ClosedError):
                await self._close(error)
            elif isinstance(error, Exception) and not isinstance(
                error, falcon.WebSocketDisconnected
            ):
                raise error

    async def _close(self, error: _ClosedError) -> None:
        """A client that reads nothing is not waited for."""
        try:
            async with asyncio.timeout(CLOSE_WAIT_S_MAX):
                await self._ws.close(error.code, str(error))
        except TimeoutError:
            _log.warning("a connection could not be closed in time: %s", error)

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(INIT_WAIT_S_MAX):
                while not self._acknowledged:
                    self._take(await self._received())
        except TimeoutError as error:
            raise _ClosedError(Code.INIT_TIMEOUT, "Connection initialisation timeout") from error
        while True:
            self._take(await self._received())

    async def _received(self) -> Incoming:
        try:
            return msgspec.json.decode(await self._ws.receive_text(), type=Incoming)
        except (
            falcon.PayloadTypeError,
            msgspec.MsgspecError,
            UnicodeError,
            RecursionError,  # what is nested too deeply
        ) as error:
            raise _ClosedError(Code.INVALID, "Invalid message received") from error

    async def _write(self) -> None:
        while True:
            for message in await self._outbox.take():
                await self._ws.send_text(message.decode())
                self._outbox.sent(message)
            if self._outbox.overflowed:
                raise _ClosedError(Code.TOO_SLOW, "Too slow: more waits than may; subscribe anew")

    def _take(self, message: Incoming) -> None:
        if message.type == "connection_init":
            if self._acknowledged:
                raise _ClosedError(Code.TOO_MANY, "Too many initialisation requests")
            self._acknowledged = True
            self._outbox.put(_ACK)
        elif message.type == "ping":
            self._outbox.put(b'{"type":"pong"}')
        elif message.type == "subscribe":
            self._subscribe(message)
        elif message.type == "complete":
            self._stop(self._id(message))
        elif message.type != "pong":
            raise _ClosedError(Code.INVALID, "Invalid message received")

    def _id(self, message: Incoming) -> str:
        if not message.id or len(message.id) > ID_LENGTH_MAX:
            raise _ClosedError(Code.INVALID, f"An id has 1 to {ID_LENGTH_MAX} characters")
        return message.id

    def _new_id(self, message: Incoming) -> str:
        """The id of an operation that may begin."""
        if not self._acknowledged:
            raise _ClosedError(Code.UNAUTHORIZED, "Unauthorized")
        id_ = self._id(message)
        if id_ in self._subscribed or id_ in self._running:
            raise _ClosedError(Code.ID_TAKEN, f"Subscriber for {id_} already exists"[:120])
        if len(self._subscribed) + len(self._running) >= OPERATIONS_MAX:
            raise _ClosedError(Code.TOO_MANY, f"{OPERATIONS_MAX} operations may be under way")
        return id_

    def _subscribe(self, message: Incoming) -> None:
        id_ = self._new_id(message)
        allowed = self._allowed()
        if allowed is not None and not allowed.ok:
            error = refused(
                TOO_MANY,
                f"Too many requests: {allowed.refusal}.",
                limit=allowed.limit,
                retryAfterSeconds=allowed.wait_s,
            )
            self._say(id_, "error", _encode([told(error)]))
            return
        try:
            operation = self._hub.graph.operation(read(bytes(message.payload)))
            if operation.kind is OperationType.SUBSCRIPTION:
                self._subscribed[id_] = subscribed = _Subscribed(self, id_)
                subscribed.group = self._hub.join(operation, subscribed)
                return
        except GraphQLError as error:
            self._say(id_, "error", _encode([told(error)]))
        except InvalidError as error:
            self._subscribed.pop(id_, None)
            self._say(id_, "error", _encode(invalid(error).errors))
        else:

            async def answer() -> None:
                found = await self._hub.graph.answer(operation)
                if self._running.pop(id_, None) is None:
                    return
                encoded = _encode(found)
                if len(encoded) > ANSWER_BYTES_MAX:
                    self._say(id_, "error", _encode([told(too_large(len(encoded)))]))
                    return
                self._say(id_, "next", encoded)
                self._say(id_, "complete")

            self._running[id_] = asyncio.create_task(answer())

    def _stop(self, id_: str) -> None:
        subscribed = self._subscribed.pop(id_, None)
        if subscribed is not None and subscribed.group is not None:
            self._hub.leave(subscribed.group, subscribed)
        running = self._running.pop(id_, None)
        if running is not None:
            running.cancel()

    def _say(self, id_: str, kind: str, payload: bytes | None = None) -> None:
        with_payload = b"" if payload is None else b',"payload":' + payload
        self._outbox.put(
            b'{"id":' + _encode(id_) + b',"type":"' + kind.encode() + b'"' + with_payload + b"}"
        )


class _Subscribed:
    """One subscription of the connection."""

    def __init__(self, session: Session, id_: str) -> None:
        self._session = session
        self._id = id_
        self.group: Group | None = None

    def give(self, answer: bytes) -> None:
        """Take an answer."""
        self._session._say(self._id, "next", answer)  # noqa: SLF001  # it is a part of it

    def let_go(self) -> None:
        """Nothing more will come."""
        self._session._outbox.overflowed = True  # noqa: SLF001  # it is a part of it
        self._session._outbox.wake()  # noqa: SLF001  # it is a part of it

    def end(self) -> None:
        """The server ends the connection itself."""
