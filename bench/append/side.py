"""A side in a process of its own, which the command line names: answers JSON lines with others."""

import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from bench.answering import answer_lines
from bench.append import events
from bench.append.ours import Appending
from bench.append.published import Publishing
from bench.append.ready import Sending
from curvetape.garbage import seldom_collecting
from domain.events import AnyEvent

WAYS: dict[str, type[Appending | Publishing | Sending]] = {
    "ours": Appending,
    "published": Publishing,
    "ready": Sending,
}


class Side:
    """One way to append, and the events to do it with."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._way: Appending | Publishing | Sending | None = None
        self._events: list[AnyEvent] = []

    async def answer(self, question: dict[str, Any]) -> object:
        """Open it, or append a part of the events; ids are new in each round."""
        if question["ask"] == "open":
            self._events = events.read(Path(question["file"]))
            self._way = await WAYS[self._name].open(question["url"], question["monitor_url"])
            return True
        assert self._way is not None, "it is opened first"
        part = self._events[question["first"] :][: question["count"]]
        part = events.marked(part, f"{self._name}{question['round']}")
        if isinstance(self._way, Sending):
            await self._way.prepare(part)
        cpu_s, began_s = time.process_time(), time.perf_counter()
        await self._way.append(part)
        return {
            "seconds": time.perf_counter() - began_s,
            "cpu_s": time.process_time() - cpu_s,
            "events": len(part),
        }

    async def close(self) -> None:
        """Disconnect."""
        if self._way is not None:
            await self._way.close()


async def main(name: str) -> None:
    """Until stdin ends."""
    side = Side(name)
    try:
        # As ingest does; the peers are not to wait for the collector either.
        with seldom_collecting():
            await answer_lines(side.answer)
    finally:
        await side.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
