"""The servers that the test kit starts answer, each in its own protocol."""

import asyncpg
import nats
import pytest
import redis.asyncio as redis

from adapters.embedded.valkey import ValkeyServer


async def test_the_nats_server_offers_jetstream(nats_url: str) -> None:
    client = await nats.connect(nats_url)
    account = await client.jetstream().account_info()
    assert account.limits.max_storage != 0
    await client.close()


async def test_the_valkey_server_keeps_a_value(valkey_server: ValkeyServer) -> None:
    async with redis.from_url(valkey_server.url) as client:
        await client.set("test-session-servers", "kept")
        assert await client.get("test-session-servers") == b"kept"


@pytest.mark.parametrize("time", [1, 2])
async def test_every_test_has_a_database_of_its_own(postgres_dsn: str, time: int) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("create table own (time int)")
    await connection.execute("insert into own values ($1)", time)
    assert await connection.fetchval("select count(*) from own") == 1
    await connection.close()
