"""A segment's trades as rows."""

from collections.abc import Iterator, Mapping

import polars as pl

from adapters.archive.fill_source import Columns, pieces
from adapters.archive.segment import Content
from projections.trade_frames import columns_of, framed, trades
from projections.trades import Trades


def rows(content: Content, abandoned: Mapping[int, int]) -> Iterator[pl.DataFrame]:
    """A segment's trades in parts; see `fill_source.pieces`."""
    for piece in pieces(content, abandoned, columns_of):
        if isinstance(piece, Columns):
            yield trades(piece.kind, piece.rows)
        else:
            yield framed(Trades().apply(piece))
