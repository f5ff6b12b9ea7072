"""A connection to NATS, with the two short cuts that the log's volume asks for.

nats-py spends most of its time per message on what the log has no use for: an awaited call per
message written; header dictionaries, message objects and queues per message read. Both short cuts
go through names that nats-py keeps to itself. They are used in this module and in `frames` only,
and `tests/unit/test_nats_internals.py` says so when a release changes them.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Self
from urllib.parse import urlsplit

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext

from adapters.address import public
from adapters.jetstream.frames import Frames, Sink
from domain.log import LogUnavailableError

CONNECT_WAIT_S_MAX = 10.0
RECONNECT_WAIT_S = 0.1
"""Between two attempts on one server; they go on until `close`."""
FLUSH_WAIT_S_MAX = 10.0
PENDING_BYTES_MAX = 16 * 1024 * 1024
PING_WAIT_S = 10
PINGS_MAX = 2
"""A server that answers none of these is taken for dead, and reconnected to."""
API_WAIT_S_MAX = 5.0
CLOSE_WAIT_S_MAX = 5.0
CANCEL_WAIT_S = 0.05

_log = logging.getLogger(__name__)


class _Client(Client):
    """nats-py's client, which hands the messages of some subscriptions straight to a sink."""

    def __init__(self) -> None:
        super().__init__()
        self.sinks: dict[int, Sink] = {}
        self._ps = Frames(self, self.sinks)


class Connection:
    """A connection that reconnects by itself; `epoch` counts the connections made so far."""

    def __init__(self, url: str) -> None:
        self.url = public(url)
        """Where it leads to, without credentials."""
        self.epoch = 0
        self._client = _Client()
        self._connected = asyncio.Event()
        self.closed = False
        """Whether it was closed, by us or by the server; it does not come back then."""
        self._on_loss: list[Callable[[], None]] = []

    @classmethod
    async def open(cls, url: str, *, name: str = "curvetape") -> Self:
        """Connect; raises `LogUnavailableError` after `CONNECT_WAIT_S_MAX`."""
        connection = cls(url)
        reason = "no answer"

        async def remember(error: Exception) -> None:
            nonlocal reason
            reason = str(error) or type(error).__name__
            _log.debug("%s: %s", connection.url, reason)

        connecting = connection._client.connect(
            url,
            name=name,
            error_cb=remember,
            disconnected_cb=connection._lost,
            reconnected_cb=connection._found,
            closed_cb=connection._ended,
            reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # it sleeps it
            max_reconnect_attempts=-1,
            pending_size=PENDING_BYTES_MAX,
            flush_timeout=FLUSH_WAIT_S_MAX,
            ping_interval=PING_WAIT_S,
            max_outstanding_pings=PINGS_MAX,
        )
        try:
            await _within(CONNECT_WAIT_S_MAX, connecting)
        except (TimeoutError, OSError, nats.errors.Error) as error:
            await connection.close()
            raise LogUnavailableError(
                f"{connection.url} could not be reached: {reason}; check CURVETAPE_NATS_URL"
            ) from error
        await connection._found()
        return connection

    async def close(self) -> None:
        """Close; harmless when done twice."""
        self.closed = True
        try:
            await _within(CLOSE_WAIT_S_MAX, self._client.close())
        except (TimeoutError, OSError) as error:
            _log.warning("the connection to %s was given up: %r", self.url, error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def jetstream(self) -> JetStreamContext:
        """nats-py's own JetStream client, for everything that is not done per event."""
        return self._client.jetstream(timeout=API_WAIT_S_MAX)

    @property
    def connected(self) -> bool:
        """Whether there is a connection right now."""
        return self._connected.is_set() and not self.closed

    @property
    def payload_bytes_max(self) -> int:
        """What the server takes in one message, headers and payload together."""
        return self._client.max_payload

    @property
    def server_id(self) -> str:
        """The id of the server connected to, as its monitoring shows it too."""
        return str(self._client._server_info["server_id"])  # noqa: SLF001  # see the module

    @property
    def host(self) -> str:
        """The name or address of the server connected to."""
        url = self._client.connected_url
        return (url.hostname if url else urlsplit(self.url).hostname) or "127.0.0.1"

    def new_inbox(self) -> str:
        """A subject that nobody else listens on."""
        return self._client.new_inbox()

    def on_loss(self, call: Callable[[], None]) -> None:
        """Have `call` called each time that the connection is lost."""
        self._on_loss.append(call)

    def off_loss(self, call: Callable[[], None]) -> None:
        """Take back an `on_loss`."""
        self._on_loss.remove(call)

    async def wait_connected(self, *, wait_s_max: float) -> None:
        """Return once there is a connection; raises `LogUnavailableError` after the wait."""
        try:
            async with asyncio.timeout(wait_s_max):
                await self._connected.wait()
        except TimeoutError as error:
            raise LogUnavailableError(
                f"{self.url} has been out of reach for {wait_s_max:g} s"
            ) from error
        if self.closed:
            raise LogUnavailableError(f"the connection to {self.url} is closed")

    async def listen(self, subject: str, sink: Sink) -> "Listening":
        """Hand all messages on a subject to `sink`, as they are read from the socket."""
        subscription = await self._client.subscribe(subject)
        number = subscription._id  # noqa: SLF001  # see the module
        self._client.sinks[number] = sink
        return Listening(self, number)

    def silence(self, number: int) -> None:
        """End a subscription without waiting for anything."""
        self._client.sinks.pop(number, None)
        if self._client._subs.pop(number, None) is not None:  # noqa: SLF001  # see the module
            self.post(b"UNSUB %d\r\n" % number)

    async def send(self, frames: bytes) -> None:
        """Write protocol frames as they are, and wait until the socket has taken them."""
        await self._client._send_command(frames)  # noqa: SLF001  # see the module
        await self._client._flush_pending(force_flush=True)  # noqa: SLF001  # see the module
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError  # the client's flush has swallowed it

    def post(self, frames: bytes) -> None:
        """Write protocol frames soon; they are lost without a word where there is no connection."""
        transport = self._client._transport  # noqa: SLF001  # see the module
        if self.connected and transport is not None:
            transport.write(frames)

    async def _lost(self) -> None:
        if self._connected.is_set() and not self.closed:
            _log.warning("the connection to %s was lost", self.url)
        self._connected.clear()
        for call in self._on_loss:
            call()

    async def _ended(self) -> None:
        if not self.closed:
            _log.error("%s has closed the connection: %s", self.url, self._client.last_error)
        self.closed = True
        await self._lost()
        self._connected.set()  # whoever waits for it shall see that it is closed

    async def _found(self) -> None:
        if self.epoch:
            _log.warning("the connection to %s is back", self.url)
        self.epoch += 1
        self._connected.set()


class Listening:
    """A subscription made by `Connection.listen`."""

    def __init__(self, connection: Connection, number: int) -> None:
        self._connection = connection
        self._number = number

    def stop(self) -> None:
        """End it; safe to call at any time, from anywhere in the event loop."""
        self._connection.silence(self._number)


async def _within(wait_s_max: float, work: Coroutine[Any, Any, None]) -> None:
    """Await what the client does; raises `OSError`, after the wait as `TimeoutError`.

    In a task of its own, because the client swallows a cancellation at times, and goes on, and
    at other times ends with one that nobody asked for: its closing and its reconnecting wait for
    the same future, and the end of the one is taken for the end of the other.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=wait_s_max)
    finally:
        in_time = task.done()
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_WAIT_S)
    if not in_time:
        raise TimeoutError(f"not done after {wait_s_max:g} s")
    if task.cancelled():
        raise ConnectionAbortedError("the client has cancelled it by itself")
    task.result()
