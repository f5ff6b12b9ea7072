"""Reads the log's live end into the rooms, and notices when it hears nothing any more."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

from api.live.feed import Feed
from api.live.pulse import Pulse
from api.live.rooms import Rooms
from domain.events import decode
from domain.log import LogShorterError, LogUnavailableError, Recorded, Stored

BATCH_MAX = 1_000
GATHER_S = 0.003
"""What comes within this time goes out together."""
LOOK_S = 5.0
DEAF_LOOKS = 2
"""So many looks in a row at a log that has more, without having been given any of it."""
RETRY_S = 1.0

_log = logging.getLogger(__name__)


class LiveLog(Protocol):
    """The log, from a sequence on."""

    async def first_sequence(self) -> int:
        """The sequence of the oldest event that is there; behind the newest where none is."""
        ...

    async def last_sequence(self) -> int:
        """The sequence of the newest event, 0 for an empty log."""
        ...

    def read_stored(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Stored]]:
        """Batches of what has arrived; raises `LogError`."""
        ...


class Tail:
    """One reader for all rooms of the process."""

    def __init__(
        self, log: LiveLog, rooms: Rooms, *, feed: Feed | None = None, pulse: Pulse | None = None
    ) -> None:
        self._log = log
        self._rooms = rooms
        self._feed = feed or Feed()
        self._pulse = pulse or Pulse(time.monotonic)
        self.deaf = False
        """Whether the log has more than this reader was given."""

    async def run(self) -> None:
        """Read for ever; raises `LogShorterError` where the log is not the same any more."""
        while True:
            reading = asyncio.create_task(self._read())
            watching = asyncio.create_task(self._watch())
            try:
                await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in (reading, watching):
                    each.cancel()
                ended = await asyncio.gather(reading, watching, return_exceptions=True)
            for error in ended:
                if isinstance(error, LogUnavailableError):
                    _log.warning("the log's end cannot be read, trying again: %s", error)
                elif isinstance(error, Exception):
                    raise error
            await asyncio.sleep(RETRY_S)

    async def _read(self) -> None:
        async for batch in self._log.read_stored(after=self._rooms.sequence, batch_max=BATCH_MAX):
            events = _decoded(batch)
            self._pulse.take(events)
            self._rooms.publish(self._feed.take(events), batch[-1].sequence)
            self.deaf = False
            await asyncio.sleep(GATHER_S)

    async def _watch(self) -> None:
        """Return when the reader was given nothing although there is something."""
        looks, before = 0, self._rooms.sequence
        while looks < DEAF_LOOKS:
            await asyncio.sleep(LOOK_S)
            asked = self._rooms.sequence
            last = await self._log.last_sequence()
            if last < asked:
                raise LogShorterError(asked, last)
            now = self._rooms.sequence  # more than `last` where some came while it was asked for
            looks = looks + 1 if now == before < last else 0
            self.deaf, before = looks > 0, now
        _log.warning(
            "the log is at %d, but nothing behind %d has arrived here; reading it anew", last, now
        )


def _decoded(batch: Sequence[Stored]) -> list[Recorded]:
    events: list[Recorded] = []
    for stored in batch:
        try:
            events.append(Recorded(stored.sequence, decode(stored.payload)))
        except msgspec.DecodeError as error:
            _log.warning("sequence %d is not told: %s", stored.sequence, error)
    return events
