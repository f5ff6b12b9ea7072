"""The factory that the library looks for in a persistence module."""

from typing import TypeVar

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    ProcessRecorder,
)
from eventsourcing.utils import Environment, EnvType, resolve_topic

from .link import Link
from .recorders import (
    JetStreamAggregateRecorder,
    JetStreamApplicationRecorder,
    JetStreamProcessRecorder,
    JetStreamRecorder,
    JetStreamTrackingRecorder,
)
from .settings import Settings, creates

R = TypeVar("R", bound=JetStreamRecorder)


class JetStreamFactory(InfrastructureFactory[JetStreamTrackingRecorder]):
    """Makes recorders that share one connection, which `close` ends."""

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        self.link = Link(Settings.read(self.env))

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """Events of a purpose by aggregate, as `snapshots`."""
        return self._created(JetStreamAggregateRecorder(self.link, purpose=purpose))

    def application_recorder(self) -> ApplicationRecorder:
        """The application's events; `APPLICATION_RECORDER_TOPIC` may name another class."""
        made = self._class(self.APPLICATION_RECORDER_TOPIC, JetStreamApplicationRecorder)
        return self._created(made(self.link))

    def tracking_recorder(
        self, tracking_recorder_class: type[JetStreamTrackingRecorder] | None = None
    ) -> JetStreamTrackingRecorder:
        """Tracking records; the class is given, or named by `TRACKING_RECORDER_TOPIC`."""
        made = tracking_recorder_class or self._class(
            self.TRACKING_RECORDER_TOPIC, JetStreamTrackingRecorder
        )
        return self._created(made(self.link))

    def process_recorder(self) -> ProcessRecorder:
        """Both together; `PROCESS_RECORDER_TOPIC` may name another class."""
        made = self._class(self.PROCESS_RECORDER_TOPIC, JetStreamProcessRecorder)
        return self._created(made(self.link))

    def close(self) -> None:
        """End the connection; what is under way ends with `InterfaceError`."""
        self.link.close()

    def _class(self, key: str, default: type[R]) -> type[R]:
        named = self.env.get(key)
        if not named:
            return default
        found: type[R] = resolve_topic(named)
        if not (isinstance(found, type) and issubclass(found, default)):
            raise OSError(f"{key} has to name a subclass of {default.__name__}, was {named!r}")
        return found

    def _created(self, recorder: R) -> R:
        if creates(self.env):
            recorder.create_stream()
        return recorder
