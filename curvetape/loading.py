"""Fills a read model from the archive's segments by columns, not event by event."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
import polars as pl

from adapters.archive import chain
from adapters.postgres.table_load import TableLoad
from curvetape.loads.every import LOADS
from curvetape.loads.making import Making
from curvetape.rebuilding import UnloadableError
from domain.archive import ArchiveStore, Manifest
from projections.parking import REFUSALS

STATUS_WAIT_S = 5.0
READ_TOGETHER = 2
"""So many segments are read at once, beside the one of which rows are made."""

T = TypeVar("T")
Say = Callable[[str], None]


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a load has done, and what took its time; seconds overlap, since two work at a time."""

    events: int
    rows: int
    late_rows: int
    """Parts of rows that had been written when they came."""
    seconds: float
    gathering_s: float
    """Reading segments and making rows of them."""
    copying_s: float
    finishing_s: float
    """Making the key, and merging what came late."""


async def load_by_columns(
    name: str,
    store: ArchiveStore,
    dsn: str,
    schema: str,
    *,
    until: int,
    say: Say,
    making: Making | None = None,
    lanes: int | None = None,
) -> Loaded | None:
    """Fill a read model's empty table from the segments that end at or before a sequence.

    Sets the checkpoint beside it. None where there are no such segments. `name` is one of `LOADS`,
    `lanes` is as in `TableLoad.open`.
    Raises `ArchiveError`, and `UnloadableError` where a segment holds what cannot be applied.
    """
    every = await asyncio.to_thread(chain.manifests, store)
    segments = [it for it in every if it.last_sequence <= until]
    if not segments:
        return None
    how = LOADS[name]
    load = await how.into.open(dsn, schema, lanes=lanes)
    try:
        abandoned = {it.slot: it.sequence for segment in every for it in segment.abandoned}
        for slot, sequence in (await load.taken_back()).items():
            abandoned[slot] = max(sequence, abandoned.get(slot, 0))
        return await _Loading(store, load, segments, abandoned, say, making or how.making()).run()
    finally:
        await load.close()


class _Loading:
    """Reads segments, makes rows of the one before and copies those of the one before that."""

    def __init__(
        self,
        store: ArchiveStore,
        load: TableLoad[Any],
        segments: Sequence[Manifest],
        abandoned: Mapping[int, int],
        say: Say,
        making: Making,
    ) -> None:
        self._store = store
        self._load = load
        self._segments = segments
        self._abandoned = abandoned
        self._say = say
        self._making = making
        self._gathering_s = 0.0
        self._copying_s = 0.0
        self._ahead = iter(segments)
        self._reading: deque[asyncio.Task[tuple[Any, float]]] = deque()

    async def run(self) -> Loaded:
        began = said = time.monotonic()
        last = self._segments[-1].last_sequence
        writing = asyncio.create_task(asyncio.sleep(0))
        try:
            for _ in range(READ_TOGETHER):
                self._read_on()
            for segment in self._segments:
                read, seconds = await self._reading.popleft()
                self._read_on()
                with applying(segment):
                    made, more = await asyncio.to_thread(_timed, self._made, read)
                self._gathering_s += seconds + more
                await writing
                writing = asyncio.create_task(self._write(made))
                if (now := time.monotonic()) - said >= STATUS_WAIT_S:
                    said = now
                    self._say(
                        f"{self._load.name}: {segment.last_sequence:,} of {last:,} sealed events, "
                        f"{segment.last_sequence / (now - began):,.0f}/s"
                    )
            with applying(*self._segments):
                rest, more = await asyncio.to_thread(_timed, self._rest)
            self._gathering_s += more
            await writing
            await self._write(rest)
        finally:
            under_way = [writing, *self._reading]
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        started = time.monotonic()
        await self._load.finish(sequence=last)
        ended = time.monotonic()
        loaded = Loaded(
            events=last,
            rows=self._load.rows,
            late_rows=self._load.late_rows,
            seconds=ended - began,
            gathering_s=self._gathering_s,
            copying_s=self._copying_s,
            finishing_s=ended - started,
        )
        self._say(
            f"{self._load.name}: {loaded.events:,} sealed events made {loaded.rows:,} rows in "
            f"{loaded.seconds:,.1f} s, {loaded.events / loaded.seconds:,.0f} events/s"
        )
        return loaded

    def _read_on(self) -> None:
        segment = next(self._ahead, None)
        if segment is not None:
            reading = asyncio.to_thread(_timed, self._read, segment)
            self._reading.append(asyncio.create_task(reading))

    def _read(self, segment: Manifest) -> Any:
        content = chain.content_of(self._store, segment)
        with applying(segment):
            return self._making.read(content, self._abandoned)

    def _made(self, read: Any) -> Any:
        return self._load.encoded(self._making.made(read))

    def _rest(self) -> Any:
        return self._load.encoded(self._making.rest())

    async def _write(self, sent: Any) -> None:
        started = time.monotonic()
        await self._load.write(sent)
        self._copying_s += time.monotonic() - started


@contextmanager
def applying(*segments: Manifest) -> Iterator[None]:
    """Tell which segments' events were at work when one of them could not be applied."""
    try:
        yield
    except (*REFUSALS, pl.exceptions.PolarsError) as error:
        raise UnloadableError(
            f"something of the events {segments[0].first_sequence:,} to "
            f"{segments[-1].last_sequence:,} cannot be applied: {type(error).__name__}: {error}"
        ) from error


def _timed(work: Callable[..., T], *given: Any) -> tuple[T, float]:
    """What it gives, and the seconds that it took."""
    started = time.monotonic()
    return work(*given), time.monotonic() - started
