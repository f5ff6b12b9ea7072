"""What runs in a benchmark of ingest: a reader, a server of its own, and a log where it writes."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias

import msgspec
import psutil  # type: ignore[import-untyped]  # it ships no types

from adapters.embedded.nats import NatsServer
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply
from bench.worker import Worker
from curvetape.definitions import definitions

Publish: TypeAlias = Literal["batches", "at once", "awaited"]
Round: TypeAlias = dict[str, float]

FIRST_BLOCKS = 2


class Side(msgspec.Struct):
    """A reader that is connected and waits."""

    server: Worker
    reader: Worker
    nats: NatsServer | None
    early: bool

    def round(self, blocks: int) -> Round:
        """Have so many blocks read: transactions a second, and the CPU time that each of them cost.

        It ends when the reader has read all; one that writes, when the last certificate is durable.
        CPU times are in microseconds for each transaction, by who used them.
        """
        prepared = self.prepare(blocks)
        log_s = self._log_cpu_s()
        shown = self.server.ask({"ask": "show", "at_once": not self.early})
        read = self.reader.ask(self._end(prepared))
        transactions = prepared["transactions"]
        used_s = {
            "reader": read["cpu_s"],
            "server": shown["cpu_s"],
            "log": self._log_cpu_s() - log_s,
        } | read.get("stages", {})
        return {
            "per_s": transactions / (read["ended_s"] - shown["started_s"]),
            "transactions": transactions,
            "events": read.get("events", 0),
            "appends": read.get("appends", 0),
            "bytes": prepared["bytes" if self.early else "blocks_bytes"],
        } | {name: seconds / transactions * 1e6 for name, seconds in used_s.items()}

    def latencies(self, blocks: int, rate_per_s: float) -> dict[str, list[float]]:
        """Milliseconds until events were durable, at a steady rate of transactions."""
        prepared = self.prepare(blocks)
        sent = self.server.ask({"ask": "pace", "rate_per_s": rate_per_s})
        self.reader.ask(self._end(prepared))
        found: dict[str, list[float]] = self.reader.ask({"ask": "latencies", "sent": sent})
        return found

    def prepare(self, blocks: int) -> dict[str, Any]:
        """Have blocks made and encoded, and the reader ready."""
        prepared: dict[str, Any] = self.server.ask({"ask": "prepare", "blocks": blocks})
        self.reader.ask({"ask": "begin"})
        return prepared

    def _end(self, prepared: dict[str, Any]) -> dict[str, object]:
        updates = prepared["updates" if self.early else "blocks_updates"]
        return {"ask": "until", "slot": prepared["last_slot"], "updates": updates}

    def _log_cpu_s(self) -> float:
        if self.nats is None:
            return 0.0
        used = psutil.Process(self.nats.pid).cpu_times()
        return float(used.user + used.system)


@asynccontextmanager
async def writing(
    *, early: bool, publish: Publish = "batches", workers: int = 0
) -> AsyncIterator[Side]:
    """The product's ingest; `publish` says how its events are written."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="curvetape-bench-"))
        nats = NatsServer(Path(folder) / "nats", config=definitions() / "server.conf")
        await stack.enter_async_context(nats)
        async with await Connection.open(nats.url) as connection:
            await apply(connection, load(definitions() / "streams.toml"))
        server, url = _serving(stack)
        reader = stack.enter_context(Worker([sys.executable, "-m", "bench.ingest.ours"]))
        settings = {
            "nats_url": nats.url,
            "nats_monitor_url": nats.monitor_url,
            "yellowstone_url": url,
            "commitment": "processed" if early else "confirmed",
            "ingest_workers": workers,
        }
        reader.ask({"ask": "open", "settings": settings, "publish": publish})
        yield _ready(Side(server, reader, nats, early))


@asynccontextmanager
async def reading(*, early: bool, tuned: bool = False) -> AsyncIterator[Side]:
    """A bare grpcio, as it comes or, if `tuned`, with those settings that ingest gives it."""
    async with AsyncExitStack() as stack:
        server, url = _serving(stack)
        command = [sys.executable, "-m", "bench.ingest.bare"]
        if not tuned:
            # Importing our adapter has set them for this process, and so for its children.
            unset = [
                part for name in os.environ if name.startswith("GRPC_") for part in ("-u", name)
            ]
            command = ["env", *unset, *command]
        reader = stack.enter_context(Worker(command))
        reader.ask({"ask": "open", "url": url, "early": early})
        yield _ready(Side(server, reader, None, early))


def _serving(stack: AsyncExitStack) -> tuple[Worker, str]:
    server = stack.enter_context(Worker([sys.executable, "-m", "bench.ingest.server"]))
    url: str = server.ask({"ask": "start"})
    server.ask({"ask": "prepare", "blocks": FIRST_BLOCKS})
    server.ask({"ask": "show", "at_once": False})
    return server, url


def _ready(side: Side) -> Side:
    side.server.ask({"ask": "wait", "streams": 2 if side.early else 1})
    return side
