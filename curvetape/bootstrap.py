"""The only place where ports meet adapters: settings in, running parts out."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from adapters.jetstream.reader import JetStreamLog
from adapters.jetstream.tail import recent, recent_ids
from adapters.postgres.candles import CandleStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from adapters.yellowstone.client import YellowstoneSource
from api.app import App, create_app
from curvetape.config import Settings
from ingest.pipeline import Pipeline
from ingest.seen import Seen
from ingest.source import Source
from projections.candles import Candles
from projections.projection import Hosted, host
from projections.runner import Runner
from projections.tokens import Tokens
from projections.trades import Trades

SEEN_IDS = 200_000
"""Ids that ingest remembers, and reads back from the log's end when it starts: a few minutes of
the chain's own rate, and more than its stream can be asked to repeat."""
DEAD_IDS = 20_000
"""The same for dead letters, of which a stream repeats far fewer."""
READ_CONNECTIONS_MAX = 10
READ_TIMEOUT_S = 5.0
"""A question that takes longer is given up; a page of any read model takes milliseconds."""
NATS_URL = "nats://127.0.0.1:4222"
POSTGRES_DSN = "postgresql://127.0.0.1:5432/curvetape"


@asynccontextmanager
async def ingesting(settings: Settings) -> AsyncIterator[tuple[Pipeline, Source]]:
    """A pipeline that goes on where the log ends, and the source that it reads."""
    assert settings.yellowstone_url is not None, "the command asks for it"
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(
            await Connection.open(settings.nats_url or NATS_URL, name="curvetape ingest")
        )
        log = await _appender(connection, settings, "PUMP")
        dead_letters = await _appender(connection, settings, "DEAD")
        stack.callback(log.close)
        stack.callback(dead_letters.close)
        seen, slot = await _appended(connection)
        pipeline = Pipeline(log=log, dead_letters=dead_letters, seen=seen, appended_slot=slot)
        yield pipeline, _source(settings, pipeline)


async def _appended(connection: Connection) -> tuple[Seen, int | None]:
    """The ids that both streams end with, and the newest slot of which there are events.

    Dead letters tell no slot: they are appended before the events that came with them.
    """
    seen = Seen(SEEN_IDS + DEAD_IDS)
    slot = None
    async for batch in recent(JetStreamLog(connection), SEEN_IDS):
        seen.update(recorded.event.id for recorded in batch)
        slot = max(slot or 0, *(recorded.event.pos.slot for recorded in batch))
    seen.update(await recent_ids(connection, "DEAD", DEAD_IDS))
    return seen, slot


def _source(settings: Settings, pipeline: Pipeline) -> Source:
    return YellowstoneSource(
        settings.yellowstone_url or "",
        x_token=settings.yellowstone_token,
        commitment=settings.commitment,
        from_slot=pipeline.resume_slot,
    )


async def _appender(connection: Connection, settings: Settings, stream: str) -> JetStreamAppender:
    return await JetStreamAppender.open(
        connection,
        stream=stream,
        monitor_urls=settings.nats_monitor_url,
        allow_unsynced=settings.allow_unsynced_log,
    )


@asynccontextmanager
async def projecting(settings: Settings) -> AsyncIterator[Runner]:
    """Every read model, fed by one reader of the log; brings the database's schema up to date."""
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(
            await Connection.open(settings.nats_url or NATS_URL, name="curvetape project")
        )
        dsn = settings.postgres_dsn or POSTGRES_DSN
        await migrate(dsn)
        pool = await open_pool(dsn, application="curvetape project")
        stack.push_async_callback(pool.close)
        hosted: list[Hosted] = [
            host(Candles(), CandleStore(pool)),
            host(Trades(), TradeStore(pool)),
            host(Tokens(), TokenStore(pool)),
        ]
        yield Runner(JetStreamLog(connection), hosted, batch_max=settings.project_batch_max)


@asynccontextmanager
async def reading(settings: Settings, *, application: str) -> AsyncIterator[PostgresReads]:
    """The read models, as the query side sees them."""
    pool = await open_pool(
        settings.postgres_dsn or POSTGRES_DSN,
        connections_max=READ_CONNECTIONS_MAX,
        statement_timeout_s=READ_TIMEOUT_S,
        application=application,
    )
    try:
        yield PostgresReads(pool)
    finally:
        await pool.close()


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[App]:
    """The API over the read models; the log is asked for its end only."""
    async with (
        await Connection.open(settings.nats_url or NATS_URL, name="curvetape serve") as connection,
        reading(settings, application="curvetape serve") as reads,
    ):
        origins = [origin.strip() for origin in settings.api_cors_origins.split(",")]
        yield create_app(reads, JetStreamLog(connection), cors_origins=origins)
