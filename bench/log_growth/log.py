"""One log of those that are compared: a server, a process that writes and one that reads."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.request import urlopen

import msgspec
import psutil  # type: ignore[import-untyped]  # it ships no types

from adapters.embedded.nats import NatsServer
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply
from bench.worker import Worker
from curvetape.definitions import definitions

Cost: TypeAlias = dict[str, float]
"""Microseconds an event: by the `clock`, of CPU in the `process` and in the `server`."""


class Log(msgspec.Struct):
    """What is asked of it costs the asker nothing: the processes measure themselves."""

    server: NatsServer
    writer: Worker
    reader: Worker
    events: int = 0
    """How many it holds."""
    rss_bytes: dict[str, int] = {}
    """Memory of the processes, when they last did something."""

    def grow(self, count: int) -> Cost:
        """Append so many events, encoding the next ones while the last sync, as ingest does."""
        return self._written("grow", count)

    def append(self, count: int) -> Cost:
        """Append so many that are encoded already, one batch awaited after the other."""
        return self._written("append", count)

    def replay(self, after: int, count: int) -> Cost:
        """Read so many, decoded, behind a sequence."""
        return self._measured("reader", {"ask": "read", "after": after, "count": count})

    def held(self) -> tuple[int, int]:
        """The bytes of its messages, and on how many subjects they are."""
        with urlopen(f"{self.server.monitor_url}/jsz?streams=true") as answer:
            accounts = json.load(answer)["account_details"]
        streams = (stream for account in accounts for stream in account["stream_detail"])
        state = next(stream["state"] for stream in streams if stream["name"] == "PUMP")
        assert state["messages"] == self.events, "the log holds what was appended"
        return state["bytes"], state["num_subjects"]

    def _written(self, how: str, count: int) -> Cost:
        cost = self._measured("writer", {"ask": how, "count": count})
        self.events += count
        return cost

    def _measured(self, who: str, question: dict[str, object]) -> Cost:
        worker = self.writer if who == "writer" else self.reader
        process = psutil.Process(self.server.pid)
        before = process.cpu_times()
        answer = worker.ask(question)
        after = process.cpu_times()
        self.rss_bytes[who] = answer["rss_bytes"]
        self.rss_bytes["nats_server"] = process.memory_info().rss
        used_s = after.user + after.system - before.user - before.system
        seconds = {"clock": answer["seconds"], "process": answer["cpu_s"], "server": used_s}
        return {name: spent_s / answer["events"] * 1e6 for name, spent_s in seconds.items()}


@asynccontextmanager
async def opened(folder: Path, file: Path) -> AsyncIterator[Log]:
    """An empty log in a folder, with the server's and the stream's own definitions."""
    async with AsyncExitStack() as stack:
        server = NatsServer(folder, config=definitions() / "server.conf")
        await stack.enter_async_context(server)
        async with await Connection.open(server.url) as connection:
            await apply(connection, load(definitions() / "streams.toml"))
        place: dict[str, Any] = {"url": server.url, "monitor_url": server.monitor_url}
        writer, reader = (
            stack.enter_context(Worker([sys.executable, "-m", f"bench.log_growth.{name}"]))
            for name in ("writer", "reader")
        )
        for worker in (writer, reader):
            worker.ask({"ask": "open", "file": str(file), **place})
        yield Log(server, writer, reader)
