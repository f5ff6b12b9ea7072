"""Appenders to the log's streams as the settings want them."""

from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from curvetape.config import Settings


async def appender(connection: Connection, settings: Settings, stream: str) -> JetStreamAppender:
    """An appender to one of the streams, once its durability was proven."""
    return await JetStreamAppender.open(
        connection,
        stream=stream,
        monitor_urls=settings.nats_monitor_url,
        allow_unsynced=settings.allow_unsynced_log,
    )
