"""Every read model that can be filled from the archive by columns."""

from collections.abc import Mapping

from curvetape.loads import candles, holders, portfolios, search, sol_prices, tokens, trades
from curvetape.loads.making import ColumnLoad

LOADS: Mapping[str, ColumnLoad] = {
    each.into.name: each
    for each in (
        candles.LOAD,
        trades.LOAD,
        sol_prices.LOAD,
        holders.LOAD,
        tokens.LOAD,
        portfolios.LOAD,
        search.LOAD,
    )
}
"""By name."""
