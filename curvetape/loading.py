"""Fills a read model from the archive's segments by columns, not event by event."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import polars as pl

from adapters.archive import chain
from adapters.archive.candle_source import Part, parts, until_of
from adapters.archive.holder_source import parts as holder_parts
from adapters.archive.portfolio_source import rows as portfolio_rows
from adapters.archive.price_source import rows as price_rows
from adapters.archive.search_source import parts as search_parts
from adapters.archive.segment import Content
from adapters.archive.token_source import parts as token_parts
from adapters.archive.trade_source import rows
from adapters.postgres.candle_load import CandleLoad
from adapters.postgres.holder_load import HolderLoad
from adapters.postgres.portfolio_load import PortfolioLoad
from adapters.postgres.search_load import SearchLoad
from adapters.postgres.sol_price_load import SolPriceLoad
from adapters.postgres.table_load import TableLoad
from adapters.postgres.token_load import TokenLoad
from adapters.postgres.trade_load import TradeLoad
from curvetape.rebuilding import UnloadableError
from domain.archive import ArchiveStore, Manifest
from projections.candle_columns import Closed, Gathering, apart
from projections.holder_frames import framed
from projections.holders import Changes
from projections.parking import REFUSALS
from projections.portfolio_frames import TRADES as WALLET_TRADES
from projections.search import Changes as SearchChanges
from projections.search_frames import parts as framed_documents
from projections.sol_price_frames import SCHEMA as PRICES
from projections.token_frames import framed as framed_cards
from projections.trade_frames import SCHEMA as TRADES

LATE_S = 120
"""A candle is written once so much time has passed behind its end; what comes later is merged."""
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


class Making(Protocol):
    """Makes a read model's rows of segments, one after the other."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Any:
        """What a segment has for it; of several segments at once, from threads of their own."""
        ...

    def made(self, read: Any) -> Any:
        """A segment's rows, or those that are whole by now; of one after the other."""
        ...

    def rest(self) -> Any:
        """What has not been handed out, once there are no more segments."""
        ...


class CandleMaking:
    """Candles are handed out when nothing is likely to come to them any more."""

    def __init__(self, *, late_s: int = LATE_S) -> None:
        self._gathering = Gathering()
        self._late_s = late_s

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[Part]:
        """A segment's candles of the shortest interval."""
        return list(parts(content, abandoned))

    def made(self, read: Sequence[Part]) -> Closed:
        """The candles that a segment ends, and parts of those that had ended."""
        frames = [part.candles for part in read if len(part.candles)]
        closed = self._gathering.take(frames, until_of(read) - self._late_s)
        aside = [late for part in read for late in apart(part.aside)]
        return msgspec.structs.replace(closed, late=[*closed.late, *aside])

    def rest(self) -> Closed:
        """The candles that had not ended."""
        return self._gathering.rest()


class _Alone(Generic[T]):
    """What a segment has is sent as it is, whatever the others have."""

    def made(self, read: T) -> T:
        """The same."""
        return read


class TradeMaking(_Alone[pl.DataFrame]):
    """Each trade is a row by itself."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> pl.DataFrame:
        """A segment's trades."""
        return pl.concat([self.rest(), *rows(content, abandoned)])

    def rest(self) -> pl.DataFrame:
        """None."""
        return pl.DataFrame(schema=dict(TRADES))


class SolPriceMaking(_Alone[Sequence[pl.DataFrame]]):
    """Prices are parts of rows until all of them are there: two can be of one place."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[pl.DataFrame]:
        """A segment's prices."""
        return [pl.concat([*self.rest(), *price_rows(content, abandoned)])]

    def rest(self) -> Sequence[pl.DataFrame]:
        """None."""
        return [pl.DataFrame(schema=dict(PRICES))]


class HolderMaking(_Alone[Sequence[pl.DataFrame]]):
    """Moves are parts of a wallet's holding, to which others come at any time."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[pl.DataFrame]:
        """A segment's holdings, launches and liquidity."""
        return holder_parts(content, abandoned)

    def rest(self) -> Sequence[pl.DataFrame]:
        """None."""
        return framed(Changes())


class TokenMaking(_Alone[Sequence[pl.DataFrame]]):
    """Trades are parts of a token's card, to which others come at any time."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[pl.DataFrame]:
        """A segment's cards, burns and reports."""
        return token_parts(content, abandoned)

    def rest(self) -> Sequence[pl.DataFrame]:
        """None."""
        return framed_cards({})


class PortfolioMaking(_Alone[Sequence[pl.DataFrame]]):
    """Trades wait until all of a wallet's are there, since what they come to follows from all."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[pl.DataFrame]:
        """A segment's trades."""
        return [pl.concat([*self.rest(), *portfolio_rows(content, abandoned)])]

    def rest(self) -> Sequence[pl.DataFrame]:
        """None."""
        return [pl.DataFrame(schema=dict(WALLET_TRADES))]


class SearchMaking(_Alone[Sequence[pl.DataFrame]]):
    """Trades are parts of a document's figures, to which others come at any time."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[pl.DataFrame]:
        """A segment's documents, what may have to wait, burns, and the chain's clock."""
        return search_parts(content, abandoned)

    def rest(self) -> Sequence[pl.DataFrame]:
        """None."""
        return framed_documents((), SearchChanges({}, {}), 0)


LOADS: Mapping[str, tuple[type[TableLoad[Any]], Callable[[], Making]]] = {
    CandleLoad.name: (CandleLoad, CandleMaking),
    TradeLoad.name: (TradeLoad, TradeMaking),
    SolPriceLoad.name: (SolPriceLoad, SolPriceMaking),
    HolderLoad.name: (HolderLoad, HolderMaking),
    TokenLoad.name: (TokenLoad, TokenMaking),
    PortfolioLoad.name: (PortfolioLoad, PortfolioMaking),
    SearchLoad.name: (SearchLoad, SearchMaking),
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
    kind, default = LOADS[name]
    load = await kind.open(dsn, schema, lanes=lanes)
    try:
        abandoned = {it.slot: it.sequence for segment in every for it in segment.abandoned}
        for slot, sequence in (await load.taken_back()).items():
            abandoned[slot] = max(sequence, abandoned.get(slot, 0))
        return await _Loading(store, load, segments, abandoned, say, making or default()).run()
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
