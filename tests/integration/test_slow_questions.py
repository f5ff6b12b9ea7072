"""Questions that take long do not hold up what is kept."""

import asyncio
from pathlib import Path

import asyncpg
import httpx
import pytest

from adapters.embedded.postgres import PostgresServer
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply
from adapters.postgres.migrations import migrate
from curvetape import bootstrap
from curvetape.bootstrap import POSITIONS_AGE_S_MAX, READ_CONNECTIONS_MAX, serving
from curvetape.config import Settings
from curvetape.definitions import definitions
from curvetape.testing.api import V1
from curvetape.testing.market import address
from curvetape.testing.servers import nats_in
from curvetape.testing.waiting import until

KEPT = "/api/v1/completeness"
WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"


async def test_what_is_kept_is_told_while_slow_questions_have_all_connections(
    server_folder: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "READ_TIMEOUT_S", 60.0)  # they are slow until they are let go on
    await migrate(postgres_server.url)
    async with nats_in(server_folder) as log:
        async with await Connection.open(log.url) as connection:
            await apply(connection, load(definitions() / "streams.toml"))
        settings = Settings(nats_url=log.url, postgres_dsn=postgres_server.url, api_rate=0)
        locking = await asyncpg.connect(postgres_server.url)
        watching = await asyncpg.connect(postgres_server.url)
        try:
            async with (
                serving(settings) as served,
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(served.app), base_url="http://curvetape"
                ) as client,
            ):
                assert (await client.get(KEPT)).status_code == 200
                lock = locking.transaction()
                await lock.start()
                await locking.execute("lock table tokens in access exclusive mode")
                slow = [
                    asyncio.create_task(client.get(f"{V1}/{address(f'slow{number + 1:x}')}"))
                    for number in range(READ_CONNECTIONS_MAX)
                ]

                async def all_taken() -> bool:
                    return bool(await watching.fetchval(WAITING) == READ_CONNECTIONS_MAX)

                await until(all_taken)
                await asyncio.sleep(POSITIONS_AGE_S_MAX * 1.5)  # what was known is too old
                kept = await client.get(KEPT)
                assert kept.headers.get("cache-status") == "curvetape; hit"
                assert not any(each.done() for each in slow)
                await lock.rollback()
                assert {each.status_code for each in await asyncio.gather(*slow)} == {404}
        finally:
            await locking.close()
            await watching.close()
