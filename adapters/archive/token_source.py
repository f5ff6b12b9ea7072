"""What a segment says of tokens' cards, as parts of rows."""

from collections.abc import Mapping

import polars as pl

from adapters.archive.pieces import Columns, Reading, pieces
from adapters.archive.segment import Content
from domain.log import Recorded
from projections.token_frames import KINDS, RARE, cards, columns_of, facts, framed, is_odd
from projections.tokens import Tokens

_READING = Reading(KINDS, columns_of, is_odd, RARE)


def parts(
    content: Content, abandoned: Mapping[int, int]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """A segment's cards, burns and reports, see `pieces`; two parts can be of one card."""
    said: list[pl.DataFrame] = []
    events: list[Recorded] = []
    for piece in pieces(content, abandoned, _READING):
        if isinstance(piece, Columns):
            said.append(facts(piece.kind, piece.rows))
        else:
            events += piece
    found, burns, reports = framed(Tokens().apply(events))
    return pl.concat([cards(said), found]), burns, reports
