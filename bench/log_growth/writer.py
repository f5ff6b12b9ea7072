"""The writing process: the product's appender, on a log that it makes long."""

import time
from itertools import chain
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # it ships no types
import uvloop

from adapters.jetstream.batch import BATCH_ENTRIES_MAX
from bench.answering import answer_lines
from bench.append import events
from bench.append.ours import Appending
from bench.log_growth.history import History
from curvetape.garbage import seldom_collecting
from domain.events import encode
from domain.log import Entry


class Writer:
    """Appends the history's next events."""

    def __init__(self) -> None:
        self._log: Appending | None = None
        self._history = History(())
        self._next = 0

    async def answer(self, question: dict[str, Any]) -> object:
        """Open the log, make it longer, or measure some appends."""
        if question["ask"] == "open":
            self._history = History(events.read(Path(question["file"])))
            self._log = await Appending.open(question["url"], question["monitor_url"])
            return True
        assert self._log is not None, "it is opened first"
        first, count = self._next, question["count"]
        self._next += count
        if question["ask"] == "grow":
            cpu_s, began_s = time.process_time(), time.perf_counter()
            written = await self._log.append_all(self._history.parts(first, count))
        else:
            made = chain.from_iterable(self._history.parts(first, count))
            entries = [Entry(subject=it.subject, id=it.id, payload=encode(it)) for it in made]
            written = 0
            cpu_s, began_s = time.process_time(), time.perf_counter()
            for start in range(0, count, BATCH_ENTRIES_MAX):
                batch = entries[start : start + BATCH_ENTRIES_MAX]
                written += (await self._log.log.append(batch)).written
        seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        assert written == count, "their ids are new"
        return {
            "events": written,
            "seconds": seconds,
            "cpu_s": cpu_s,
            "rss_bytes": psutil.Process().memory_info().rss,
        }

    async def close(self) -> None:
        """Disconnect."""
        if self._log is not None:
            await self._log.close()


async def main() -> None:
    """Until stdin ends."""
    writer = Writer()
    try:
        with seldom_collecting():
            await answer_lines(writer.answer)
    finally:
        await writer.close()


if __name__ == "__main__":
    uvloop.run(main())
