"""The library's recorders, on a stream."""

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import aclosing
from threading import Event
from time import monotonic
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    Notification,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
    WaitInterruptedError,
)

from . import stream
from .client import Client
from .feed import pushed
from .link import Link
from .reading import Reader
from .records import (
    Record,
    name_token,
    notification,
    stored_event,
    token,
)
from .subscription import JetStreamSubscription
from .writing import Writer

EVENTS = "events"
TRACKING = "tracking"
INTERRUPT_LOOK_S = 0.05
"""How often a wait looks whether it was interrupted; the server is not asked."""


class JetStreamRecorder:
    """What all recorders have: where they store, and through which link."""

    def __init__(self, link: Link, *, purpose: str = EVENTS) -> None:
        if purpose == TRACKING:
            raise ValueError(f"the purpose {TRACKING!r} is taken, choose another one")
        self.link = link
        self.subject = link.settings.subject(purpose)
        """How the subjects of all its aggregates begin."""
        self._tracking_subject = link.settings.subject(TRACKING)
        self._reader = Reader(self.subject)
        self._writer = Writer(self._reader, tracking_subject=self._tracking_subject)

    def create_stream(self) -> None:
        """Make the stream if there is none; `ProgrammingError` where the one there is not fit."""
        self.link.call(stream.create)

    def _insert(
        self, stored_events: Sequence[StoredEvent], tracking: Tracking | None
    ) -> Sequence[int]:
        if not stored_events and tracking is None:
            return []
        return self.link.call(lambda client: self._writer.insert(client, stored_events, tracking))


class JetStreamAggregateRecorder(JetStreamRecorder, AggregateRecorder):
    """Events by aggregate."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Store events together or not at all; `IntegrityError` where one is there already."""
        self._insert(stored_events, None)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """An aggregate's events by version: above `gt`, up to `lte`, the last first if `desc`."""
        subject = f"{self.subject}.{token(originator_id)}"

        async def read(client: Client) -> Sequence[Record]:
            if desc and limit == 1:
                newest = await self._reader.newest(client, subject)
                if newest is None or (gt is not None and newest.version <= gt):
                    return []
                if lte is None or newest.version <= lte:
                    return [newest]
            return await self._reader.records(client, subject, gt=gt, lte=lte)

        found = sorted(self.link.call(read), key=lambda record: record.version, reverse=desc)
        return [stored_event(record) for record in found[:limit]]


class JetStreamApplicationRecorder(JetStreamAggregateRecorder, ApplicationRecorder):
    """Events by aggregate, and all of them in one order; ids are the stream's sequences."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Store events together or not at all; their notification ids."""
        return list(self._insert(stored_events, None))

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events from `start` to `stop`, of these topics if any are given, at most `limit`."""
        first = max(start or 1, 1)
        if start is not None and not inclusive_of_start:
            first = max(start + 1, 1)
        found = self.link.call(
            lambda client: self._reader.all(
                client,
                start=first,
                stop=stop,
                count_max=limit,
                topics=topics,
                written=self._writer.written,
            )
        )
        return [notification(record) for record in found]

    def max_notification_id(self) -> int | None:
        """The id of the last event; None where there is none."""
        return self.link.call(self._reader.last_sequence)

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        """Iterate what is stored with ids above `gt`, and what will be."""
        return JetStreamSubscription(self, gt=gt, topics=topics)


class JetStreamTrackingRecorder(JetStreamRecorder, TrackingRecorder):
    """Which notifications of other applications were processed."""

    def insert_tracking(self, tracking: Tracking) -> None:
        """Store a tracking record; `IntegrityError` where it is not above the last one."""
        self._insert([], tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        """The notification that was tracked last."""
        subject = f"{self._tracking_subject}.{name_token(application_name)}"
        found = self.link.call(lambda client: client.last(subject))
        return None if found is None else int(found.payload)

    def wait(
        self,
        application_name: str,
        notification_id: int | None,
        timeout: float = 1.0,
        interrupt: Event | None = None,
    ) -> None:
        """Wait until a notification is tracked, which the server says by itself.

        Raises `TimeoutError` after `timeout` seconds, and `WaitInterruptedError`.
        """
        deadline_s = monotonic() + timeout
        if notification_id is None or self.has_tracking_id(application_name, notification_id):
            return
        subject = f"{self._tracking_subject}.{name_token(application_name)}"
        wanted = notification_id

        async def tracked(client: Client) -> None:
            async with aclosing(pushed(client, subject, start=None)) as batches:
                async for records in batches:
                    if int(records[-1].payload) >= wanted:
                        return

        waiting = self.link.spawn(tracked)
        try:
            while not _done(waiting, deadline_s, interrupt):
                if monotonic() >= deadline_s:
                    raise TimeoutError(
                        f"notification {notification_id} of {application_name} was not tracked"
                        f" within {timeout:g} s"
                    )
        finally:
            waiting.cancel()


class JetStreamProcessRecorder(
    JetStreamTrackingRecorder, JetStreamApplicationRecorder, ProcessRecorder
):
    """Events and the tracking record of what caused them, stored together."""

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Store events and, if it is given, `tracking`: all of it or nothing."""
        return list(self._insert(stored_events, kwargs.get("tracking")))


def _done(waiting: "Future[None]", deadline_s: float, interrupt: Event | None) -> bool:
    """Whether it is done, after some waiting; raises what it raised, or `WaitInterruptedError`."""
    if interrupt is not None and interrupt.is_set():
        raise WaitInterruptedError
    left_s = max(deadline_s - monotonic(), 0.0)
    try:
        waiting.result(left_s if interrupt is None else min(left_s, INTERRUPT_LOOK_S))
    except TimeoutError:
        if waiting.done():
            raise
        return False
    return True
