"""What can be searched for, of segments."""

from collections.abc import Mapping, Sequence

import polars as pl

from adapters.archive.search_source import parts
from adapters.archive.segment import Content
from adapters.postgres.search_load import SearchLoad
from curvetape.loads.making import Alone, ColumnLoad
from projections.search import Changes
from projections.search_frames import parts as framed


class SearchMaking(Alone[Sequence[pl.DataFrame]]):
    """Trades are parts of a document's figures, to which others come at any time."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[pl.DataFrame]:
        """A segment's documents, what may have to wait, burns, and the chain's clock."""
        return parts(content, abandoned)

    def rest(self) -> Sequence[pl.DataFrame]:
        """None."""
        return framed((), Changes({}, {}), 0)


LOAD = ColumnLoad(SearchLoad, SearchMaking)
