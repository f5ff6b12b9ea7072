"""What is kept is written as soon as a request was read, and to the client it is as any answer."""

import asyncio
import contextlib
import gzip
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from api.app import create_app
from api.cache import Cache
from api.edition import Editions
from api.front import Front
from api.gate import Gate
from api.identity import Access, Identities, new_key, read_keys
from api.limits import Limit, Limits
from api.server import GuardedProtocol, server_config
from curvetape.testing.api import V1
from curvetape.testing.events import recorded
from curvetape.testing.market import MARKET, TRADED, address
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads
from curvetape.testing.waiting import until
from projections.reads import TokenRow

CARD = f"{V1}/{TRADED}"
MADE = f"{V1}/{address('unknown')}"
"""Is not there, so it is asked for each time."""
WAIT_S_MAX = 10.0
CONTENT_BYTES = 3_000_000
"""Of an answer that is kept, but of which the kernel takes one or two only."""
HIGH_WATER_BYTES = 65_536
"""Beyond so much that waits a transport asks for nothing more."""
KEY, DIGEST = new_key()


class _Reads(MemoryReads):
    """Answers for cards once it is let."""

    def __init__(self) -> None:
        super().__init__(recorded(MARKET))
        self.gate = asyncio.Event()
        self.gate.set()

    async def token(self, mint: str) -> TokenRow | None:
        await self.gate.wait()
        return await super().token(mint)


class _Api:
    """The API on a port, with a count of the requests that its applications are called for."""

    def __init__(self, limits: Limits | None, access: Access, padding: int) -> None:
        self.reads = _Reads()
        self.calls = 0
        editions = Editions(self.reads, age_s_max=60.0)
        app = create_app(self.reads, MemoryLog(MARKET), editions=editions)
        front = Front(_padded(app, padding) if padding else app, Cache(editions), origins=["*"])
        identities = Identities(access=access, keys=read_keys(f"alice={DIGEST}"))
        self._gate = Gate(front, identities, limits, origins=["*"], hsts_s=9, kept=front.at_once)
        self.at_once = self._gate.at_once
        self.server: uvicorn.Server
        self.port = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        await self._gate(scope, receive, send)

    async def ask(self, *requests: str, method: str = "GET", **headers: str) -> bytes:
        """All that is said to these requests, sent together, the last of which ends it."""
        sent = [_request(path, method, headers) for path in requests[:-1]]
        sent.append(_request(requests[-1], method, headers | {"connection": "close"}))
        return await self.exchange(b"".join(sent))

    async def exchange(self, sent: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(sent)
            async with asyncio.timeout(WAIT_S_MAX):
                return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()

    @property
    def protocols(self) -> list[GuardedProtocol]:
        found = self.server.server_state.connections
        return [each for each in found if isinstance(each, GuardedProtocol)]


def _padded(app: Any, padding: int) -> Any:
    """The application with so many blanks behind what it answers."""

    async def padded(scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [it for it in message["headers"] if it[0] != b"content-length"]
                length = next(int(it[1]) for it in message["headers"] if it not in headers)
                headers.append((b"content-length", b"%d" % (length + padding)))
                message = message | {"headers": headers}
            elif not message.get("more_body"):
                message = message | {"body": message["body"] + b" " * padding}
            await send(message)

        await app(scope, receive, sending)

    return padded


@asynccontextmanager
async def _serving(
    *, limits: Limits | None = None, access: Access = "open", padding: int = 0, **settings: Any
) -> AsyncIterator[_Api]:
    api = _Api(limits, access, padding)
    api.server = uvicorn.Server(server_config(api, host="127.0.0.1", port=0, **settings))
    # Without the signal handlers that belong to a process of its own.
    api.server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # above
    serving = asyncio.create_task(api.server.serve())

    async def started() -> bool:
        return api.server.started

    await until(started)
    (listening,) = api.server.servers
    api.port = listening.sockets[0].getsockname()[1]
    try:
        yield api
    finally:
        api.server.should_exit = True
        await serving


@pytest.fixture
async def api() -> AsyncIterator[_Api]:
    """The API with a card that is kept, and nothing counted."""
    async with _serving() as made:
        await made.ask(CARD)
        made.calls = 0
        yield made


def _request(path: str, method: str, headers: dict[str, str]) -> bytes:
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nhost: a\r\n{told}\r\n".encode()


def _read(answer: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, content = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines), "each is told once"
    return status, headers, content


async def test_what_is_kept_is_as_it_was_made_and_asks_no_application() -> None:
    async with _serving() as api:
        made = _read(await api.ask(CARD))
        assert api.calls == 1
        kept = _read(await api.ask(CARD))
        assert api.calls == 1
    assert made[1].pop("cache-status") == "curvetape; fwd=miss"
    assert kept[1].pop("cache-status") == "curvetape; hit"
    for each in (made, kept):
        assert each[1].pop("date").endswith(" GMT")
    assert kept == made
    assert kept[0] == "HTTP/1.1 200 OK"
    assert kept[1]["connection"] == "close"
    assert kept[1]["strict-transport-security"] == "max-age=9"
    assert len(kept[2]) == int(kept[1]["content-length"])


async def test_who_takes_gzip_gets_it_and_who_does_not_gets_it_plain(api: _Api) -> None:
    path = f"{CARD}/trades"
    _, _, plain = _read(await api.ask(path))
    _, headers, packed = _read(await api.ask(path, **{"accept-encoding": "gzip"}))
    assert headers["content-encoding"] == "gzip"
    assert len(packed) == int(headers["content-length"]) < len(plain)
    assert gzip.decompress(packed) == plain


async def test_head_and_who_has_it_already_are_answered_without_content(api: _Api) -> None:
    _, got, content = _read(await api.ask(CARD))
    status, headers, nothing = _read(await api.ask(CARD, method="HEAD"))
    assert (status, nothing) == ("HTTP/1.1 200 OK", b"")
    assert headers["content-length"] == str(len(content))
    has = {"if-none-match": got["etag"]}
    status, headers, nothing = _read(await api.ask(CARD, **has))
    assert (status, nothing) == ("HTTP/1.1 304 Not Modified", b"")
    assert headers["etag"] == got["etag"]
    assert "content-length" not in headers
    assert api.calls == 0


async def test_a_connection_of_http_1_0_ends_with_its_answer(api: _Api) -> None:
    answer = await api.exchange(f"GET {CARD} HTTP/1.0\r\n\r\n".encode())
    assert _read(answer)[1]["connection"] == "close"
    assert api.calls == 0


async def test_a_connection_stays_for_more_requests(api: _Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    for _ in range(3):
        writer.write(_request(CARD, "GET", {}))
        async with asyncio.timeout(WAIT_S_MAX):
            head = await reader.readuntil(b"\r\n\r\n")
            _, headers, _ = _read(head)
            await reader.readexactly(int(headers["content-length"]))
        assert "connection" not in headers
    writer.close()
    assert api.calls == 0


async def test_what_was_asked_together_is_answered_in_order(api: _Api) -> None:
    answer = await api.ask(CARD, MADE, CARD, CARD, MADE, CARD)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [
        b"200",
        b"404",
        b"200",
        b"200",
        b"404",
        b"200",
    ]


async def test_of_what_was_asked_together_one_answer_is_not_waited_for_by_others(
    api: _Api,
) -> None:
    """A pipeline of hundreds would keep all other clients waiting until it is through."""
    await api.ask(*[CARD] * 100)
    assert api.calls >= 100 / 2  # each that was read or ended a task lets one through


async def test_what_is_kept_waits_for_what_was_asked_before_it(api: _Api) -> None:
    api.reads.gate.clear()
    asking = asyncio.create_task(api.ask(MADE, CARD))

    async def called() -> bool:
        return api.calls == 1

    await until(called)
    assert not asking.done()
    api.reads.gate.set()
    answer = await asking
    assert answer.index(b"HTTP/1.1 404") < answer.index(b"HTTP/1.1 200")


async def test_nothing_is_answered_behind_the_end_of_a_connection(api: _Api) -> None:
    last = _request(CARD, "GET", {"connection": "close"})
    answer = await api.exchange(last + _request(MADE, "GET", {}) + last)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert api.calls == 0


async def test_an_idle_connection_ends_but_none_that_waits_for_its_answer() -> None:
    async with _serving(timeout_keep_alive=0.2) as api:
        await api.ask(CARD)
        api.reads.gate.clear()
        kept, made = _request(CARD, "GET", {}), _request(MADE, "GET", {})
        asking = asyncio.create_task(api.exchange(kept + made))
        await asyncio.sleep(0.5)
        assert not asking.done()
        api.reads.gate.set()
        answer = await asking
    assert answer.index(b"HTTP/1.1 200") < answer.index(b"HTTP/1.1 404")


async def test_who_does_not_read_has_no_more_waiting_than_one_answer() -> None:
    """Its requests are read as far as they come; all of their answers would fill the memory."""
    asked = 6
    async with _serving(padding=CONTENT_BYTES) as api:
        whole = len(await api.ask(CARD))
        answered = api.server.server_state.total_requests
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", api.port))
            for _ in range(asked):
                await loop.sock_sendall(client, _request(CARD, "GET", {}))
                await asyncio.sleep(0.02)
            (protocol,) = api.protocols
            waiting = protocol.transport.get_write_buffer_size()
            assert HIGH_WATER_BYTES < waiting < whole + HIGH_WATER_BYTES
            assert api.server.server_state.total_requests - answered < asked
            # What it had no room for is answered once it reads.
            left = asked * (whole - len("connection: close\r\n") - len("; fwd=miss") + len("; hit"))
            async with asyncio.timeout(WAIT_S_MAX):
                while left > 0:
                    left -= len(await loop.sock_recv(client, 1 << 20))
        assert left == 0


async def test_every_answer_that_is_kept_says_how_many_more_there_may_be() -> None:
    limits = Limits(Limit(rate=4, abuse=3, block_s=60), now_s=lambda: 1_800_000_000.0)
    async with _serving(limits=limits) as api:
        for left in (3, 2, 1, 0):
            _, headers, _ = _read(await api.ask(CARD))
            told = [headers[f"ratelimit-{it}"] for it in ("limit", "remaining", "reset")]
            assert told == ["4", str(left), "1"]
        assert api.calls == 1
        # Each is counted once, where it is refused, too.
        waits = [_read(await api.ask(CARD))[1]["retry-after"] for _ in range(4)]
        assert waits == ["1", "1", "1", "60"]


async def test_what_is_kept_is_given_to_nobody_who_may_not_ask() -> None:
    async with _serving(access="key-only") as api:
        for told in ("fwd=miss", "hit"):
            status, headers, _ = _read(await api.ask(CARD, **{"x-api-key": KEY}))
            assert status == "HTTP/1.1 200 OK"
            assert headers["cache-status"].endswith(told)
            assert headers["cache-control"].startswith("private, ")
        for wrong in ({}, {"x-api-key": "ct_wrong"}):
            assert _read(await api.ask(CARD, **wrong))[0] == "HTTP/1.1 401 Unauthorized"
