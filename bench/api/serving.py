"""Servers that are measured: `curvetape serve` as it is, and the bare one."""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from adapters.embedded.ports import free_port
from bench.api.targets import Target
from bench.rebuild.spent import Spent
from bench.result import RefusedError
from bench.serving import curvetape_serve, running
from curvetape.config import Settings

ANSWER_WAIT_S_MAX = 30.0
_ERRORS = b'{"errors":'
"""GraphQL tells them with status 200: a mistake of this benchmark's."""
RATE_MAX = 1_000_000
"""Requests are counted as always, but nobody is refused."""


class Serving(msgspec.Struct):
    """A server that runs."""

    url: str
    spent: Spent


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Of the servers behind."""

    nats: str
    postgres: str
    redis: str


@contextmanager
def ours(addresses: Addresses, *, cache_mb: int) -> Iterator[Serving]:
    """`curvetape serve` on these servers."""
    port = free_port()
    settings = Settings(
        postgres_dsn=addresses.postgres,
        nats_url=addresses.nats,
        redis_url=addresses.redis,
        api_port=port,
        api_rate=RATE_MAX,
        api_cache_mb=cache_mb,
    )
    with curvetape_serve(settings) as pid:
        yield Serving(_url(port), Spent(pid))


@contextmanager
def bare() -> Iterator[Serving]:
    """Falcon's hello world."""
    port = free_port()
    command = [sys.executable, "-m", "bench.api.bare", str(port)]
    with running(command, _url(port)) as pid:
        yield Serving(_url(port), Spent(pid))


def get(url: str) -> bytes:
    """What a server answers; raises `HTTPError`."""
    with urllib.request.urlopen(url, timeout=ANSWER_WAIT_S_MAX) as answer:
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
                content = get(url + path)
                if content.startswith(_ERRORS):
                    raise RefusedError(f"{path}: {content.decode()}")
                paths.append(path)
            except urllib.error.HTTPError as error:
                refused[target.name] = f"{error.code}: {error.read().decode()}"
        if paths:
            found.append(Target(target.name, paths))
            refused.pop(target.name, None)
    return found, refused


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
