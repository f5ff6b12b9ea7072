"""A segment's trades as their wallets see them."""

from collections.abc import Iterator, Mapping

import polars as pl

from adapters.archive.pieces import Columns, Reading, pieces
from adapters.archive.segment import Content
from projections.fill_frames import KINDS, RARE
from projections.portfolio_frames import columns_of, framed, is_odd, trades
from projections.portfolios import Portfolios

_READING = Reading(KINDS, columns_of, is_odd, RARE)


def rows(content: Content, abandoned: Mapping[int, int]) -> Iterator[pl.DataFrame]:
    """A segment's trades in parts; see `pieces`."""
    for piece in pieces(content, abandoned, _READING):
        if isinstance(piece, Columns):
            yield trades(piece.kind, piece.rows)
        else:
            yield framed(Portfolios().apply(piece))
