"""Recorders on JetStream end as SQL ones do, also when writers race; limits are named."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4, uuid5

import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import (
    DataError,
    IntegrityError,
    ProgrammingError,
    Tracking,
)
from eventsourcing.sqlite import SQLiteFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.embedded.nats import NatsServer
from adapters.eventsourcing_jetstream import Factory
from adapters.eventsourcing_jetstream.client import Client
from adapters.eventsourcing_jetstream.recorders import (
    JetStreamProcessRecorder,
)
from adapters.jetstream import streams
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from curvetape.definitions import definitions
from curvetape.testing.recorders import constructed, environment, stored, versions
from curvetape.testing.servers import run

SPACE = UUID("6f0f3c1e-3a40-4c3b-9a43-3f9f2d5d8b11")


# Races


def test_of_two_writers_on_one_aggregate_exactly_one_wins(env: dict[str, str]) -> None:
    factories = [constructed(env) for _ in range(4)]
    recorders = [factory.application_recorder() for factory in factories]
    rounds, one = 20, uuid4()
    try:
        for version in range(1, rounds + 1):
            start = threading.Barrier(len(recorders))

            def write(number: int, version: int = version, start: threading.Barrier = start) -> int:
                start.wait()
                try:
                    recorders[number].insert_events([stored(one, version, b"%d" % number)])
                except IntegrityError:
                    return 0
                return 1

            with ThreadPoolExecutor(len(recorders)) as pool:
                assert sum(pool.map(write, range(len(recorders)))) == 1
        assert versions(recorders[0].select_events(one)) == list(range(1, rounds + 1))
    finally:
        for factory in factories:
            factory.close()


def test_a_batch_over_several_aggregates_is_refused_whole(
    recorder: JetStreamProcessRecorder,
) -> None:
    taken, free = uuid4(), uuid4()
    recorder.insert_events([stored(taken, 1)])
    with pytest.raises(IntegrityError):
        recorder.insert_events([stored(free, 1), stored(taken, 1)], tracking=Tracking("up", 1))
    assert recorder.select_events(free) == []
    assert recorder.max_tracking_id("up") is None
    assert recorder.insert_events([stored(free, 1), stored(taken, 2)]) == [2, 3]


def test_of_two_processes_exactly_one_stores_what_a_notification_causes(
    env: dict[str, str],
) -> None:
    factories = [constructed(env) for _ in range(2)]
    recorders = [factory.process_recorder() for factory in factories]
    won = 0
    try:
        for number in range(1, 21):
            tracking = Tracking("up", number)
            for recorder in recorders:
                try:
                    recorder.insert_events([stored(uuid4(), 1)], tracking=tracking)
                    won += 1
                except IntegrityError:
                    assert recorder.max_tracking_id("up") == number
        assert won == 20
        assert len(recorders[0].select_notifications(None, 100)) == 20
    finally:
        for factory in factories:
            factory.close()


# The same as SQL

_calls = st.tuples(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), max_size=4),
    st.none() | st.integers(1, 15),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_calls, max_size=12), st.integers(0, 12), st.integers(0, 12), st.integers(1, 5))
def test_any_calls_end_as_on_sqlite(
    nats_server: NatsServer,
    calls: list[tuple[list[tuple[int, int]], int | None]],
    gt: int,
    lte: int,
    limit: int,
) -> None:
    """Versions out of order, gaps, duplicates and tracking: the same is stored and refused."""
    model = SQLiteFactory({"SQLITE_DBNAME": ":memory:"})
    factory = constructed(environment(nats_server.url))
    ours, theirs = factory.process_recorder(), model.process_recorder()
    ids = [uuid5(SPACE, str(number)) for number in range(3)]
    try:
        for number, (events, tracked) in enumerate(calls):
            batch = [stored(ids[one], version, b"%d" % number) for one, version in events]
            tracking = None if tracked is None else Tracking("up", tracked)
            refused = []
            for recorder in (ours, theirs):
                try:
                    recorder.insert_events(batch, tracking=tracking)
                    refused.append(False)
                except IntegrityError:
                    refused.append(True)
            assert refused[0] == refused[1]
        assert ours.max_tracking_id("up") == theirs.max_tracking_id("up")
        for one in ids:
            assert ours.select_events(one) == theirs.select_events(one)
            for desc in (False, True):
                for most in (None, 1, limit):
                    chosen = [
                        recorder.select_events(one, gt=gt, lte=lte, desc=desc, limit=most)
                        for recorder in (ours, theirs)
                    ]
                    assert chosen[0] == chosen[1]
                last = [r.select_events(one, desc=desc, limit=1) for r in (ours, theirs)]
                assert last[0] == last[1]
        seen = [
            [(n.originator_id, n.originator_version) for n in r.select_notifications(None, 99)]
            for r in (ours, theirs)
        ]
        assert seen[0] == seen[1]
    finally:
        model.close()
        factory.close()


def test_an_aggregate_longer_than_a_page_is_read_whole_and_from_any_version(
    recorder: JetStreamProcessRecorder,
) -> None:
    one, other = uuid4(), uuid4()
    for start in range(0, 2_400, 300):
        recorder.insert_events([stored(one, version) for version in range(start, start + 300)])
        recorder.insert_events([stored(other, start)])
    assert versions(recorder.select_events(one)) == list(range(2_400))
    for gt in (0, 199, 200, 1_111, 2_398, 2_399, 5_000):
        assert versions(recorder.select_events(one, gt=gt)) == list(range(gt + 1, 2_400))
    assert versions(recorder.select_events(one, gt=1_500, lte=1_502)) == [1_501, 1_502]
    assert versions(recorder.select_events(one, lte=7, desc=True, limit=2)) == [7, 6]
    assert len(recorder.select_notifications(None, 5_000)) == 2_408
    some = recorder.select_notifications(2_400, 5, topics=["topic"])
    assert versions(some) == list(range(2_392, 2_397))
    assert recorder.max_notification_id() == 2_408


def test_the_last_notification_is_found_behind_what_is_not_an_event(
    factory: Factory, recorder: JetStreamProcessRecorder
) -> None:
    snapshots = factory.aggregate_recorder("snapshots")
    assert recorder.max_notification_id() is None
    for number in range(1, 20):
        recorder.insert_tracking(Tracking("up", number))
    assert recorder.max_notification_id() is None
    assert recorder.insert_events([stored(uuid4(), 1)]) == [20]
    for number in range(20, 60):
        recorder.insert_tracking(Tracking("up", number))
        snapshots.insert_events([stored(uuid4(), number)])
    assert recorder.max_notification_id() == 20
    assert recorder.insert_events([stored(uuid4(), 1), stored(uuid4(), 1)]) == [101, 102]
    assert recorder.max_notification_id() == 102


def test_applications_in_one_stream_do_not_see_each_other(env: dict[str, str]) -> None:
    factories = [constructed(env, name) for name in ("Alerts", "Watchlists")]
    recorders = [factory.application_recorder() for factory in factories]
    one = uuid4()
    try:
        for recorder in recorders:
            recorder.insert_events([stored(one, 1)])
        assert [r.max_notification_id() for r in recorders] == [1, 2]
        assert [len(r.select_notifications(None, 10)) for r in recorders] == [1, 1]
    finally:
        for factory in factories:
            factory.close()


def test_where_servers_may_be_behind_reads_are_compared_with_the_leader(
    recorder: JetStreamProcessRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def replicated(_: Client) -> bool:
        return True

    monkeypatch.setattr(Client, "replicated", replicated)
    one = uuid4()
    assert recorder.select_events(one) == []
    for version in range(1, 6):
        recorder.insert_events([stored(one, version)])
        assert versions(recorder.select_events(one)) == list(range(1, version + 1))
        assert len(recorder.select_notifications(None, 10)) == version
    assert versions(recorder.select_events(one, gt=2, lte=4)) == [3, 4]
    assert recorder.select_events(one, gt=5) == []


# What is too much, and what is not there


def test_more_than_fits_into_one_batch_is_refused_with_the_limit(
    recorder: JetStreamProcessRecorder,
) -> None:
    one = uuid4()
    with pytest.raises(DataError, match="at most 1000 messages"):
        recorder.insert_events([stored(one, version) for version in range(1_001)])
    with pytest.raises(DataError, match="max_payload"):
        recorder.insert_events([stored(one, 1, b"x" * 1_048_576)])
    with pytest.raises(DataError, match="in a subject"):
        recorder.select_events("x" * 201)
    assert recorder.select_notifications(None, 10) == []


def test_a_stream_that_is_not_there_is_named(nats_server: NatsServer) -> None:
    factory = constructed(environment(nats_server.url, stream="NOWHERE", CREATE_TABLE="no"))
    recorder = factory.process_recorder()
    try:
        for call in (
            lambda: recorder.insert_events([stored(uuid4(), 1)]),
            lambda: recorder.select_events(uuid4()),
            lambda: recorder.select_notifications(None, 1),
            recorder.max_notification_id,
            lambda: recorder.max_tracking_id("up"),
            lambda: next(recorder.subscribe()),
        ):
            with pytest.raises(ProgrammingError, match="has no stream NOWHERE"):
                call()
    finally:
        factory.close()


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"JETSTREAM_URL": ""}, "set one of"),
        ({"JETSTREAM_STREAM": "a.b"}, "JETSTREAM_STREAM"),
        ({"JETSTREAM_TIMEOUT": "soon"}, "JETSTREAM_TIMEOUT"),
        ({"JETSTREAM_REPLICAS": "9"}, "JETSTREAM_REPLICAS"),
    ],
)
def test_a_setting_that_cannot_be_is_named(said: dict[str, str], wrong: str) -> None:
    with pytest.raises(OSError, match=wrong):
        constructed(environment("nats://127.0.0.1:1") | said)


# The library's own users of recorders


class Watchlist(Aggregate):
    @event("Created")
    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.mints: list[str] = []

    @event("MintAdded")
    def add(self, mint: str) -> None:
        self.mints.append(mint)


class Watchlists(Application[UUID]):
    is_snapshotting_enabled = True

    def create(self, owner: str) -> UUID:
        watchlist = Watchlist(owner)
        self.save(watchlist)
        return watchlist.id

    def add(self, watchlist_id: UUID, mint: str) -> None:
        watchlist: Watchlist = self.repository.get(watchlist_id)
        watchlist.add(mint)
        self.save(watchlist)


def test_an_application_takes_snapshots_and_reads_from_them(env: dict[str, str]) -> None:
    app = Watchlists(env=env)
    one = app.create("me")
    for number in range(10):
        app.add(one, f"mint{number}")
    app.take_snapshot(one)
    app.add(one, "last")
    app.take_snapshot(one, version=5)
    found: Watchlist = app.repository.get(one)
    assert found.mints == [*(f"mint{number}" for number in range(10)), "last"]
    assert app.snapshots is not None
    assert [s.originator_version for s in app.snapshots.get(one)] == [5, 11]
    app.close()


async def test_the_stream_of_users_is_fit_for_aggregates_as_it_is_defined(
    fresh_nats: NatsServer,
) -> None:
    app = await asyncio.to_thread(Watchlists, env=environment(fresh_nats.url, stream="USERS"))
    one = await asyncio.to_thread(app.create, "me")
    async with await Connection.open(fresh_nats.url) as connection:
        defined = load(definitions() / "streams.toml")
        assert await streams.diff(connection, defined) == []
        message = await connection.jetstream.get_last_msg("USERS", f"users.watchlists.events.{one}")
    assert message.seq == 1
    await asyncio.to_thread(app.close)


def test_a_stream_that_forgets_is_refused_with_what_has_to_change(nats_server: NatsServer) -> None:
    env = environment(nats_server.url)

    async def make() -> None:
        async with await Connection.open(nats_server.url) as connection:
            await connection.jetstream.add_stream(
                name=env["JETSTREAM_STREAM"], subjects=["else.>"], max_age=60.0
            )

    run(make())
    factory = constructed(env)
    with pytest.raises(ProgrammingError, match=r"allow_atomic.*subjects.*max_age"):
        factory.application_recorder()
    factory.close()
