"""Changes of tokens' cards of segments."""

from collections.abc import Mapping, Sequence

import polars as pl

from adapters.archive.segment import Content
from adapters.archive.token_source import parts
from adapters.postgres.token_load import TokenLoad
from curvetape.loads.making import Alone, ColumnLoad
from projections.token_frames import framed


class TokenMaking(Alone[Sequence[pl.DataFrame]]):
    """Trades are parts of a token's card, to which others come at any time."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[pl.DataFrame]:
        """A segment's cards, burns and reports."""
        return parts(content, abandoned)

    def rest(self) -> Sequence[pl.DataFrame]:
        """None."""
        return framed({})


LOAD = ColumnLoad(TokenLoad, TokenMaking)
