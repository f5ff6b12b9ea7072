"""SOL's prices of segments."""

from collections.abc import Mapping, Sequence

import polars as pl

from adapters.archive.price_source import rows
from adapters.archive.segment import Content
from adapters.postgres.sol_price_load import SolPriceLoad
from curvetape.loads.making import Alone, ColumnLoad
from projections.sol_price_frames import SCHEMA


class SolPriceMaking(Alone[Sequence[pl.DataFrame]]):
    """Prices are parts of rows until all of them are there: two can be of one place."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[pl.DataFrame]:
        """A segment's prices."""
        return [pl.concat([*self.rest(), *rows(content, abandoned)])]

    def rest(self) -> Sequence[pl.DataFrame]:
        """None."""
        return [pl.DataFrame(schema=dict(SCHEMA))]


LOAD = ColumnLoad(SolPriceLoad, SolPriceMaking)
