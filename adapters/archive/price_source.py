"""A segment's prices of SOL as rows."""

from collections.abc import Iterator, Mapping

import polars as pl

from adapters.archive.pieces import Columns, Reading, pieces
from adapters.archive.segment import Content
from projections.sol_price_frames import KIND, columns_of, framed, is_odd, prices
from projections.sol_prices import SolPrices

_READING = Reading((KIND,), columns_of, is_odd)


def rows(content: Content, abandoned: Mapping[int, int]) -> Iterator[pl.DataFrame]:
    """A segment's prices in parts, in each at most one in a place; see `pieces`."""
    for piece in pieces(content, abandoned, _READING):
        if isinstance(piece, Columns):
            yield prices(piece.rows)
        else:
            yield framed(SolPrices().apply(piece))
