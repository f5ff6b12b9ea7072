"""`log-growth`: what an append and a replayed event cost as the log grows.

The peer is the same log at the first size. It stays there, with a server of its own, and is
measured in the same rounds as the one that grows: so what else the machine does hits both, and a
ratio says what the size does.
"""

import asyncio
import json
import os
import signal
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

from adapters.jetstream.batch import BATCH_ENTRIES_MAX
from adapters.jetstream.definition import load
from bench.append import events
from bench.log_growth import room
from bench.log_growth.history import History
from bench.log_growth.log import Cost, Log, opened
from bench.log_growth.report import Costs, Measured, result
from bench.result import RefusedError, Result, say
from curvetape.definitions import definitions

SIZES = (1_000_000, 10_000_000, 50_000_000)
SIZE_MIN = 100_000
"""A stretch has to be much shorter than the log."""
ORIGINALS = 20_000
ROUNDS = 21
APPENDS = 5
"""Batches of 1,000 in a round."""
REPLAYED = 50_000
MEASURED = (ROUNDS + 1) * APPENDS * BATCH_ENTRIES_MAX
"""What the rounds at one size append; so much the first log grows each time, too."""
GROWN_TOGETHER = 250_000
REST_SPARE_S = 15.0


def run() -> Result:
    """Grow one log from size to size beside one that stays, and compare them at each."""
    sizes = _sizes(os.environ.get("SIZES"))
    # Ended from outside it tidies up as it does after Ctrl-C: tens of gigabytes are at stake.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="curvetape-bench-") as folder:
        return asyncio.run(_run(Path(folder), sizes))


def _sizes(given: str | None) -> Sequence[int]:
    if given is None:
        return SIZES
    try:
        sizes = [int(size) for size in given.replace("_", "").split(",")]
    except ValueError as error:
        raise RefusedError(f"SIZES has to be numbers with commas between, was {given!r}") from error
    steps = [later - size for size, later in pairwise(sizes)]
    if sizes[0] < SIZE_MIN or min(steps, default=MEASURED) < MEASURED:
        raise RefusedError(
            f"SIZES has to begin with {SIZE_MIN:,} or more and to rise by {MEASURED:,} at least, "
            f"was {given!r}"
        )
    return sizes


async def _run(folder: Path, sizes: Sequence[int]) -> Result:
    file = folder / "events.jsonl"
    say(f"making {ORIGINALS:,} events ...")
    events.write(file, ORIGINALS)
    event_bytes = room.bytes_per_event(History(events.read(file)))
    room.check(folder, sizes[0] + sizes[-1], event_bytes)
    found = []
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(opened(folder / "first", file))
        grown = await stack.enter_async_context(opened(folder / "grown", file))
        _grow(first, sizes[0])
        for size in sizes:
            growth, rss = _grow(grown, size)
            found.append(await _measure(grown, first, growth, rss))
            # So a run that is ended early has not been for nothing.
            say(f"figures at {size:,} events: {json.dumps(found[-1].shown())}")
    return result(found, rounds=ROUNDS, described={"bytes_per_event": event_bytes})


def _grow(log: Log, size: int) -> tuple[Cost, dict[str, int]]:
    """Append up to a size: the mean cost, and the most memory that each process had."""
    costs: list[Cost] = []
    most: dict[str, int] = {}
    while log.events < size:
        costs.append(log.grow(min(GROWN_TOGETHER, size - log.events)))
        most = {who: max(most.get(who, 0), rss) for who, rss in log.rss_bytes.items()}
        say(f"{log.events:,} events, the last at {1e6 / costs[-1]['clock']:,.0f}/s")
    return {part: statistics.fmean(each[part] for each in costs) for part in costs[0]}, most


async def _measure(grown: Log, first: Log, growth: Cost, rss_growing: dict[str, int]) -> Measured:
    """Rounds on both logs, once neither server remembers ids of what made it grow."""
    size, window_s = grown.events, _duplicate_window_s()
    say(f"resting for {window_s + REST_SPARE_S:.0f} s, until the server has forgotten the ids ...")
    await asyncio.sleep(window_s + REST_SPARE_S)
    append, replay = Costs(), Costs()
    for number in range(ROUNDS + 1):
        pair = ((grown, append.grown, replay.grown), (first, append.first, replay.first))
        for log, appends, replays in pair if number % 2 else reversed(pair):
            appended = log.append(APPENDS * BATCH_ENTRIES_MAX)
            after = (log.events - REPLAYED) * number // ROUNDS
            replayed = log.replay(after, REPLAYED)
            if number:  # the one before the first warms everything
                appends.append(appended)
                replays.append(replayed)
    log_bytes, subjects = grown.held()
    return Measured(
        events=size,
        subjects=subjects,
        log_bytes=log_bytes,
        append=append,
        replay=replay,
        growth=growth,
        rss_growing=rss_growing,
        rss=dict(grown.rss_bytes),
        rss_first=dict(first.rss_bytes),
    )


def _duplicate_window_s() -> float:
    streams = load(definitions() / "streams.toml")
    return next(stream.duplicate_window for stream in streams if stream.name == "PUMP")
