"""Servers that are measured: `curvetape serve` as it is, and the bare one."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from adapters.embedded.ports import free_port
from bench.api.targets import Target
from bench.rebuild.spent import Spent
from bench.worker import ROOT
from curvetape.config import Settings, environment

START_WAIT_S_MAX = 30.0
STOP_WAIT_S_MAX = 15.0
RATE_MAX = 1_000_000
"""Requests are counted as always, but nobody is refused."""


class Serving(msgspec.Struct):
    """A server that runs."""

    url: str
    spent: Spent


@contextmanager
def ours(postgres: str, nats: str, log: Path, *, cache_mb: int) -> Iterator[Serving]:
    """`curvetape serve` on these servers."""
    port = free_port()
    settings = Settings(
        postgres_dsn=postgres,
        nats_url=nats,
        api_port=port,
        api_rate=RATE_MAX,
        api_cache_mb=cache_mb,
    )
    command = [sys.executable, "-m", "curvetape", "serve"]
    with _running(command, environment(settings), port, "/healthz", log) as serving:
        yield serving


@contextmanager
def bare(log: Path) -> Iterator[Serving]:
    """Falcon's hello world."""
    port = free_port()
    command = [sys.executable, "-m", "bench.api.bare", str(port)]
    with _running(command, {}, port, "/", log) as serving:
        yield serving


def get(url: str) -> bytes:
    """What a server answers; raises `HTTPError`."""
    with urllib.request.urlopen(url, timeout=START_WAIT_S_MAX) as answer:
        content: bytes = answer.read()
    return content


def answered(url: str, asked: Sequence[Target]) -> tuple[list[Target], dict[str, str]]:
    """What of it is answered with 200; and why resources of which nothing is are left out."""
    found: list[Target] = []
    refused: dict[str, str] = {}
    for target in asked:
        paths: list[str] = []
        for path in target.paths:
            try:
                get(url + path)
                paths.append(path)
            except urllib.error.HTTPError as error:
                refused[target.name] = f"{error.code}: {error.read().decode()}"
        if paths:
            found.append(Target(target.name, paths))
            refused.pop(target.name, None)
    return found, refused


@contextmanager
def _running(
    command: list[str], variables: Mapping[str, str], port: int, path: str, log: Path
) -> Iterator[Serving]:
    with log.open("ab") as written:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | variables, stdout=written, stderr=written
        )
    try:
        url = f"http://127.0.0.1:{port}"
        until_s = time.monotonic() + START_WAIT_S_MAX
        while True:
            try:
                get(url + path)
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until_s:
                    raise
                time.sleep(0.1)
        yield Serving(url, Spent(process.pid))
    finally:
        process.terminate()
        try:
            process.wait(STOP_WAIT_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
