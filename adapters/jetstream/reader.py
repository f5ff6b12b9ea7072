"""The read side of the log: events in sequence, none left out and none twice."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

import msgspec

from adapters.jetstream.connection import Connection
from adapters.jetstream.delivery import Delivered, Delivery, DeliveryEndedError
from adapters.jetstream.known import last_sequence
from adapters.jetstream.patience import patiently
from domain.events import decode
from domain.log import LogError, LogShorterError, Recorded, SequenceGapError, UndecodableError

RESUME_WAIT_S = 0.1
"""Before another consumer takes over from one that ended."""

_log = logging.getLogger(__name__)


class JetStreamLog:
    """Reads one stream; each `read` has a consumer of its own, and needs none on the server.

    Where to go on is the caller's to keep. A reader outlives lost connections and restarted
    servers for `patience.RETRY_S_MAX` at a time.
    """

    def __init__(self, connection: Connection, *, stream: str = "PUMP") -> None:
        self._connection = connection
        self._stream = stream

    async def last_sequence(self) -> int:
        """The sequence of the newest event, 0 for an empty log."""
        return await patiently(
            self._connection, lambda: last_sequence(self._connection, self._stream)
        )

    async def read(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Recorded]]:
        """Batches of what has arrived, 1 to `batch_max` events, from `after + 1` on.

        Without `follow` it ends at the sequence that was the last when it began. Raises
        `SequenceGapError` where the log has a hole, `UndecodableError` after all that comes
        before it was handed out, `LogShorterError` where the log ends before `after`, and
        `LogUnavailableError`.
        """
        assert after >= 0, "sequences start at 1"
        assert batch_max >= 1, "a batch holds an event at least"
        last = await self.last_sequence()
        end = None if follow else last
        while True:
            if after > last:
                raise LogShorterError(after, last)
            if after == end:
                return
            async with aclosing(self._delivered(after, batch_max, end)) as batches:
                async for events in batches:
                    after = events[-1].sequence
                    yield events
            if after != end:
                await asyncio.sleep(RESUME_WAIT_S)
                last = await self.last_sequence()

    async def _delivered(
        self, after: int, batch_max: int, end: int | None
    ) -> AsyncGenerator[Sequence[Recorded], None]:
        """What one consumer delivers, until `end` or until the consumer ends."""
        delivery = await patiently(
            self._connection,
            lambda: Delivery.open(self._connection, self._stream, first=after + 1),
        )
        try:
            while after != end:
                count_max = batch_max if end is None else min(batch_max, end - after)
                events, fault = _events(await delivery.take(count_max), after)
                if events:
                    after = events[-1].sequence
                    yield events
                if fault is not None:
                    raise fault
        except DeliveryEndedError as ended:
            _log.info("reading %s goes on after %d: %s", self._stream, after, ended)
        finally:
            delivery.close()


def _events(
    messages: Sequence[Delivered], after: int
) -> tuple[Sequence[Recorded], LogError | None]:
    """The events that follow `after` without a fault, and the fault that stopped there."""
    events: list[Recorded] = []
    for message in messages:
        after += 1
        if message.sequence != after:
            return events, SequenceGapError(after, message.sequence)
        try:
            events.append(Recorded(after, decode(message.payload)))
        except msgspec.DecodeError as error:
            return events, UndecodableError(after, message.payload, str(error))
    return events, None
