"""Our side: events encoded and appended as ingest does it, the next ones while the last sync."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Self

from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from domain.events import AnyEvent, encode
from domain.log import Entry
from ingest.pipeline import QUEUE_BATCHES_MAX, ROUND_ENTRIES_MAX

ENCODED_TOGETHER = 400
"""About what one block of the market holds, which ingest decodes and encodes in one go."""


class Appending:
    """The product's appender on a connection of its own, behind a queue like that of ingest."""

    def __init__(self, connection: Connection, log: JetStreamAppender) -> None:
        self._connection = connection
        self.log = log

    @classmethod
    async def open(cls, url: str, monitor_url: str) -> Self:
        """Connect; the server has to prove that it syncs."""
        connection = await Connection.open(url)
        return cls(connection, await JetStreamAppender.open(connection, monitor_urls=monitor_url))

    async def close(self) -> None:
        """Disconnect."""
        self.log.close()
        await self._connection.close()

    async def append(self, events: Sequence[AnyEvent]) -> None:
        """Encode and append in order; return once all is durable."""
        written = await self.append_all(
            events[start : start + ENCODED_TOGETHER]
            for start in range(0, len(events), ENCODED_TOGETHER)
        )
        assert written == len(events), "their ids are new"

    async def append_all(self, parts: Iterable[Sequence[AnyEvent]]) -> int:
        """The same with events that are made as they are needed; how many were written."""
        queue: asyncio.Queue[Sequence[Entry] | None] = asyncio.Queue(QUEUE_BATCHES_MAX)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_encode(parts, queue))
            return await self._write(queue)

    async def _write(self, queue: "asyncio.Queue[Sequence[Entry] | None]") -> int:
        written, ended = 0, False
        while not ended:
            waiting: list[Entry] = []
            while not ended and len(waiting) < ROUND_ENTRIES_MAX:
                if waiting and queue.empty():
                    break
                part = await queue.get()
                ended = part is None
                waiting += part or ()
            if waiting:
                written += (await self.log.append(waiting)).written
        return written


async def _encode(
    parts: Iterable[Sequence[AnyEvent]], queue: "asyncio.Queue[Sequence[Entry] | None]"
) -> None:
    for part in parts:
        await queue.put(
            [Entry(subject=event.subject, id=event.id, payload=encode(event)) for event in part]
        )
        await asyncio.sleep(0)  # the appender's turn, also while the queue has room
    await queue.put(None)
