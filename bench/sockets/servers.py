"""The two servers, each a process of its own, and whoever sends to them."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]  # it ships no types

from adapters.embedded.ports import free_port
from bench.node import NODE, PACKAGES
from bench.worker import ROOT, Worker

START_S_MAX = 30.0
STOP_S_MAX = 15.0


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
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "curvetape", "serve", "--port", str(port)],
        cwd=ROOT,
        env=os.environ
        | {
            "CURVETAPE_NATS_URL": addresses.nats,
            "CURVETAPE_POSTGRES_DSN": addresses.postgres,
            "CURVETAPE_API_RATE": "0",  # all clients come from one address
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _until_answers(f"http://127.0.0.1:{port}/healthz")
        yield Server(port=port, process=psutil.Process(process.pid))
    finally:
        process.terminate()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


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
        process.wait()
        process.stdout.close()


def feeder(addresses: Addresses, events: Path) -> Worker:
    """Appends to the log."""
    module = [sys.executable, "-m", "bench.sockets.feeder"]
    return Worker([*module, addresses.nats, addresses.nats_monitor, str(events)])


def emitter(addresses: Addresses, bodies: Path) -> Worker:
    """Sends by way of Redis."""
    return Worker([NODE, str(PACKAGES / "emitter.cjs"), addresses.redis, str(bodies)])


def _until_answers(url: str) -> None:
    end = time.monotonic() + START_S_MAX
    while True:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
