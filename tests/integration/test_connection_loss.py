"""A connection to a NATS server that dies: it opens or says no, and closes, in its time."""

import asyncio
from pathlib import Path

import pytest

from adapters.jetstream import connection as module
from adapters.jetstream.connection import Connection
from curvetape.testing.servers import nats_in
from domain.log import LogUnavailableError

ROUNDS = 20


async def test_closing_ends_in_silence_while_a_reconnection_is_under_way(
    server_folder: Path,
) -> None:
    """The client's closing and its reconnecting wait for the same end of the same socket."""
    server = nats_in(server_folder)
    for round_ in range(ROUNDS):
        await server.start()
        connection = await Connection.open(server.url)
        server.kill()
        await asyncio.sleep(round_ / ROUNDS * 0.01)
        async with asyncio.timeout(10):
            await connection.close()
        assert not connection.connected


async def test_opening_ends_where_the_client_swallows_its_cancellation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`asyncio.wait_for` up to Python 3.11 can lose one, and the client then tries for ever."""
    swallowed = 0

    async def deaf(*_: object, **__: object) -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.sleep(60)

    monkeypatch.setattr(module._Client, "_select_next_server", deaf)
    monkeypatch.setattr(module, "CONNECT_WAIT_S_MAX", 0.1)
    with pytest.raises(LogUnavailableError, match="CURVETAPE_NATS_URL"):
        await Connection.open("nats://127.0.0.1:1")
    assert swallowed == 2


async def test_a_close_that_the_client_never_ends_is_given_up(
    nats_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await Connection.open(nats_url)
    close = connection._client.close

    async def stuck() -> None:
        await close()
        await asyncio.sleep(60)

    monkeypatch.setattr(connection._client, "close", stuck)
    monkeypatch.setattr(module, "CLOSE_WAIT_S_MAX", 0.2)
    await connection.close()
    assert "given up" in caplog.text
