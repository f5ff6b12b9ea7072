"""Recorders of the `eventsourcing` library on a JetStream stream of their own for each test."""

import os
from collections.abc import Iterator, Sequence
from itertools import count
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.utils import Environment

from adapters.embedded.nats import NatsServer
from adapters.eventsourcing_jetstream import Factory
from adapters.eventsourcing_jetstream.recorders import JetStreamProcessRecorder

_streams = count(1)


def environment(url: str, **more: str) -> dict[str, str]:
    """What an application is told, with a stream that nobody else has."""
    stream = more.pop("stream", f"RECORDERS{os.getpid()}-{next(_streams)}")
    return {
        "PERSISTENCE_MODULE": "adapters.eventsourcing_jetstream",
        "JETSTREAM_URL": url,
        "JETSTREAM_STREAM": stream,
        **more,
    }


def constructed(env: dict[str, str], name: str = "") -> Factory:
    """The factory that the environment asks for."""
    return Factory(Environment(name, env))


@pytest.fixture
def env(nats_server: NatsServer) -> dict[str, str]:
    """The environment of one test, on the session's server."""
    return environment(nats_server.url)


@pytest.fixture
def factory(env: dict[str, str]) -> Iterator[Factory]:
    """A factory that is closed behind the test."""
    made = constructed(env)
    yield made
    made.close()


@pytest.fixture
def recorder(factory: Factory) -> JetStreamProcessRecorder:
    """A recorder that does everything."""
    made = factory.process_recorder()
    assert isinstance(made, JetStreamProcessRecorder)
    return made


def stored(originator_id: UUID | str, version: int, state: bytes = b"{}") -> StoredEvent:
    """An event as the library gives it to a recorder."""
    return StoredEvent(originator_id, version, "topic", state)


def versions(events: Sequence[StoredEvent]) -> list[int]:
    """The versions of events, as they come."""
    return [one.originator_version for one in events]
