"""Moves of holders' tokens of segments."""

from collections.abc import Mapping, Sequence

import polars as pl

from adapters.archive.holder_source import parts
from adapters.archive.segment import Content
from adapters.postgres.holder_load import HolderLoad
from curvetape.loads.making import Alone, ColumnLoad
from projections.holder_frames import framed
from projections.holders import Changes


class HolderMaking(Alone[Sequence[pl.DataFrame]]):
    """Moves are parts of a wallet's holding, to which others come at any time."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[pl.DataFrame]:
        """A segment's holdings, launches and liquidity."""
        return parts(content, abandoned)

    def rest(self) -> Sequence[pl.DataFrame]:
        """None."""
        return framed(Changes())


LOAD = ColumnLoad(HolderLoad, HolderMaking)
