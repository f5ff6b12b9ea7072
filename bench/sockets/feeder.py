"""Appends trades to the log, evenly, as ingest does: what gathered within a tick is one batch."""

import asyncio
import math
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from bench.answering import answer_lines
from bench.append import events
from bench.append.ours import Appending

TICK_S = 0.01


class Feeder:
    """Trades of a file, each appended once."""

    def __init__(self, log: Appending, file: Path) -> None:
        self._log = log
        self._events = events.read(file)

    async def answer(self, question: dict[str, Any]) -> object:
        """Append `count` trades from the `first` on; when each was in the log, in milliseconds."""
        first, count, per_second = question["first"], question["count"], question["per_second"]
        sent: list[float] = []
        stored: list[float] = []
        began = time.time()
        while len(sent) < count:
            due = min(count, math.ceil((time.time() - began) * per_second))
            fresh = self._events[first + len(sent) : first + due]
            if fresh:
                sent += [time.time() * 1_000] * len(fresh)
                await self._log.append(fresh)
                stored += [time.time() * 1_000] * len(fresh)
            await asyncio.sleep(TICK_S)
        return {"sent": sent, "stored": stored}


async def main(url: str, monitor_url: str, file: Path) -> None:
    """Until stdin ends."""
    log = await Appending.open(url, monitor_url)
    try:
        await answer_lines(Feeder(log, file).answer)
    finally:
        await log.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
