"""The `eventsourcing` library's own cases hold for recorders on JetStream, all of them.

The cases are the library's classes, derived here; each test gets a stream of its own on the
session's server. They are taken as they are: no method of a case is left out or changed, but for
`optional_test_insert_subscribe`, which a module opts into by calling it.
"""

import os
from itertools import count
from unittest import TestCase

import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.tests import application as applications
from eventsourcing.tests import persistence as cases
from eventsourcing.tests import projection as projections
from eventsourcing.utils import Environment

from adapters.embedded.nats import NatsServer
from adapters.eventsourcing_jetstream.factory import JetStreamFactory
from adapters.eventsourcing_jetstream.recorders import (
    JetStreamAggregateRecorder,
    JetStreamApplicationRecorder,
    JetStreamProcessRecorder,
    JetStreamTrackingRecorder,
)

MODULE = "adapters.eventsourcing_jetstream"
_streams = count(1)


@pytest.fixture(autouse=True)
def stream_of_its_own(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test's environment, where the library's cases look for it."""
    monkeypatch.setenv("PERSISTENCE_MODULE", MODULE)
    monkeypatch.setenv("JETSTREAM_URL", nats_server.url)
    monkeypatch.setenv("JETSTREAM_STREAM", f"CASES{os.getpid()}-{next(_streams)}")


class _Constructed(TestCase):
    """Recorders from a factory that is closed behind the test."""

    def factory(self, name: str = "") -> JetStreamFactory:
        made: InfrastructureFactory[JetStreamTrackingRecorder]
        made = InfrastructureFactory.construct(Environment(name, dict(os.environ)))
        assert isinstance(made, JetStreamFactory)
        self.addCleanup(made.close)
        return made


class TestAggregateRecorder(_Constructed, cases.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return self.factory().aggregate_recorder()


class TestSnapshotRecorder(_Constructed, cases.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return self.factory().aggregate_recorder(purpose="snapshots")


class TestApplicationRecorder(_Constructed, cases.ApplicationRecorderTestCase[ApplicationRecorder]):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory("Cases").application_recorder()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestTextIds(TestApplicationRecorder):
    def new_originator_id(self) -> str:
        return f"alert.of {super().new_originator_id()}/*>ü"


class TestTrackingRecorder(_Constructed, cases.TrackingRecorderTestCase):
    def create_recorder(self) -> TrackingRecorder:
        return self.factory().tracking_recorder()


class TestProcessRecorder(_Constructed, cases.ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        return self.factory().process_recorder()


class TestProcessRecorderAsApplicationRecorder(
    _Constructed, cases.ApplicationRecorderTestCase[ApplicationRecorder]
):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory().process_recorder()


class TestProcessRecorderAsTrackingRecorder(_Constructed, cases.TrackingRecorderTestCase):
    def create_recorder(self) -> TrackingRecorder:
        return self.factory().process_recorder()


class TestNonInterleaving(_Constructed, cases.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory().application_recorder()


class Named(JetStreamTrackingRecorder):
    """A tracking recorder of somebody's own."""


class TestFactory(cases.InfrastructureFactoryTestCase[JetStreamFactory]):
    def setUp(self) -> None:
        self.env = Environment("", dict(os.environ))
        super().setUp()

    def expected_factory_class(self) -> type[JetStreamFactory]:
        return JetStreamFactory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return JetStreamAggregateRecorder

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return JetStreamApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return JetStreamTrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return Named

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return JetStreamProcessRecorder


class TestExampleApplication(applications.ExampleApplicationTestCase):
    expected_factory_topic = "adapters.eventsourcing_jetstream.factory:JetStreamFactory"


@pytest.mark.filterwarnings("default:'log' is deprecated:DeprecationWarning")
class TestApplication(applications.ApplicationTestCase):
    pass


class TestEventSourcedProjection(projections.EventSourcedProjectionTestCase):
    pass
