"""Several processes answer on one port; one that dies is replaced, and none outlives `serve`."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from adapters.embedded.nats import NatsServer
from adapters.embedded.ports import free_port
from adapters.embedded.postgres import PostgresServer
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply
from adapters.postgres.migrations import migrate
from curvetape.definitions import definitions
from curvetape.testing.servers import nats_in
from curvetape.testing.waiting import until

WAIT_S_MAX = 60.0


@pytest.fixture
async def log(server_folder: Path) -> AsyncIterator[NatsServer]:
    async with nats_in(server_folder) as server:
        async with await Connection.open(server.url) as connection:
            await apply(connection, load(definitions() / "streams.toml"))
        yield server


async def test_workers_share_a_port_and_come_and_go_with_the_command(
    log: NatsServer, postgres_server: PostgresServer
) -> None:
    await migrate(postgres_server.url)
    port = free_port()
    variables = {
        "CURVETAPE_NATS_URL": log.url,
        "CURVETAPE_POSTGRES_DSN": postgres_server.url,
        "CURVETAPE_API_PORT": str(port),
    }
    command = [sys.executable, "-m", "curvetape", "serve", "--workers", "2"]
    serving = await asyncio.create_subprocess_exec(*command, env=os.environ | variables)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            watched = psutil.Process(serving.pid)

            async def answered() -> bool:
                try:
                    return (await client.get("/healthz")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(answered, wait_s_max=WAIT_S_MAX)
            first = watched.children()
            assert len(first) == 2
            first[0].kill()

            async def replaced() -> bool:
                living = [it for it in watched.children() if _lives(it)]
                return len(living) == 2 and first[0] not in living

            await until(replaced, wait_s_max=WAIT_S_MAX)
            assert await answered()
            workers = watched.children()
            serving.send_signal(signal.SIGKILL)
            await serving.wait()

            async def gone() -> bool:
                return not any(map(_lives, workers))

            await until(gone, wait_s_max=WAIT_S_MAX)
    finally:
        if serving.returncode is None:
            serving.kill()
            await serving.wait()


def _lives(process: psutil.Process) -> bool:
    """Whether it does anything any more; who has not been waited for is not there either."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
