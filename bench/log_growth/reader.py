"""The reading process: the product's reader, which hands out decoded events."""

import asyncio
import time
from typing import Any

import psutil  # type: ignore[import-untyped]  # it ships no types
import uvloop

from adapters.jetstream.connection import Connection
from adapters.jetstream.reader import JetStreamLog
from bench.answering import answer_lines
from bench.log_growth.history import event_mark
from curvetape.config import Settings

BATCH_MAX = Settings().project_batch_max
QUIET_S = 0.5
"""What the server had under way when a reader stopped is not to fall on the next one."""


class Reader:
    """Replays stretches of the log."""

    def __init__(self) -> None:
        self._connection: Connection | None = None

    async def answer(self, question: dict[str, Any]) -> object:
        """Open the log, or read so many events behind a sequence."""
        if question["ask"] == "open":
            self._connection = await Connection.open(question["url"])
            return True
        assert self._connection is not None, "it is opened first"
        after, left = question["after"], question["count"]
        cpu_s, began_s = time.process_time(), time.perf_counter()
        log = JetStreamLog(self._connection)
        async for batch in log.read(after=after, batch_max=BATCH_MAX, follow=False):
            last = batch[-1]
            assert last.event.id.startswith(event_mark(last.sequence - 1)), "it is the history"
            left -= len(batch)
            if left <= 0:
                break
        seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        await asyncio.sleep(QUIET_S)
        return {
            "events": question["count"] - left,
            "seconds": seconds,
            "cpu_s": cpu_s,
            "rss_bytes": psutil.Process().memory_info().rss,
        }

    async def close(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            await self._connection.close()


async def main() -> None:
    """Until stdin ends."""
    reader = Reader()
    try:
        await answer_lines(reader.answer)
    finally:
        await reader.close()


if __name__ == "__main__":
    uvloop.run(main())
