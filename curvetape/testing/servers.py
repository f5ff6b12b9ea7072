"""Real servers for tests, as pytest fixtures: started once per session, on free ports.

A suite imports the fixtures into its own `conftest.py`.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

from adapters.embedded.nats import NatsServer
from adapters.embedded.postgres import PostgresServer
from adapters.embedded.server import EmbeddedServer
from adapters.embedded.valkey import ValkeyServer
from curvetape.definitions import definitions

T = TypeVar("T")
S = TypeVar("S", bound=EmbeddedServer)

_databases = count(1)


def nats_in(folder: Path, *, port: int = 0) -> NatsServer:
    """A NATS server on `folder`, configured by the product's own `nats/server.conf`."""
    return NatsServer(folder, config=definitions() / "server.conf", port=port)


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A folder for one test's servers, with a path short enough for sockets."""
    with _folder() as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """A NATS server for the session, with JetStream and without streams."""
    with _folder() as folder:
        yield from _running(nats_in(Path(folder)))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the session."""
    with _folder() as folder:
        yield from _running(PostgresServer(Path(folder)))


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """A Valkey server for the session; its users share its keys."""
    with _folder() as folder:
        yield from _running(ValkeyServer(Path(folder)))


@pytest.fixture
def nats_url(nats_server: NatsServer) -> str:
    """Where the session's NATS server listens."""
    return nats_server.url


@pytest.fixture
async def postgres_dsn(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """A fresh and empty database for one test."""
    name = f"test_{next(_databases)}"
    await _execute(postgres_server, f"create database {name}")
    yield postgres_server.dsn(name)
    await _execute(postgres_server, f"drop database {name} with (force)")


async def _execute(server: PostgresServer, statement: str) -> None:
    connection = await asyncpg.connect(server.url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _folder() -> "tempfile.TemporaryDirectory[str]":
    """Right under the system's folder for temporary files, not in pytest's own tree.

    Run as root, PostgreSQL's account has to pass through every folder above its data, and pytest
    closes its tree to others each time that a session starts, beside a running one too.
    """
    return tempfile.TemporaryDirectory(prefix="curvetape-", ignore_cleanup_errors=True)


def _running(server: S) -> Iterator[S]:
    run(server.start())
    try:
        yield server
    finally:
        run(server.stop())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from synchronous code, without touching the current event loop."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)
