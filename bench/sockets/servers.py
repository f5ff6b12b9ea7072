"""The two servers, each a process of its own, and whoever sends to them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]  # it ships no types

from adapters.embedded.ports import free_port
from bench.node import NODE, PACKAGES
from bench.serving import curvetape_serve, end
from bench.worker import Worker
from curvetape.config import Settings


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Of the servers behind."""

    nats: str
    nats_monitor: str
    postgres: str
    redis: str


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One that clients connect to."""

    port: int
    process: psutil.Process

    def resident_bytes(self) -> int:
        """Its memory."""
        return int(self.process.memory_info().rss)

    def cpu_s(self) -> float:
        """What it has spent."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def ours(addresses: Addresses) -> Iterator[Server]:
    """`curvetape serve`, as anybody runs it."""
    settings = Settings(
        nats_url=addresses.nats,
        postgres_dsn=addresses.postgres,
        api_port=free_port(),
        api_rate=0,  # all clients come from one address
    )
    with curvetape_serve(settings) as pid:
        yield Server(port=settings.api_port, process=psutil.Process(pid))


@contextmanager
def node(addresses: Addresses) -> Iterator[Server]:
    """Node's socket.io with its Redis adapter."""
    process = subprocess.Popen(
        [NODE, str(PACKAGES / "sockets.cjs"), addresses.redis],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None, "opened as a pipe"
    assert process.stdout is not None, "opened as a pipe"
    try:
        port = json.loads(process.stdout.readline())["port"]
        yield Server(port=port, process=psutil.Process(process.pid))
    finally:
        process.stdin.close()
        end(process)
        process.stdout.close()


def feeder(addresses: Addresses, events: Path) -> Worker:
    """Appends to the log."""
    module = [sys.executable, "-m", "bench.sockets.feeder"]
    return Worker([*module, addresses.nats, addresses.nats_monitor, str(events)])


def emitter(addresses: Addresses, bodies: Path) -> Worker:
    """Sends by way of Redis."""
    return Worker([NODE, str(PACKAGES / "emitter.cjs"), addresses.redis, str(bodies)])
