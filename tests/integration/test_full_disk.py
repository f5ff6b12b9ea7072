"""A log server that could not write takes no more: it is started again, and nothing is lost."""

import asyncio
import resource
from pathlib import Path

import pytest

from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.reader import JetStreamLog
from adapters.jetstream.streams import apply
from curvetape import servers
from curvetape.config import Settings
from curvetape.definitions import definitions
from curvetape.home import Home
from curvetape.servers import Servers
from curvetape.testing.events import curve_traded
from curvetape.testing.log import entries

FILE_BYTES_MAX = 200_000
"""The limit on each of the server's files that stands for a full disk."""

BATCH = 100
"""Batches that are well below the limit by themselves: the server writes each beside first."""


async def test_a_server_that_could_not_write_is_started_again(
    server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "HEALTH_WAIT_S", 0.1)
    said: list[str] = []
    elsewhere = Settings(postgres_dsn="postgresql://elsewhere", redis_url="redis://elsewhere")
    embedded = Servers(elsewhere, Home(server_folder, "live"), said.append)
    settings = await embedded.start()
    watching = asyncio.create_task(embedded.keep_running())
    assert settings.nats_url is not None
    try:
        async with await Connection.open(settings.nats_url) as connection:
            await apply(connection, load(definitions() / "streams.toml"))
            appender = await JetStreamAppender.open(
                connection, monitor_urls=settings.nats_monitor_url
            )
            limits = (FILE_BYTES_MAX, FILE_BYTES_MAX)
            resource.prlimit(embedded.pids["nats-server"], resource.RLIMIT_FSIZE, limits)
            events = [curve_traded(number, "mint") for number in range(1_000)]
            async with asyncio.timeout(40):
                for first in range(0, len(events), BATCH):
                    part = events[first : first + BATCH]
                    appended = await appender.append(entries(part))
                    assert appended.written + appended.duplicates == BATCH
            recorded = JetStreamLog(connection).read(after=0, batch_max=5_000, follow=False)
            assert [it.event for batch in [b async for b in recorded] for it in batch] == events
        assert any("nats-server is not well" in line for line in said)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await embedded.stop()
