"""The `eventsourcing` library's cases hold for the user that may keep aggregates and no more.

On the stream `USERS` as it is defined, on a server with the product's users; each test finds the
stream empty.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import TestCase
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    OperationalError,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.tests import persistence as cases
from eventsourcing.utils import Environment

from adapters.eventsourcing_jetstream import Factory
from adapters.eventsourcing_jetstream.recorders import JetStreamTrackingRecorder
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply
from curvetape.definitions import definitions
from curvetape.testing.guarded import GuardedNats
from curvetape.testing.recorders import constructed, environment, stored
from curvetape.testing.servers import run

STREAM = "USERS"


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedNats]:
    with tempfile.TemporaryDirectory(prefix="curvetape-", ignore_cleanup_errors=True) as folder:
        server = GuardedNats(Path(folder), config=definitions() / "accounts.conf")
        run(server.start())
        try:
            yield server
        finally:
            run(server.stop())


async def emptied(server: GuardedNats) -> None:
    """Have the operator make the stream anew: nobody can delete from the one that is there."""
    defined = [it for it in load(definitions() / "streams.toml") if it.name == STREAM]
    async with await Connection.open(server.url_of("operator")) as connection:
        (outcome,) = await apply(connection, defined)
        if outcome.outcome == "unchanged":
            await connection.jetstream.delete_stream(STREAM)
            await apply(connection, defined)


@pytest.fixture(autouse=True)
def user(guarded: GuardedNats, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment of the user, where the library's cases look for it; gives the address."""
    run(emptied(guarded))
    url = guarded.url_of("aggregates")
    for name, value in environment(url, stream=STREAM).items():
        monkeypatch.setenv(name, value)
    return url


class _Constructed(TestCase):
    """Recorders from a factory that is closed behind the test."""

    def factory(self, name: str = "") -> Factory:
        made: InfrastructureFactory[JetStreamTrackingRecorder]
        made = InfrastructureFactory.construct(Environment(name, dict(os.environ)))
        assert isinstance(made, Factory)
        self.addCleanup(made.close)
        return made


class TestAggregateRecorder(_Constructed, cases.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return self.factory().aggregate_recorder()


class TestApplicationRecorder(_Constructed, cases.ApplicationRecorderTestCase[ApplicationRecorder]):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory("Cases").application_recorder()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestTrackingRecorder(_Constructed, cases.TrackingRecorderTestCase):
    def create_recorder(self) -> TrackingRecorder:
        return self.factory().tracking_recorder()


class TestProcessRecorder(_Constructed, cases.ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        return self.factory("Cases").process_recorder()


class Watchlist(Aggregate):
    @event("Created")
    def __init__(self) -> None:
        self.mints: list[str] = []

    @event("MintAdded")
    def add(self, mint: str) -> None:
        self.mints.append(mint)


def test_an_application_keeps_its_aggregates_as_this_user(user: str) -> None:
    env = environment(user, stream=STREAM, IS_SNAPSHOTTING_ENABLED="yes")
    app = Application[UUID](env=env)
    watchlist = Watchlist()
    for number in range(250):
        watchlist.add(f"mint{number}")
    app.save(watchlist)
    app.take_snapshot(watchlist.id)
    watchlist.add("last")
    app.save(watchlist)
    app.close()
    again = Application[UUID](env=env)
    found: Watchlist = again.repository.get(watchlist.id)
    assert (len(found.mints), found.mints[-1]) == (251, "last")
    assert len(list(again.notification_log.select(start=1, limit=10))) == 10
    again.close()


def test_of_another_stream_the_user_gets_neither_an_event_nor_room(user: str) -> None:
    """The server does not answer what is forbidden, so each call waits as long as it may."""
    env = environment(user, stream="PUMP", CREATE_TABLE="no", JETSTREAM_TIMEOUT="1")
    factory = constructed(env)
    recorder = factory.application_recorder()
    try:
        with pytest.raises(OperationalError, match=r"(?i)permissions violation"):
            recorder.insert_events([stored(UUID(int=1), 1)])
        with pytest.raises(OperationalError, match=r"(?i)permissions violation"):
            recorder.select_notifications(start=1, limit=1)
    finally:
        factory.close()
