"""Who upgrades to a WebSocket is sent all in order, with what was taken for it and not written."""

import asyncio
import base64
import json
import os
import re
import socket
from itertools import pairwise
from urllib.parse import urlsplit

import httpx
from websockets.frames import Frame, Opcode

from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.market import address
from curvetape.testing.reads import MemoryReads
from curvetape.testing.sockets import client, serving_sockets

MINT = address("traded")
WAITING = 900
"""Trades that wait for one that polls: more bytes than its connection takes unread."""
LATER = 20
WAIT_S_MAX = 30.0
_TRADE = re.compile(rb'42\["market:trade",\{"sequence":(\d+)')


def framed(*packets: str) -> bytes:
    return b"".join(Frame(Opcode.TEXT, it.encode()).serialize(mask=True) for it in packets)


async def upgraded(url: str, sid: str) -> socket.socket:
    """A WebSocket in place of polling, of which nothing is read behind the answer to its probe."""
    loop, of = asyncio.get_running_loop(), urlsplit(url)
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)  # or the server's kernel takes all
    made.setblocking(False)
    await loop.sock_connect(made, (of.hostname, of.port))
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET /socket.io/?EIO=4&transport=websocket&sid={sid} HTTP/1.1\r\nHost: x\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key}\r\n\r\n"
    )
    came = b""
    for said, answered in ((head.encode(), b"\r\n\r\n"), (framed("2probe"), b"3probe")):
        await loop.sock_sendall(made, said)
        while answered not in came:
            byte = await loop.sock_recv(made, 1)
            assert byte, came
            came += byte
    await loop.sock_sendall(made, framed("5"))
    return made


async def test_trades_that_come_while_what_waited_is_written_come_behind_it(
    live_log: LiveLog,
) -> None:
    async with (
        serving_sockets(MemoryReads([]), live_log.log) as url,
        client(url, transports=["websocket"]) as other,
        httpx.AsyncClient(params={"EIO": "4", "transport": "polling"}) as polling,
    ):
        await other.emit("subscribe:market")
        path = f"{url}/socket.io/"
        sid = json.loads((await polling.get(path)).text[1:])["sid"]
        for asked in ("40", '42["subscribe:market"]'):
            await polling.post(path, params={"sid": sid}, content=asked)
            await polling.get(path, params={"sid": sid})
        trades = [curve_traded(slot, MINT) for slot in range(1, WAITING + LATER + 1)]
        await live_log.appender.append(entries(trades[:WAITING]))
        await other.until_all("market:trade", WAITING)
        made = await upgraded(url, sid)
        with made:
            loop = asyncio.get_running_loop()
            first = await loop.sock_recv(made, 1)  # so the writing has begun
            for trade in trades[WAITING:]:
                await live_log.appender.append(entries([trade]))
            await other.until_all("market:trade", WAITING + LATER)
            came = first
            async with asyncio.timeout(WAIT_S_MAX):
                while len(_TRADE.findall(came)) < len(trades):
                    came += await loop.sock_recv(made, 1 << 16)
    sequences = [int(each) for each in _TRADE.findall(came)]
    assert all(a < b for a, b in pairwise(sequences))
