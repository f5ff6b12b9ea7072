"""Thousands of WebSockets that follow the market, in one process, and count what they are sent.

They speak just enough of Engine.IO 4 and Socket.IO 5 to be served as any client is.
"""

import asyncio
import base64
import os
import re
import time
from collections.abc import Sequence
from typing import Any, cast

import uvloop

from bench.answering import answer_lines
from bench.sockets.stamped import Arrival, Stamped

SAMPLED = 100
"""Of so many of them it is noted when each trade came."""
CONNECTING_MAX = 100
CONNECT_TIMEOUT_S = 120.0
TRADE = b'42["market:trade"'
_PING = b"\x81\x012"
_PONG = b"\x81\x81\0\0\0\x003"
"""Masked with zeros, which is allowed and costs nothing."""
_ID = re.compile(rb'"trade":\{"id":"([^"]+)"')


def _frame(packet: bytes) -> bytes:
    assert len(packet) < 126, "these are short"
    return bytes((0x81, 0x80 | len(packet))) + b"\0\0\0\0" + packet


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._rest = b""
        self._step = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.trades = 0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one but for its class
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            (
                "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
                f"Host: 127.0.0.1:{self._port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            ).encode()
        )

    def data_received(self, data: bytes) -> None:
        """Count trades; before that, take one step after the other of the handshake."""
        if _PING in data:
            self.transport.write(_PONG)
        seen = self._rest + data
        if not self.ready.done():
            self._shake_hands(seen)
        self.trades += seen.count(TRADE)
        self._rest = seen[-len(TRADE) + 1 :] if self.ready.done() else seen

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection that was not to end."""
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"not let in: {self._rest[:200]!r} {exc}"))

    def _shake_hands(self, seen: bytes) -> None:
        steps = ((b'0{"sid"', b"40"), (b'40{"sid"', b'420["subscribe:market"]'))
        if self._step < len(steps) and steps[self._step][0] in seen:
            self.transport.write(_frame(steps[self._step][1]))
            self._step += 1
        elif b'430[{"ok":true' in seen:
            self.ready.set_result(None)


class Crowd:
    """All connections."""

    def __init__(self) -> None:
        self._clients: list[Client] = []
        self._sampled: list[Stamped] = []

    async def answer(self, question: dict[str, Any]) -> object:
        """Connect, count, say when trades came, or leave."""
        ask = question["ask"]
        if ask == "connect":
            return await self._connect(question["port"], question["count"])
        if ask == "trades":
            return sum(each.trades for each in self._clients)
        if ask == "sample":
            sampled = self._clients[:: max(1, len(self._clients) // SAMPLED)]
            self._sampled = [Stamped(each.transport, each.data_received) for each in sampled]
            return None
        if ask == "arrivals":
            return [_by_trade(each.close()) for each in self._sampled]
        for each in self._clients:
            each.transport.abort()
        self._clients = []
        return None

    async def _connect(self, port: int, count: int) -> float:
        loop, turn = asyncio.get_running_loop(), asyncio.Semaphore(CONNECTING_MAX)

        async def one() -> Client:
            async with turn, asyncio.timeout(CONNECT_TIMEOUT_S):
                _, client = await loop.create_connection(lambda: Client(port), "127.0.0.1", port)
                await client.ready
                return client

        began = time.monotonic()
        self._clients = list(await asyncio.gather(*(one() for _ in range(count))))
        return time.monotonic() - began


def _by_trade(arrivals: Sequence[Arrival]) -> dict[str, tuple[float, float]]:
    """By the trade's id, when it was at the socket, and when it was read."""
    found: dict[str, tuple[float, float]] = {}
    rest = b""
    for arrived_ms, read_ms, data in arrivals:
        seen, end = rest + data, 0
        for match in _ID.finditer(seen):
            found[match[1].decode()] = (arrived_ms, read_ms)
            end = match.end()
        rest = seen[end:]
    return found


async def main() -> None:
    """Until stdin ends."""
    await answer_lines(Crowd().answer)


if __name__ == "__main__":
    uvloop.run(main())
