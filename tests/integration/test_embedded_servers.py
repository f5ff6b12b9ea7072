"""The embedded servers as processes: they start, survive crashes, and leave nothing behind."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import nats
import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest
import redis.asyncio as redis

from adapters.embedded.errors import FolderInUseError, NotReadyError, PortTakenError
from adapters.embedded.nats import NatsServer
from adapters.embedded.ports import HOST, free_port, is_free
from adapters.embedded.postgres import SETTINGS, PostgresServer
from adapters.embedded.process import LOG_BYTES_MAX
from adapters.embedded.server import EmbeddedServer
from adapters.embedded.valkey import ValkeyServer
from curvetape.testing.servers import nats_in
from curvetape.testing.waiting import until

Make = Callable[[Path], EmbeddedServer]

KINDS = pytest.mark.parametrize(
    "make", [nats_in, ValkeyServer, PostgresServer], ids=["nats", "valkey", "postgres"]
)
QUICK_KINDS = pytest.mark.parametrize("make", [nats_in, ValkeyServer], ids=["nats", "valkey"])
"""For what does not depend on the kind: PostgreSQL's first start takes a second or more."""
PARENT = """
import asyncio, sys, time
from pathlib import Path
from adapters.embedded.postgres import PostgresServer
from adapters.embedded.valkey import ValkeyServer
from curvetape.testing.servers import nats_in

server = {"nats_in": nats_in, "ValkeyServer": ValkeyServer, "PostgresServer": PostgresServer}[
    sys.argv[1]
](Path(sys.argv[2]))
asyncio.run(server.start())
print(server.pid, flush=True)
time.sleep(60)
"""


async def write(server: EmbeddedServer) -> None:
    """Have the server keep something on disk."""
    match server:
        case NatsServer():
            client = await nats.connect(server.url)
            await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
            await client.jetstream().publish("kept", b"1")
            await client.close()
        case ValkeyServer():
            async with redis.from_url(server.url) as values:
                await values.set("kept", "1")
                await asyncio.sleep(1.5)  # appendfsync everysec
        case PostgresServer():
            connection = await asyncpg.connect(server.url)
            await connection.execute("create table kept as select 1 as one")
            await connection.close()
        case _:
            raise AssertionError(server)


async def kept(server: EmbeddedServer) -> bool:
    """Whether what `write` wrote is there."""
    match server:
        case NatsServer():
            client = await nats.connect(server.url)
            state = (await client.jetstream().stream_info("KEPT")).state
            await client.close()
            return state.messages == 1
        case ValkeyServer():
            async with redis.from_url(server.url) as values:
                return bool(await values.get("kept") == b"1")
        case PostgresServer():
            connection = await asyncpg.connect(server.url)
            one = await connection.fetchval("select one from kept")
            await connection.close()
            return bool(one == 1)
        case _:
            raise AssertionError(server)


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def pid_of(server: EmbeddedServer) -> int:
    assert server.pid is not None
    return server.pid


@KINDS
async def test_a_stopped_server_leaves_no_process_and_no_port(
    make: Make, server_folder: Path
) -> None:
    server = make(server_folder)
    await server.start()
    processes = family(pid_of(server))
    assert not is_free(server.port)
    await server.stop()
    assert [process for process in processes if process.is_running()] == []
    assert is_free(server.port)
    assert server.pid is None
    await server.stop()


@KINDS
async def test_data_and_port_outlive_a_crash(make: Make, server_folder: Path) -> None:
    server = make(server_folder)
    async with server:
        await write(server)
        url = server.url
        server.kill()
        assert not server.running
        await server.start()
        assert server.url == url
        assert await kept(server)
    async with make(server_folder) as another:
        assert await kept(another)


@QUICK_KINDS
async def test_a_second_server_on_a_folder_is_refused_and_told_who_has_it(
    make: Make, server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.embedded.server.FOLDER_WAIT_S_MAX", 0.2)
    async with make(server_folder) as server:
        with pytest.raises(FolderInUseError, match=f"in use by process {server.pid}"):
            await make(server_folder).start()
        assert server.running


@KINDS
async def test_a_server_ends_with_its_parent_even_a_killed_one(
    make: Make, server_folder: Path
) -> None:
    with subprocess.Popen(  # noqa: ASYNC220  # it is to be killed, not awaited
        [sys.executable, "-c", PARENT, make.__name__, str(server_folder)],
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        processes = family(int(await asyncio.to_thread(parent.stdout.readline)))
        parent.kill()

    async def all_ended() -> bool:
        return not any(process.is_running() for process in processes)

    await until(all_ended)
    async with make(server_folder) as next_one:
        assert next_one.running


@KINDS
async def test_a_start_right_after_a_killed_parent_waits_for_the_folder(
    make: Make, server_folder: Path
) -> None:
    """The lock is the old server's until its last process has ended."""
    server = make(server_folder)
    await server.start()
    pid = pid_of(server)
    os.kill(pid, signal.SIGTERM)  # what the kernel does, and nobody waits for it
    async with make(server_folder) as another:
        assert another.running
        assert another.pid != pid
    await server.stop()


@QUICK_KINDS
async def test_a_chosen_port_that_is_taken_is_named(make: Make, server_folder: Path) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        server = make(server_folder)
        server.port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=str(server.port)):
            await server.start()
        assert not server.running


async def test_a_server_that_cannot_start_shows_the_end_of_its_log(server_folder: Path) -> None:
    config = server_folder / "broken.conf"
    config.write_text("jetstream: 12 monkeys\n")
    server = NatsServer(server_folder / "nats", config=config)
    with pytest.raises(NotReadyError, match=r"ended with code 1 .*\n.*Parse error") as caught:
        await server.start()
    assert caught.value.log == server.log
    assert not server.running


async def test_a_large_log_is_set_aside_at_the_next_start(server_folder: Path) -> None:
    server = ValkeyServer(server_folder)
    with server.log.open("wb") as log:
        log.truncate(LOG_BYTES_MAX + 1)
    async with server:
        assert server.log.stat().st_size < LOG_BYTES_MAX
    assert (server_folder / "valkey.log.1").stat().st_size == LOG_BYTES_MAX + 1


async def test_postgres_is_durable_local_and_asks_for_its_password(
    postgres_server: PostgresServer,
) -> None:
    connection = await asyncpg.connect(postgres_server.url)
    try:
        found = {
            name: await connection.fetchval("select current_setting($1)", name) for name in SETTINGS
        }
        assert found == SETTINGS
        assert await connection.fetchval("select current_database()") == "curvetape"
    finally:
        await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres_server.url, password="guessed")
    assert oct((postgres_server.data_dir / "password").stat().st_mode)[-3:] == "600"


async def test_postgres_starts_although_its_old_number_is_another_program_now(
    server_folder: Path,
) -> None:
    server = PostgresServer(server_folder, port=free_port())
    async with server:
        server.kill()
        await server.stop()
        pid_file = server_folder / "data" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
        await server.start()
        assert server.running


async def test_an_interrupted_first_start_is_begun_anew(server_folder: Path) -> None:
    half_made = server_folder / "data.making"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")
    async with PostgresServer(server_folder) as server:
        assert server.running
    assert not half_made.exists()
