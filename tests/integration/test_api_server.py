"""The API on a real port: real requests, and clients that never finish one."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from api import server as server_module
from api.app import App, create_app
from api.live.sockets import MESSAGE_BYTES_MAX, Sockets, with_sockets
from api.server import HEAD_BYTES_MAX, server_config
from curvetape.testing.events import recorded
from curvetape.testing.market import MARKET, TRADED
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads
from curvetape.testing.waiting import until

ANSWER_WAIT_S_MAX = 5.0
CLOSE_WAIT_S_MAX = 30.0
"""A client has ten seconds to answer that its WebSocket is being closed."""


@asynccontextmanager
async def _listening(app: Any) -> AsyncIterator[int]:
    """A port that an application listens on, in this process and on its event loop."""
    running = uvicorn.Server(server_config(app, host="127.0.0.1", port=0))
    # Without the signal handlers that belong to a process of its own.
    running.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # above
    serving = asyncio.create_task(running.serve())

    async def started() -> bool:
        return running.started

    await until(started)
    (listening,) = running.servers
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        running.should_exit = True
        await serving


def _api() -> App:
    return create_app(MemoryReads(recorded(MARKET)), MemoryLog(MARKET))


def _sockets() -> Sockets:
    return Sockets(MemoryReads(recorded(MARKET)), MemoryLog(MARKET), origins=["*"])


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A port that the API listens on."""
    async with _listening(_api()) as at:
        yield at


async def exchange(port: int, request: bytes, *, wait_s_max: float = ANSWER_WAIT_S_MAX) -> bytes:
    """All that the server says to these bytes until it ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(wait_s_max):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_client_reads_lists_cards_charts_and_trades(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        listed = await client.get("/api/v1/tokens", params={"sort": "trades", "limit": 1})
        assert listed.json()["items"][0]["mint"] == TRADED
        following = await client.get(listed.links["next"]["url"])
        assert following.json()["items"][0]["mint"] != TRADED
        tag = {"If-None-Match": listed.headers["ETag"]}
        again = await client.get(str(listed.url), headers=tag)
        assert (again.status_code, again.content) == (304, b"")
        for part in ("", "/chart?interval=1s", "/trades"):
            answer = await client.get(f"/api/v1/tokens/{TRADED}{part}")
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["curvetape-position"] == str(len(MARKET))
        assert (await client.get("/readyz")).json()["status"] == "ready"
        refused = await client.get("/api/v1/tokens", params={"limit": 0})
        assert refused.headers["content-type"] == "application/problem+json"
        assert "server" not in refused.headers


async def test_what_is_no_http_is_a_problem_too(port: int) -> None:
    answer = await exchange(port, b"HELLO\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in answer
    assert b'"/#request-invalid"' in answer


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET /", b"a"),
        (b"GET / HTTP/1.1\r\nX: ", b"a"),
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n"),
    ],
    ids=["line", "header", "headers"],
)
async def test_a_head_without_end_is_refused_with_its_first_byte_too_many(
    port: int, begin: bytes, more: bytes
) -> None:
    head = (begin + more * HEAD_BYTES_MAX)[: HEAD_BYTES_MAX + 1]
    answer = await exchange(port, head)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"/#headers-too-large"' in answer


@pytest.mark.parametrize("at", [b"GET /?%s HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX: %s\r\n"])
async def test_a_head_that_came_whole_is_refused_for_its_size_too(port: int, at: bytes) -> None:
    answer = await exchange(port, at % (b"a" * HEAD_BYTES_MAX) + b"Host: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "begun",
    [
        b"GET / HTTP/1.1\r\nHost: a",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
    ],
    ids=["head", "content"],
)
async def test_a_request_that_does_not_end_loses_its_connection(
    port: int, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "REQUEST_WAIT_S_MAX", 0.1)
    answer = await exchange(port, begun)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not end within 0.1 s" in answer


async def test_content_is_refused_before_all_of_it_has_come(port: int) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"
    answer = await exchange(port, head + b"x")
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_requests_of_one_connection_are_answered_in_order(port: int) -> None:
    request = b"GET /%s HTTP/1.1\r\nHost: a\r\n%s\r\n"
    both = request % (b"healthz", b"") + request % (b"nope", b"Connection: close\r\n")
    answer = await exchange(port, both)
    assert answer.index(b"HTTP/1.1 200") < answer.index(b"HTTP/1.1 404")


@pytest.mark.parametrize("pieces", [1, 5], ids=["whole", "in pieces"])
async def test_a_frame_that_is_too_large_ends_its_websocket(pieces: int) -> None:
    piece = "a" * (MESSAGE_BYTES_MAX // pieces + 1)
    async with _listening(with_sockets(_api(), _sockets())) as at:
        address = f"ws://127.0.0.1:{at}/socket.io/?EIO=4&transport=websocket"
        async with connect(address) as client:
            await client.recv()
            with contextlib.suppress(ConnectionClosed):
                await client.send([piece] * pieces if pieces > 1 else piece)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(client.recv(), ANSWER_WAIT_S_MAX)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_a_frame_that_does_not_end_loses_its_connection() -> None:
    """Since who is in the middle of a frame answers no ping."""
    sockets = _sockets()
    sockets.server.eio.ping_interval = sockets.server.eio.ping_timeout = 0.1
    asked = (
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    async with _listening(with_sockets(_api(), sockets)) as at:
        frame = b"\x81\xff"  # text, and half of how long it is
        answer = await exchange(at, asked + frame, wait_s_max=CLOSE_WAIT_S_MAX)
    assert answer.startswith(b"HTTP/1.1 101 ")


async def test_the_key_of_a_handshake_is_not_written_into_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with _listening(with_sockets(_api(), _sockets())) as at:
        address = f"ws://127.0.0.1:{at}/socket.io/?EIO=4&transport=websocket&key=ct_secret"
        async with connect(address) as client:
            await client.recv()
    assert "ct_secret" not in caplog.text
