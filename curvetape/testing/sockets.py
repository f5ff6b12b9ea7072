"""The official Socket.IO client, in a process of Node's, and a server for it to talk to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import uvicorn

from api.app import create_app
from api.gate import Gate
from api.identity import Identities
from api.limits import Limits
from api.live.sockets import Sockets, with_sockets
from api.live.tail import LiveLog
from api.server import server_config
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.node import NODE, SCRIPTS
from curvetape.testing.waiting import until
from projections.feed_reads import QueryReads

WAIT_S_MAX = 20.0
LINE_BYTES_MAX = 16 << 20


class Client:
    """Says what to do, and gathers what comes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._reading = asyncio.create_task(self._read())
        self._arrived = asyncio.Event()
        self.lines: list[dict[str, Any]] = []
        """All that has come; `event` or `ack`, and `data`."""

    def all(self, event: str) -> list[Any]:
        """What has come of an event."""
        return [line["data"] for line in self.lines if line.get("event") == event]

    async def emit(self, event: str, argument: object = None) -> Any:
        """Emit an event, and wait for what the server acknowledges."""
        before = len(self.lines)
        self.tell(event, argument)
        await self.until(lambda: any(line.get("ack") == event for line in self.lines[before:]))
        return next(line["data"] for line in self.lines[before:] if line.get("ack") == event)

    def tell(self, what: str, argument: object = None) -> None:
        """Emit an event, or do what the script knows."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode([what, argument]) + b"\n")

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something to come."""
        async with asyncio.timeout(WAIT_S_MAX):
            while not holds():
                self._arrived.clear()
                await self._arrived.wait()

    async def until_all(self, event: str, count: int) -> list[Any]:
        """Wait until an event has come so often."""
        await self.until(lambda: len(self.all(event)) >= count)
        return self.all(event)

    async def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(msgspec.json.decode(line))
            self._arrived.set()


@asynccontextmanager
async def client(url: str, *, transports: list[str] | None = None) -> AsyncIterator[Client]:
    """A client that is connected."""
    argument: dict[str, object] = {"url": url}
    if transports is not None:
        argument["transports"] = transports
    async with talking("socket.mjs", argument) as started:
        yield started


@asynccontextmanager
async def talking(script: str, argument: dict[str, object]) -> AsyncIterator[Client]:
    """A client of `tests/npm` that has said that it is connected."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        SCRIPTS / script,
        msgspec.json.encode(argument).decode(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX,
    )
    started = Client(process)
    try:
        await started.until_all("connect", 1)
        yield started
    finally:
        await started.close()


@asynccontextmanager
async def serving_sockets(
    reads: QueryReads, log: LiveLog, *, limits: Limits | None = None
) -> AsyncIterator[str]:
    """The API with its sockets on a port of its own; its address."""
    sockets = Sockets(reads, log, origins=["*"])
    app = with_sockets(create_app(reads, MemoryLog()), sockets)
    gate = Gate(app, Identities(), limits, origins=["*"])
    async with serving(gate, sockets.run) as url:
        yield url


@asynccontextmanager
async def serving(app: Any, *feeds: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[str]:
    """An application on a port of its own, with what feeds it; its address."""
    running = uvicorn.Server(server_config(app, host="127.0.0.1", port=0))
    # Without the signal handlers that belong to a process of its own.
    running.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # above
    feeding = [asyncio.create_task(feed()) for feed in feeds]
    serving = asyncio.create_task(running.serve())

    async def started() -> bool:
        return running.started

    try:
        await until(started)
        (listening,) = running.servers
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        for task in feeding:
            task.cancel()
        running.should_exit = True
        await asyncio.gather(serving, *feeding, return_exceptions=True)
