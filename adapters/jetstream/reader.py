"""The read side of the log: events in sequence, none left out and none twice."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from adapters.jetstream.connection import Connection
from adapters.jetstream.delivery import Delivery, DeliveryEndedError
from adapters.jetstream.known import first_sequence, last_sequence
from adapters.jetstream.patience import patiently
from domain.cancellation import go_on, requested
from domain.log import (
    LogShorterError,
    Recorded,
    SequenceGapError,
    Stored,
    decoded,
)

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

    async def first_sequence(self) -> int:
        """That of the oldest event that is still here; behind the newest where there is none."""
        return await patiently(
            self._connection, lambda: first_sequence(self._connection, self._stream)
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
        async for stored in self.read_stored(after=after, batch_max=batch_max, follow=follow):
            events, fault = decoded(stored)
            if events:
                yield events
            if fault is not None:
                raise fault

    async def read_stored(
        self,
        *,
        after: int,
        batch_max: int,
        follow: bool = True,
        subjects: Sequence[str] = (),
    ) -> AsyncIterator[Sequence[Stored]]:
        """The same, byte for byte as the log holds it; raises all but `UndecodableError`.

        With `subjects` only what is logged under one of them, wildcards allowed; the sequences
        then rise, but do not follow each other.
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
            async with aclosing(self._delivered(after, batch_max, end, subjects)) as batches:
                async for messages in batches:
                    if not messages:
                        return
                    after = messages[-1].sequence
                    yield messages
            if after != end:
                await asyncio.sleep(RESUME_WAIT_S)
                last = await self.last_sequence()

    async def _delivered(
        self, after: int, batch_max: int, end: int | None, subjects: Sequence[str]
    ) -> AsyncGenerator[Sequence[Stored], None]:
        """What one consumer delivers, until `end` or until the consumer ends.

        Of some subjects only, an empty batch says that there is no more up to the end.
        """
        told_before = requested()
        delivery = await patiently(
            self._connection,
            lambda: Delivery.open(
                self._connection, self._stream, first=after + 1, subjects=subjects
            ),
        )
        try:
            go_on(since=told_before)  # or a log in which nothing happens would be waited for
            while after != end:
                if subjects and end is not None and (not delivery.pending or after > end):
                    yield ()
                    return
                count_max = batch_max if end is None or subjects else min(batch_max, end - after)
                messages, fault = await delivery.take(count_max), None
                if not subjects:
                    messages, fault = _in_a_row(messages, after)
                if messages:
                    after = messages[-1].sequence
                    yield messages
                if fault is not None:
                    raise fault
        except DeliveryEndedError as ended:
            _log.info("reading %s goes on after %d: %s", self._stream, after, ended)
        finally:
            delivery.close()


def _in_a_row(
    messages: Sequence[Stored], after: int
) -> tuple[Sequence[Stored], SequenceGapError | None]:
    """The messages that follow `after` without a hole, and the hole that stopped there."""
    for count, message in enumerate(messages):
        if message.sequence != after + count + 1:
            return messages[:count], SequenceGapError(after + count + 1, message.sequence)
    return messages, None
