"""What a segment says of holders, as parts of rows."""

from collections.abc import Mapping

import polars as pl

from adapters.archive.pieces import Columns, Reading, pieces
from adapters.archive.segment import Content
from projections.holder_frames import KINDS, RARE, columns_of, framed, holdings, is_odd, moves
from projections.holders import Changes, Holders, merge

_READING = Reading(KINDS, columns_of, is_odd, RARE)


def parts(
    content: Content, abandoned: Mapping[int, int]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """A segment's holdings, launches and liquidity, see `pieces`.

    Two holdings can be of one wallet.
    """
    moved: list[pl.DataFrame] = []
    changes = Changes()
    for piece in pieces(content, abandoned, _READING):
        if isinstance(piece, Columns):
            moved.append(moves(piece.kind, piece.rows))
        else:
            changes = merge(changes, Holders().apply(piece))
    held, launched, liquidity = framed(changes)
    return pl.concat([holdings(moved), held]), launched, liquidity
