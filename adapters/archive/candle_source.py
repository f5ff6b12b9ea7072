"""A segment's trades as candles of the shortest interval."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import msgspec
import polars as pl

from adapters.archive.fill_source import Columns, pieces
from adapters.archive.segment import Content
from domain.log import Recorded
from projections.candle_frames import LENGTHS_S, finest, framed
from projections.candles import Candles
from projections.fill_frames import columns_of


class Part(msgspec.Struct, frozen=True):
    """What some messages that lie together in a segment make."""

    candles: pl.DataFrame
    until_s: int
    """The newest trade's second, by its block; 0 without trades."""
    unpriced: int = 0
    """Trades, of those not read by columns, whose reserves make no price."""


def parts(content: Content, abandoned: Mapping[int, int]) -> Iterator[Part]:
    """A segment's candles in parts; see `fill_source.pieces`."""
    for piece in pieces(content, abandoned, columns_of):
        if isinstance(piece, Columns):
            newest_s = cast("int", piece.rows["block_time_s"].max())
            yield Part(finest(piece.kind, piece.rows), newest_s)
        else:
            yield _by_events(piece)


def _by_events(events: Sequence[Recorded]) -> Part:
    """What the core makes of some messages, one event after the other."""
    made = Candles().apply(events)
    candles = framed(made.candles, LENGTHS_S[0])
    until_s = max((start_s for _, _, start_s in made.candles), default=0)
    return Part(candles, until_s, made.unpriced)


def until_of(found: Sequence[Part]) -> int:
    """The newest second of some parts."""
    return max((part.until_s for part in found), default=0)
