"""Notifications as they are stored, pushed by the server to whoever iterates."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from eventsourcing.persistence import InterfaceError, Notification, Subscription

from .client import Client
from .feed import pushed
from .records import Record, notification, topic

if TYPE_CHECKING:
    from .recorders import JetStreamApplicationRecorder

WAITING_MAX = 4_000
"""Messages that were read and not asked for yet; the server holds back the rest."""


class Handover:
    """What goes from the loop's thread to the one that iterates."""

    def __init__(self) -> None:
        self._batches: deque[Sequence[Record]] = deque()
        self._count = 0
        self._changed = threading.Condition()
        self._room = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ended = False

    async def put(self, records: Sequence[Record]) -> None:
        """Add messages, and wait until there is room for more."""
        self._loop = asyncio.get_running_loop()
        self._room.clear()
        with self._changed:
            self._batches.append(records)
            self._count += len(records)
            full = self._count > WAITING_MAX
            self._changed.notify()
        if full:
            await self._room.wait()

    def take(self) -> Sequence[Record] | None:
        """The next messages, waited for; None once it has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._batches or self.ended)
            if self.ended:
                return None
            records = self._batches.popleft()
            was_full = self._count > WAITING_MAX
            self._count -= len(records)
            if was_full and self._count <= WAITING_MAX and self._loop is not None:
                self._loop.call_soon_threadsafe(self._room.set)
            return records

    def end(self) -> None:
        """Nothing more is handed over; whoever waits is woken."""
        with self._changed:
            self.ended = True
            self._changed.notify_all()


class JetStreamSubscription(Subscription["JetStreamApplicationRecorder"]):
    """Iterates notifications; nothing is asked for again and again."""

    def __init__(
        self,
        recorder: "JetStreamApplicationRecorder",
        gt: int | None = None,
        topics: Sequence[str] = (),
    ) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._handover = Handover()
        self._records: Iterator[Record] = iter(())
        self._feeding = recorder.link.spawn(self._feed)
        self._feeding.add_done_callback(lambda _: self._handover.end())

    async def _feed(self, client: Client) -> None:
        start = (self._last_notification_id or 0) + 1
        subject = f"{self._recorder.subject}.>"
        async with aclosing(pushed(client, subject, start=start)) as batches:
            async for records in batches:
                await self._handover.put(records)

    def stop(self) -> None:
        """End the iteration, from whatever thread."""
        super().stop()
        self._handover.end()
        self._feeding.cancel()

    def __next__(self) -> Notification:
        """The next notification, waited for.

        Raises `OperationalError` when the server is away for too long, and `InterfaceError` when
        the factory is closed.
        """
        while not self._has_been_stopped:
            for record in self._records:
                if not self._topics or topic(record) in self._topics:
                    self._last_notification_id = record.sequence
                    return notification(record)
            taken = self._handover.take()
            if taken is not None:
                self._records = iter(taken)
            elif not self._has_been_stopped:
                self._why()
        raise StopIteration

    def _why(self) -> None:
        """Raise what has ended it."""
        if not self._feeding.cancelled() and (error := self._feeding.exception()) is not None:
            raise error
        raise InterfaceError("the factory was closed")
