"""Trades of wallets of segments."""

from collections.abc import Mapping, Sequence

import polars as pl

from adapters.archive.portfolio_source import rows
from adapters.archive.segment import Content
from adapters.postgres.portfolio_load import PortfolioLoad
from curvetape.loads.making import Alone, ColumnLoad
from projections.portfolio_frames import TRADES


class PortfolioMaking(Alone[Sequence[pl.DataFrame]]):
    """Trades wait until all of a wallet's are there, since what they come to follows from all."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[pl.DataFrame]:
        """A segment's trades."""
        return [pl.concat([*self.rest(), *rows(content, abandoned)])]

    def rest(self) -> Sequence[pl.DataFrame]:
        """None."""
        return [pl.DataFrame(schema=dict(TRADES))]


LOAD = ColumnLoad(PortfolioLoad, PortfolioMaking)
