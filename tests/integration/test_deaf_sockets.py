"""Who does not read what it is sent over a WebSocket does not have it wait in memory for ever."""

import asyncio
import base64
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from websockets.frames import Frame, Opcode

from api.live import line as line_module
from api.live import rooms as rooms_module
from api.live import sockets as sockets_module
from curvetape.testing.events import created, curve_traded, recorded
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.market import address
from curvetape.testing.reads import MemoryReads
from curvetape.testing.sockets import serving_sockets

MINT = address("followed")
WAIT_S_MAX = 30.0


def framed(*packets: str) -> bytes:
    return b"".join(Frame(Opcode.TEXT, it.encode()).serialize(mask=True) for it in packets)


@asynccontextmanager
async def deaf(url: str) -> AsyncIterator[socket.socket]:
    """A client that writes, and reads nothing but the server's agreement to a WebSocket."""
    loop = asyncio.get_running_loop()
    of = urlsplit(url)
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        made.setblocking(False)
        await loop.sock_connect(made, (of.hostname, of.port))
        key = base64.b64encode(os.urandom(16)).decode()
        await loop.sock_sendall(
            made,
            (
                "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: {key}\r\n\r\n"
            ).encode(),
        )
        assert b" 101 " in await loop.sock_recv(made, 40)
        yield made


async def cut_off(client: socket.socket, packets: bytes, *, wait_s: float) -> bool:
    """Whether the connection ends while it is written to."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            while True:
                await loop.sock_sendall(client, packets)
                await asyncio.sleep(wait_s)
    except OSError as error:
        return not isinstance(error, TimeoutError)


async def test_one_that_has_uncounted_packets_answered_and_reads_nothing_is_cut_off(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that connects again and again; what it connects to is in the answers."""
    monkeypatch.setattr(line_module, "FLOOD_PACKETS_MAX", 100)
    packets = framed(*["40/" + "x" * 15_000 + ","] * 100)
    async with serving_sockets(MemoryReads([]), live_log.log) as url, deaf(url) as client:
        assert await cut_off(client, packets, wait_s=0.01)


async def test_one_that_is_let_go_of_and_reads_nothing_is_cut_off(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms_module, "FULL_S_MAX", 0.2)
    monkeypatch.setattr(sockets_module, "END_WAIT_S", 0.1)
    reads = MemoryReads(recorded([created(1, MINT)]))
    async with serving_sockets(reads, live_log.log) as url, deaf(url) as client:
        asked = framed("40", '42["subscribe:market"]')
        await asyncio.get_running_loop().sock_sendall(client, asked)
        for first in range(1, 10_000, 1_000):
            trades = [curve_traded(slot, MINT) for slot in range(first, first + 1_000)]
            await live_log.appender.append(entries(trades))
        assert await cut_off(client, framed("3"), wait_s=0.1)
