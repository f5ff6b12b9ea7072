"""A client's connection, written to without a queue and a task for each message.

python-socketio encodes, queues and sends a message once for each client of a room. Here a message
is framed once, and its bytes are written to every WebSocket of the room. Clients that poll, or
have not upgraded yet, get theirs through the library's own queue.
"""

import asyncio
import time
from collections import deque
from typing import Any

import socketio
from engineio.async_drivers.asgi import WebSocket
from engineio.packet import MESSAGE, Packet
from socketio.exceptions import ConnectionRefusedError  # noqa: A004  # the library has its own
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from api.limits import TAKE, Take, uncounted
from api.live.line import Line
from api.live.message import Bundle
from api.parameters import Interval

PATH = "socket.io"
CAME = "curvetape.came"
"""In what is kept of a handshake: whether its client has connected since."""
EXTENSION = "curvetape.frames"
UNSENT_BYTES_MAX = 1 << 20
"""What a client has not read yet; beyond it nothing more is written to it."""
UNSENT_PACKETS_MAX = 1_000
"""The same for one that polls."""
READ_WAIT_S = 0.05
"""How often it is looked whether one that asks for more has read that."""
UNSENT_SHARE_LOW = 0.1
"""Once so little of that waits, it is told what it has missed."""


class FramedProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that takes frames which were made for everyone."""

    line: Line | None = None
    """Of its session."""

    def handle_connect(self, event: Request) -> None:
        """Let the application find this connection."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self
            if self.scope["path"].startswith(f"/{PATH}"):
                self.ping_interval = None  # Engine.IO asks by itself whether a client is there

    def pause_writing(self) -> None:
        """More waits for the client to be read than the transport likes."""
        super().pause_writing()
        if self.line is not None:
            self.line.direct = None

    @property
    def unsent_bytes(self) -> int:
        """What the client has not read yet, as far as this process knows."""
        return self.transport.get_write_buffer_size()

    def write_frames(self, frames: bytes) -> None:
        """Write whole frames, and know whether the next ones need no look at all of this."""
        if self.handshake_complete and not self.close_sent and not self.transport.is_closing():
            self.transport.write(frames)
            if self.line is not None and self.writable.is_set():
                self.line.direct = self.transport


class Connections:
    """The WebSockets of an Engine.IO server, by its session ids."""

    def __init__(self, server: socketio.AsyncServer) -> None:
        self._engine: Any = server.eio
        self._long: set[Line] = set()
        self._engine.create_queue = lambda: Line(self._long)
        self._protocols: dict[str, FramedProtocol] = {}
        protocols = self._protocols

        class Driver(WebSocket):  # type: ignore[misc]  # the library has no types
            """Notes which protocol a session uses, and what of its line has been written."""

            async def __call__(self, environ: dict[str, Any]) -> Any:
                socket = self.handler.__self__
                session, line = socket.sid, socket.queue
                protocol = environ["asgi.scope"].get("extensions", {}).get(EXTENSION)
                if protocol is not None:
                    protocols[session] = protocol
                    protocol.line = line
                try:
                    return await super().__call__(environ)
                finally:
                    protocols.pop(session, None)
                    line.direct = None

            async def send(self, message: Any) -> None:
                line = self.handler.__self__.queue
                line.on_its_way = True
                await super().send(message)
                line.written()

        self._engine._async = {**self._engine._async, "websocket": Driver}  # noqa: SLF001  # no other way

    def protocol(self, session: str) -> FramedProtocol | None:
        """The WebSocket of a session that has upgraded and waits for nothing else."""
        socket = self._engine.sockets.get(session)
        if socket is None or not socket.upgraded or not socket.queue.idle:
            return None
        return self._protocols.get(session)

    def queue(self, session: str) -> Line | None:
        """The library's own queue of a session; None once it is gone."""
        socket = self._engine.sockets.get(session)
        return None if socket is None else socket.queue

    def flooded(self) -> list[str]:
        """The sessions for which too many answers wait, whatever they answer.

        The library itself answers some packets that nobody counts, as one that connects once more.
        """
        if not self._long:
            return []
        sockets = self._engine.sockets.items()
        found = [it for it, socket in sockets if socket.queue in self._long and socket.queue.long]
        self._long.clear()
        return found

    async def end(self, session: str) -> None:
        """End a session and its connection, without waiting until anything is read."""
        protocol, socket = self._protocols.get(session), self._engine.sockets.get(session)
        if protocol is not None:
            protocol.transport.abort()
        elif socket is not None:
            await socket.close(wait=False, abort=True)


def admitted(environ: dict[str, Any]) -> Take:
    """What counts the requests of a handshake's caller.

    A client may come and go without another handshake, so that counts from the second time on;
    raises `ConnectionRefusedError` where it is too often.
    """
    take: Take = environ["asgi.scope"].get(TAKE, uncounted)
    if CAME in environ and (allowed := take()) is not None and not allowed.ok:
        raise ConnectionRefusedError(allowed.refusal)
    environ[CAME] = True
    return take


class Channel:
    """One client."""

    def __init__(
        self, connections: Connections, session: str, sid: str = "", take: Take = uncounted
    ) -> None:
        """`session` is Engine.IO's name of it, `sid` Socket.IO's; `take` counts its requests."""
        self.take = take
        self.session = session
        self.sid = sid
        self.turn = asyncio.Lock()
        """What it asks for is done in the order in which it was asked."""
        self.under_way = 0
        """Requests that it waits for."""
        self.gone = False
        """Whether it has disconnected: what was asked for it meanwhile is not to be given."""
        self.charts: set[tuple[str, Interval]] = set()
        """Mint and interval of the candles that it is told of."""
        self.rooms: dict[str, int] = {}
        """The rooms that it is in, and the sequence of the last message that it was given."""
        self.behind: set[str] = set()
        """Rooms whose messages were not given to it."""
        self.full_since_s: float | None = None
        self._connections = connections
        self._queued: deque[int] = deque()
        """The sizes of what was put into the library's queue, and may still be there."""
        self._queued_bytes = 0

    @property
    def line(self) -> Line | None:
        """Where its messages may be written to right now; None once its session is gone."""
        return self._connections.queue(self.session)

    @property
    def unsent_share(self) -> float:
        """How much of what may wait for it waits, from 0 on; above 1 it is full."""
        protocol = self._connections.protocol(self.session)
        if protocol is not None:
            return protocol.unsent_bytes / UNSENT_BYTES_MAX
        queue = self._connections.queue(self.session)
        if queue is None:
            return 0.0
        while len(self._queued) > queue.qsize():
            self._queued_bytes -= self._queued.popleft()
        packets: int = queue.qsize()
        return max(packets / UNSENT_PACKETS_MAX, self._queued_bytes / UNSENT_BYTES_MAX)

    async def read_meanwhile(self, wait_s_max: float) -> bool:
        """Wait until it has read what waits for it; False where it does not in time."""
        end_s = time.monotonic() + wait_s_max
        while self.unsent_share > 1 and not self.gone:
            if time.monotonic() > end_s:
                return False
            await asyncio.sleep(READ_WAIT_S)
        return True

    def fall_behind(self, room: str) -> None:
        """Be given nothing more of a room until it has read what waits for it."""
        self.behind.add(room)
        if self.full_since_s is None:
            self.full_since_s = time.monotonic()

    def give(self, messages: Bundle) -> bool:
        """Give it messages, unless too much waits for it already."""
        # The same as `unsent_share` and `send`, looked up once.
        protocol = self._connections.protocol(self.session)
        if protocol is None:
            if self.unsent_share > 1:
                return False
            self.send(messages)
        elif protocol.transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            return False
        else:
            protocol.write_frames(messages.frames)
        return True

    def send(self, messages: Bundle) -> None:
        """Give it messages, whatever waits."""
        protocol = self._connections.protocol(self.session)
        if protocol is not None:
            protocol.write_frames(messages.frames)
            return
        queue = self._connections.queue(self.session)
        if queue is not None:
            for message in messages.messages:
                self._queued.append(len(message.packet))
                self._queued_bytes += len(message.packet)
                queue.put_nowait(Packet(MESSAGE, data=message.packet[1:].decode()))
