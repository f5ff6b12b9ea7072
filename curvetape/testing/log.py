"""A log of its own for each test: a fresh NATS server with the streams applied."""

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import msgspec
import pytest

from adapters.embedded.nats import NatsServer
from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.reader import JetStreamLog
from adapters.jetstream.streams import apply
from curvetape.definitions import definitions
from curvetape.testing.servers import nats_in
from domain.events import AnyEvent, encode
from domain.log import Appended, Entry, LogUnavailableError, Recorded


class LiveLog(msgspec.Struct):
    """A server and what one process has of it; the server may be killed and started again."""

    server: NatsServer
    connection: Connection
    appender: JetStreamAppender
    log: JetStreamLog

    async def all(self) -> list[Recorded]:
        """Everything in the log."""
        return [
            it
            async for batch in self.log.read(after=0, batch_max=1_000, follow=False)
            for it in batch
        ]


class Dying:
    """An appender whose process dies: a part of an append may have taken place by then."""

    def __init__(self, log: JetStreamAppender, *, at: int, share: float) -> None:
        """`at` counts appends from 1; `share` is the part of that one that takes place."""
        self._log = log
        self._left = at
        self._share = share

    async def append(self, entries: Sequence[Entry]) -> Appended:
        """Append, until the one that is the last."""
        self._left -= 1
        if self._left:
            return await self._log.append(entries)
        if took_place := entries[: round(len(entries) * self._share)]:
            await self._log.append(took_place)
        raise LogUnavailableError("the process died")


def entry(event: AnyEvent) -> Entry:
    """An event as it is appended."""
    return Entry(subject=event.subject, id=event.id, payload=encode(event))


def entries(events: Iterable[AnyEvent]) -> Sequence[Entry]:
    """Events as they are appended."""
    return [entry(event) for event in events]


@pytest.fixture
async def fresh_nats(server_folder: Path) -> AsyncIterator[NatsServer]:
    """A NATS server for one test, with the product's streams."""
    async with nats_in(server_folder / "nats") as server:
        async with await Connection.open(server.url) as connection:
            await apply(connection, load(definitions() / "streams.toml"))
        yield server


@pytest.fixture
async def live_log(fresh_nats: NatsServer) -> AsyncIterator[LiveLog]:
    """An empty log with its reader and a proven appender."""
    async with await Connection.open(fresh_nats.url) as connection:
        appender = await JetStreamAppender.open(connection, monitor_urls=fresh_nats.monitor_url)
        live = LiveLog(fresh_nats, connection, appender, JetStreamLog(connection))
        yield live
        live.appender.close()
