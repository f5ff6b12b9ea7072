"""Fills a read model from the archive's segments by columns, not event by event."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import polars as pl

from adapters.archive import chain
from adapters.archive.candle_source import parts, until_of
from adapters.archive.holder_source import parts as holder_parts
from adapters.archive.price_source import rows as price_rows
from adapters.archive.segment import Content
from adapters.archive.trade_source import rows
from adapters.postgres.candle_load import CandleLoad
from adapters.postgres.holder_load import HolderLoad
from adapters.postgres.sol_price_load import SolPriceLoad
from adapters.postgres.table_load import TableLoad
from adapters.postgres.trade_load import TradeLoad
from domain.archive import ArchiveStore, Manifest
from projections.candle_columns import Closed, Gathering
from projections.candles import Candle, Key
from projections.holder_frames import framed
from projections.holders import Changes
from projections.sol_price_frames import SCHEMA as PRICES
from projections.trade_frames import SCHEMA as TRADES

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
    """Reading segments and making rows of them."""
    copying_s: float
    finishing_s: float
    """Making the key, and merging what came late."""


class Making(Protocol):
    """Makes a read model's rows of segments, one after the other."""

    @property
    def late(self) -> Sequence[Any]:
        """Rows for keys that were handed out before."""
        ...

    def made(self, content: Content, abandoned: Mapping[int, int]) -> Any:
        """A segment's rows, or those that are whole by now."""
        ...

    def rest(self) -> Any:
        """What has not been handed out, once there are no more segments."""
        ...


class CandleMaking:
    """Candles are handed out when nothing is likely to come to them any more."""

    def __init__(self, *, late_s: int = LATE_S) -> None:
        self._gathering = Gathering()
        self._late_s = late_s

    @property
    def late(self) -> Sequence[Mapping[Key, Candle]]:
        """Parts of candles that were handed out before."""
        return [self._gathering.late.candles]

    def made(self, content: Content, abandoned: Mapping[int, int]) -> Closed:
        """The candles that a segment ends."""
        found = list(parts(content, abandoned))
        for part in found:
            self._gathering.add_late(part.aside)
        frames = [part.candles for part in found if len(part.candles)]
        return self._gathering.take(frames, until_of(found) - self._late_s)

    def rest(self) -> Closed:
        """The candles that had not ended."""
        return self._gathering.rest()


class TradeMaking:
    """Each trade is a row by itself."""

    late: Sequence[pl.DataFrame] = ()

    def made(self, content: Content, abandoned: Mapping[int, int]) -> pl.DataFrame:
        """A segment's trades."""
        return pl.concat([self.rest(), *rows(content, abandoned)])

    def rest(self) -> pl.DataFrame:
        """None."""
        return pl.DataFrame(schema=dict(TRADES))


class SolPriceMaking:
    """Prices are parts of rows until all of them are there: two can be of one place."""

    late: Sequence[Any] = ()

    def made(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[pl.DataFrame]:
        """A segment's prices."""
        return [pl.concat([*self.rest(), *price_rows(content, abandoned)])]

    def rest(self) -> Sequence[pl.DataFrame]:
        """None."""
        return [pl.DataFrame(schema=dict(PRICES))]


class HolderMaking:
    """Moves are parts of a wallet's holding, to which others come at any time."""

    late: Sequence[Any] = ()

    def made(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[pl.DataFrame]:
        """A segment's holdings and launches."""
        return holder_parts(content, abandoned)

    def rest(self) -> Sequence[pl.DataFrame]:
        """None."""
        return framed(Changes())


LOADS: Mapping[str, tuple[type[TableLoad[Any]], Callable[[], Making]]] = {
    CandleLoad.name: (CandleLoad, CandleMaking),
    TradeLoad.name: (TradeLoad, TradeMaking),
    SolPriceLoad.name: (SolPriceLoad, SolPriceMaking),
    HolderLoad.name: (HolderLoad, HolderMaking),
}
"""The read models that can be filled so."""


async def load_by_columns(
    name: str,
    store: ArchiveStore,
    dsn: str,
    schema: str,
    *,
    until: int,
    say: Say,
    making: Making | None = None,
) -> Loaded | None:
    """Fill a read model's empty table from the segments that end at or before a sequence.

    Sets the checkpoint beside it. None where there are no such segments. `name` is one of `LOADS`.
    Raises `ArchiveError`.
    """
    every = await asyncio.to_thread(chain.manifests, store)
    segments = [it for it in every if it.last_sequence <= until]
    if not segments:
        return None
    kind, default = LOADS[name]
    load = await kind.open(dsn, schema)
    try:
        abandoned = {it.slot: it.sequence for segment in every for it in segment.abandoned}
        for slot, sequence in (await load.taken_back()).items():
            abandoned[slot] = max(sequence, abandoned.get(slot, 0))
        return await _Loading(store, load, segments, abandoned, say, making or default()).run()
    finally:
        await load.close()


class _Loading:
    """Makes the next segment's rows while those of the one before are copied."""

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
                        f"{self._load.name}: {reached:,} of {last:,} sealed events, "
                        f"{reached / (now - began):,.0f}/s"
                    )
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
        started = time.monotonic()
        await self._load.write(self._making.rest())
        copying_s += time.monotonic() - started
        started = time.monotonic()
        late = self._making.late
        await self._load.finish(late, sequence=last)
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
            f"{self._load.name}: {loaded.events:,} sealed events made {loaded.rows:,} rows in "
            f"{loaded.seconds:,.1f} s, {loaded.events / loaded.seconds:,.0f} events/s"
        )
        return loaded

    def _made(self, segment: Manifest) -> Any:
        started = time.monotonic()
        made = self._making.made(chain.content_of(self._store, segment), self._abandoned)
        self._gathering_s += time.monotonic() - started
        return made
