"""What processes of the API share in a Redis or Valkey, and that none of them needs it."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator

import pytest

from adapters.embedded.valkey import ValkeyServer
from adapters.valkey import answers, counts
from adapters.valkey.answers import ValkeyAnswers
from adapters.valkey.counts import ValkeyCounts

AWAY = "redis://127.0.0.1:1/0"


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """A server that takes connections and never answers."""

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


async def test_an_answer_is_there_for_those_who_would_answer_the_same(
    valkey_server: ValkeyServer,
) -> None:
    here = ValkeyAnswers.at(valkey_server.url, scope="one")
    there = ValkeyAnswers.at(valkey_server.url, scope="one")
    other = ValkeyAnswers.at(valkey_server.url, scope="another")
    key = uuid.uuid4().bytes
    try:
        assert await there.get(key) is None
        await here.put(key, b"\x00answer")
        assert await there.get(key) == b"\x00answer"
        assert await other.get(key) is None
        await here.put(key + b"large", b"x" * (answers.BYTES_MAX + 1))
        assert await here.get(key + b"large") is None
    finally:
        for each in (here, there, other):
            await each.close()


async def test_answers_do_not_stay(valkey_server: ValkeyServer) -> None:
    shared = ValkeyAnswers.at(valkey_server.url, scope="one")
    key = uuid.uuid4().bytes
    try:
        await shared.put(key, b"answer")
        left = await shared._command("TTL", shared._key(key))
        assert 0 < left <= answers.KEEP_S
    finally:
        await shared.close()


async def test_counts_add_up(valkey_server: ValkeyServer) -> None:
    here, there = ValkeyCounts.at(valkey_server.url), ValkeyCounts.at(valkey_server.url)
    names = [uuid.uuid4().hex for _ in range(counts.AT_ONCE_MAX * 2 + 1)]
    try:
        assert await here.add(dict.fromkeys(names, 2), keep_s=60) == dict.fromkeys(names, 2)
        assert await there.add({names[0]: 5}, keep_s=60) == {names[0]: 7}
        assert await here.add({names[0]: 0}, keep_s=60) == {names[0]: 7}
    finally:
        await here.close()
        await there.close()


async def test_a_server_that_is_away_fails_nobody() -> None:
    shared, counted = ValkeyAnswers.at(AWAY, scope="one"), ValkeyCounts.at(AWAY)
    try:
        await shared.put(b"key", b"answer")
        assert await shared.get(b"key") is None
        assert await counted.add({"a": 1}, keep_s=1) == {}
    finally:
        await shared.close()
        await counted.close()


async def test_a_server_that_is_silent_is_waited_for_once(silent: str) -> None:
    shared, counted = ValkeyAnswers.at(silent, scope="one"), ValkeyCounts.at(silent)
    try:
        assert await shared.get(b"key") is None
        assert await counted.add({"a": 1}, keep_s=1) == {}
        began_s = time.monotonic()
        for _ in range(100):
            assert await shared.get(b"key") is None
            assert await counted.add({"a": 1}, keep_s=1) == {}
        assert time.monotonic() - began_s < min(answers.PAUSE_S, counts.PAUSE_S)
    finally:
        await shared.close()
        await counted.close()
