"""What a segment says of what tokens are found by, as parts of rows."""

from collections.abc import Mapping

import polars as pl

from adapters.archive.pieces import Columns, Reading, pieces
from adapters.archive.segment import Content
from domain.log import Recorded
from projections.search import Search
from projections.search_frames import (
    KINDS,
    RARE,
    TIMED,
    columns_of,
    facts,
    is_odd,
    latest_s,
)
from projections.search_frames import parts as parts_of

_READING = Reading(KINDS, columns_of, is_odd, RARE)


def parts(
    content: Content, abandoned: Mapping[int, int]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """A segment's documents, what may wait, burns and clock, see `pieces` and `search_frames`."""
    said: list[pl.DataFrame] = []
    events: list[Recorded] = []
    newest_s = 0
    for piece in pieces(content, abandoned, _READING):
        if isinstance(piece, Columns):
            newest_s = max(newest_s, latest_s(piece.rows))
            if piece.kind not in TIMED:
                said.append(facts(piece.kind, piece.rows))
        else:
            events += piece
    return parts_of(said, Search().apply(events), newest_s)
