"""Fills a read model from the archive's segments by columns, not event by event."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import polars as pl

from adapters.archive import chain
from adapters.archive.candle_source import parts, until_of
from adapters.postgres.candle_load import CandleLoad
from domain.archive import ArchiveStore, Manifest
from projections.candle_frames import Gathering

LATE_S = 120
"""A candle is written once so much time has passed behind its end; what comes later is merged."""
STATUS_WAIT_S = 5.0

Say = Callable[[str], None]


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a load has done, and what took its time; seconds overlap, since two work at a time."""

    events: int
    rows: int
    late_rows: int
    seconds: float
    gathering_s: float
    """Reading segments and making candles of them."""
    copying_s: float
    finishing_s: float
    """Making the key, and merging what came late."""


async def load_candles(
    store: ArchiveStore, dsn: str, schema: str, *, until: int, say: Say, late_s: int = LATE_S
) -> Loaded | None:
    """Fill an empty table of candles from the segments that end at or before a sequence.

    Sets the checkpoint beside it. None where there are no such segments. Raises `ArchiveError`.
    """
    every = await asyncio.to_thread(chain.manifests, store)
    segments = [it for it in every if it.last_sequence <= until]
    if not segments:
        return None
    load = await CandleLoad.open(dsn, schema)
    try:
        abandoned = {it.slot: it.sequence for segment in every for it in segment.abandoned}
        for slot, sequence in (await load.taken_back()).items():
            abandoned[slot] = max(sequence, abandoned.get(slot, 0))
        return await _Loading(store, load, segments, abandoned, say, late_s).run()
    finally:
        await load.close()


class _Loading:
    """Makes the next segment's candles while those of the one before are copied."""

    def __init__(
        self,
        store: ArchiveStore,
        load: CandleLoad,
        segments: Sequence[Manifest],
        abandoned: Mapping[int, int],
        say: Say,
        late_s: int,
    ) -> None:
        self._store = store
        self._load = load
        self._segments = segments
        self._abandoned = abandoned
        self._say = say
        self._late_s = late_s
        self._gathering = Gathering()
        self._unpriced = 0
        self._gathering_s = 0.0

    async def run(self) -> Loaded:
        began = said = time.monotonic()
        copying_s, done = 0.0, 0
        last = self._segments[-1].last_sequence
        making = asyncio.create_task(asyncio.to_thread(self._made, self._segments[0]))
        try:
            for following in (*self._segments[1:], None):
                made = await making
                if following is not None:
                    making = asyncio.create_task(asyncio.to_thread(self._made, following))
                    await asyncio.sleep(0)  # it begins now, not when there is something to wait for
                started = time.monotonic()
                await self._load.write(made)
                now = time.monotonic()
                copying_s, done = copying_s + now - started, done + 1
                if now - said >= STATUS_WAIT_S:
                    said = now
                    reached = self._segments[done - 1].last_sequence
                    self._say(
                        f"candles: {reached:,} of {last:,} sealed events, "
                        f"{reached / (now - began):,.0f}/s"
                    )
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
        started = time.monotonic()
        await self._load.write(self._gathering.rest())
        copying_s += time.monotonic() - started
        started = time.monotonic()
        late = self._gathering.late
        await self._load.finish(late, name="candles", sequence=last)
        ended = time.monotonic()
        loaded = Loaded(
            events=last,
            rows=self._load.rows,
            late_rows=sum(map(len, late)),
            seconds=ended - began,
            gathering_s=self._gathering_s,
            copying_s=copying_s,
            finishing_s=ended - started,
        )
        self._say(
            f"candles: {loaded.events:,} sealed events made {loaded.rows:,} rows in "
            f"{loaded.seconds:,.1f} s, {loaded.events / loaded.seconds:,.0f} events/s"
        )
        return loaded

    def _made(self, segment: Manifest) -> pl.DataFrame:
        started = time.monotonic()
        content = chain.content_of(self._store, segment)
        found = list(parts(content, self._abandoned))
        self._unpriced += sum(part.unpriced for part in found)
        frames = [part.candles for part in found if len(part.candles)]
        made = (
            self._gathering.take(frames, until_of(found) - self._late_s)
            if frames
            else self._gathering.nothing
        )
        self._gathering_s += time.monotonic() - started
        return made
