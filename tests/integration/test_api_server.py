"""The API on a real port: real requests, and clients that never finish one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from api import server as server_module
from api.app import create_app
from api.server import HEAD_BYTES_MAX, server_config
from curvetape.testing.events import recorded
from curvetape.testing.market import MARKET, TRADED
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads
from curvetape.testing.waiting import until

ANSWER_WAIT_S_MAX = 5.0


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A port that the API listens on, in this process and on its event loop."""
    app = create_app(MemoryReads(recorded(MARKET)), MemoryLog(MARKET))
    running = uvicorn.Server(server_config(app, host="127.0.0.1", port=0))
    # Without the signal handlers that belong to a process of its own.
    running.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # above
    serving = asyncio.create_task(running.serve())

    async def started() -> bool:
        return running.started

    await until(started)
    (listening,) = running.servers
    yield listening.sockets[0].getsockname()[1]
    running.should_exit = True
    await serving


async def exchange(port: int, request: bytes) -> bytes:
    """All that the server says to these bytes until it ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(ANSWER_WAIT_S_MAX):
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
