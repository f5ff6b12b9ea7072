"""A connection to Valkey can be given up at any moment: who is told to stop stops."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.embedded.valkey import ValkeyServer
from adapters.valkey.client import CONNECTIONS_MAX, Valkey
from curvetape.testing.leaderboards import valkey_of

QUESTIONS = 20


@pytest.fixture
async def valkey(valkey_server: ValkeyServer) -> AsyncIterator[Valkey]:
    async with valkey_of(valkey_server) as opened:
        yield opened


async def test_a_question_that_is_cancelled_at_whatever_moment_ends_as_cancelled(
    valkey: Valkey,
) -> None:
    """One more turn of the event loop each time, until it is answered before."""
    for turns in range(1_000):
        asking = asyncio.create_task(valkey.one("PING"))
        for _ in range(turns):
            await asyncio.sleep(0)
        if not asking.cancel():
            assert turns > 1
            break
        await asyncio.wait((asking,))
        assert asking.cancelled(), f"it went on after {turns} turns"
    assert await valkey.one("PING") == {"ok": "PONG"}


async def test_questions_that_were_given_up_keep_no_connection(valkey: Valkey) -> None:
    for turns in range(3 * CONNECTIONS_MAX):
        asking = asyncio.create_task(valkey.one("PING"))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait((asking,))
    answers = await asyncio.gather(*(valkey.one("ECHO", str(n)) for n in range(QUESTIONS)))
    assert answers == [str(n) for n in range(QUESTIONS)]


async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"redis://127.0.0.1:{port}/0"
        async with Valkey.at(url, application="test", answer_timeout_s=0.05) as valkey:
            with pytest.raises(TimeoutError):
                await valkey.one("PING")
