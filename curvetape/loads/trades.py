"""Trades of segments."""

from collections.abc import Mapping

import polars as pl

from adapters.archive.segment import Content
from adapters.archive.trade_source import rows
from adapters.postgres.trade_load import TradeLoad
from curvetape.loads.making import Alone, ColumnLoad
from projections.trade_frames import SCHEMA


class TradeMaking(Alone[pl.DataFrame]):
    """Each trade is a row by itself."""

    def read(self, content: Content, abandoned: Mapping[int, int]) -> pl.DataFrame:
        """A segment's trades."""
        return pl.concat([self.rest(), *rows(content, abandoned)])

    def rest(self) -> pl.DataFrame:
        """None."""
        return pl.DataFrame(schema=dict(SCHEMA))


LOAD = ColumnLoad(TradeLoad, TradeMaking)
