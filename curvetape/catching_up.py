"""Brings a read model to a place in the log, and says meanwhile how fast and how far."""

import asyncio
import time
from collections.abc import Callable

from domain.log import EventLog
from projections.bounded import Bounded
from projections.parking import Tell
from projections.projection import Hosted
from projections.runner import Runner

STATUS_WAIT_S = 5.0
"""How often it is said how far something is."""
TOLD_EVENTS_MIN = 5_000
"""Of fewer it is not said in the end how fast they went."""

Say = Callable[[str], None]


async def catch_up(
    log: EventLog,
    hosted: Hosted,
    until: int,
    say: Say,
    *,
    name: str,
    batch_max: int,
    tell: Tell | None = None,
) -> None:
    """Apply what the log has up to the sequence `until`; `name` is what lines begin with.

    Raises `LogError` and `ProjectionsStoppedError`.
    """
    began, start = time.monotonic(), (await hosted.store.checkpoint()).sequence
    if start >= until:
        return
    runner = Runner(
        Bounded(log, until), [hosted], batch_max=batch_max, tell=tell, partition=hosted.partition
    )

    async def say_progress() -> None:
        while True:
            await asyncio.sleep(STATUS_WAIT_S)
            (status,) = await runner.status()
            place = f"{status.sequence:,} of {until:,} ({status.sequence / until:.0%})"
            took_s = time.monotonic() - began
            say(f"{name}: {place}, {pace(status.sequence - start, until - start, took_s)}")

    saying = asyncio.create_task(say_progress())
    try:
        await runner.run(follow=False)
    finally:
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
    took_s = max(time.monotonic() - began, 0.001)
    if until - start > TOLD_EVENTS_MIN:
        rate = (until - start) / took_s
        say(f"{name}: {until - start:,} events in {took_s:,.1f} s, {rate:,.0f}/s")


def pace(done: int, total: int, took_s: float, *, unit: str = "") -> str:
    """How fast it goes, and how long it will take: `1,200/s, 5 s to go`."""
    rate = done / took_s if took_s > 0 else 0.0
    left = f"{(total - done) / rate:,.0f} s to go" if rate else "no rate yet"
    return f"{rate:,.0f}{unit}/s, {left}"
