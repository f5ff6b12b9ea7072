"""`curvetape project` keeps leaderboards where a Redis or Valkey is configured, and only there."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from adapters.embedded.valkey import ValkeyServer
from adapters.postgres.pool import NO_CONNECTIONS, open_pool
from adapters.valkey.client import Valkey
from adapters.valkey.errors import ServerAddressError
from adapters.valkey.reads import ValkeyLeaderboards
from curvetape.bootstrap import projecting, read_models
from curvetape.config import Settings
from curvetape.testing.events import created, curve_traded
from curvetape.testing.leaderboards import database_url, valkey_of
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.waiting import until
from domain.events import AnyEvent
from projections.runners import Runners

LAUNCH = created(1, "m")
EVENTS: Sequence[AnyEvent] = (LAUNCH, curve_traded(2, "m"), curve_traded(3, "n"))
KEPT = [it.projection.name for it in read_models(NO_CONNECTIONS)]
"""The read models that PostgreSQL keeps."""


@pytest.fixture
async def valkey(valkey_server: ValkeyServer) -> AsyncIterator[Valkey]:
    async with valkey_of(valkey_server) as opened:
        yield opened


@pytest.fixture
async def configured(live_log: LiveLog, postgres_dsn: str) -> Settings:
    """Settings without a Redis, on a log of some events."""
    await live_log.appender.append(entries(EVENTS))
    return Settings(nats_url=live_log.server.url, postgres_dsn=postgres_dsn)


def with_redis(settings: Settings, url: str) -> Settings:
    return Settings(nats_url=settings.nats_url, postgres_dsn=settings.postgres_dsn, redis_url=url)


async def checkpoints(settings: Settings) -> dict[str, int]:
    assert settings.postgres_dsn is not None
    pool = await open_pool(settings.postgres_dsn)
    try:
        rows = await pool.fetch("select name, sequence from checkpoints")
        return {row["name"]: row["sequence"] for row in rows}
    finally:
        await pool.close()


async def names(runners: Runners) -> list[str]:
    return [status.name for status in await runners.status()]


async def test_leaderboards_are_kept_beside_the_others(
    configured: Settings, valkey: Valkey, valkey_server: ValkeyServer
) -> None:
    async with projecting(with_redis(configured, database_url(valkey_server))) as runners:
        await runners.run(follow=False)
        assert await names(runners) == [*KEPT, "leaderboards"]
    board = await ValkeyLeaderboards(valkey).board(
        "score", "5m", at_s=LAUNCH.block_time_s + 60, limit=10
    )
    assert {each.mint for each in board} == {"m", "n"}
    assert set(await checkpoints(configured)) == set(KEPT)


async def test_without_a_redis_there_are_no_leaderboards(configured: Settings) -> None:
    async with projecting(configured) as runners:
        await runners.run(follow=False)
        assert await names(runners) == KEPT


async def test_a_redis_that_is_away_keeps_no_other_read_model_waiting(
    configured: Settings,
) -> None:
    async with projecting(with_redis(configured, "redis://127.0.0.1:1/0")) as runners:
        running = asyncio.create_task(runners.run())

        async def arrived() -> bool:
            found = {it.name: it.state for it in await runners.status()}
            return [found.pop("leaderboards"), *set(found.values())] == ["starting", "tail"]

        await until(arrived)
        assert set((await checkpoints(configured)).values()) == {len(EVENTS)}
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_what_is_no_address_is_said_without_its_password(configured: Settings) -> None:
    with pytest.raises(ServerAddressError, match="CURVETAPE_REDIS_URL") as found:
        async with projecting(with_redis(configured, "postgres://me:secret@there")):
            pass
    assert "secret" not in str(found.value)
