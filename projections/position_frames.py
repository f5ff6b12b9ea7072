"""Positions and days over whole columns: what `wallet_position` folds of wallets' trades.

What a position is bought and sold for adds up. What its sales cost follows from their order, so all
of its trades have to be there.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import polars as pl
from msgspec.structs import astuple

from projections.candle_columns import Column
from projections.portfolios import Pair
from projections.sale_columns import QUOTE_MAX, TOKENS_MAX, Sales, costs
from projections.wallet_position import DAY_S, WalletTrade, advanced

PAIR: Mapping[str, pl.DataType] = {
    "wallet": pl.String(),
    "mint": pl.String(),
    "quote_mint": pl.String(),
}
POSITIONS: Mapping[str, pl.DataType] = {
    **PAIR,
    "first_pos": pl.Int64(),
    "first_time_s": pl.Int64(),
    "last_pos": pl.Int64(),
    "last_time_s": pl.Int64(),
    "buys": pl.Int64(),
    "sells": pl.Int64(),
    "bought_amount": pl.Int128(),
    "spent_amount": pl.Int128(),
    "sold_amount": pl.Int128(),
    "received_amount": pl.Int128(),
    "cost_amount": pl.Int128(),
    "unbought_amount": pl.Int128(),
    "unbought_quote_amount": pl.Int128(),
    "fee_amount": pl.Int128(),
    "trades_without_fee": pl.Int64(),
}
"""A position's columns, in the order of its table but for those that follow from the others."""
DAYS: Mapping[str, pl.DataType] = {
    "wallet": pl.String(),
    "quote_mint": pl.String(),
    "day_s": pl.Int64(),
    "realised_amount": pl.Int128(),
    "received_amount": pl.Int128(),
    "unbought_quote_amount": pl.Int128(),
    "sells": pl.Int64(),
}
"""A day's columns, in the order of its table."""
DAY_KEY = ("wallet", "quote_mint", "day_s")
LONG_MAX = 32
"""So many positions with the most sales are folded trade by trade, since side by side they would
have to wait for each other's turns."""

_TRADE = WalletTrade.__struct_fields__
_NONE = pl.lit(0, pl.Int128())


class Folded(msgspec.Struct, frozen=True):
    """What trades come to; rows in the order of their keys."""

    positions: pl.DataFrame
    days: pl.DataFrame


def folded(trades: pl.DataFrame, *, long_max: int = LONG_MAX) -> Folded:
    """Positions and days of wallets, of all of their trades, in any order; see `TRADES`."""
    ordered = trades.sort("pos").with_row_index("place")
    pairs = _added_up(ordered)
    cutoff = pairs["sells"].sort(descending=True)[long_max] if len(pairs) > long_max else 0
    alone = (
        (pl.col("sells") > cutoff)
        | (pl.col("token_units") > TOKENS_MAX)
        | (pl.col("quote_units") > QUOTE_MAX)
    )
    parts = [_by_columns(ordered, pairs.filter(~alone)), _by_core(ordered, pairs.filter(alone))]
    days = pl.concat([it.days for it in parts]).group_by(DAY_KEY).agg(pl.all().sum())
    return Folded(
        pl.concat([it.positions for it in parts]).sort(*PAIR),
        _typed(days, DAYS).sort(DAY_KEY),
    )


def _added_up(ordered: pl.DataFrame) -> pl.DataFrame:
    """Pairs with all that adds up, and the places of each one's trades."""
    bought, tokens, quote = pl.col("bought"), pl.col("token_amount"), pl.col("quote_amount")
    sides = ordered.with_columns(
        pl.when(bought).then(tokens).otherwise(_NONE).alias("bought_amount"),
        pl.when(bought).then(_NONE).otherwise(tokens).alias("sold_amount"),
        pl.when(bought).then(quote).otherwise(_NONE).alias("spent_amount"),
        pl.when(bought).then(_NONE).otherwise(quote).alias("received_amount"),
        quote.abs().alias("quote_units"),
    )
    return sides.group_by(*PAIR).agg(
        pl.col("pos").first().alias("first_pos"),
        pl.col("time_s").first().alias("first_time_s"),
        pl.col("pos").last().alias("last_pos"),
        pl.col("time_s").last().alias("last_time_s"),
        bought.sum().cast(pl.Int64).alias("buys"),
        (~bought).sum().cast(pl.Int64).alias("sells"),
        pl.col("bought_amount", "spent_amount", "sold_amount", "received_amount").sum(),
        pl.col("fee_amount").sum(),
        pl.col("fee_amount").null_count().cast(pl.Int64).alias("trades_without_fee"),
        tokens.sum().alias("token_units"),
        pl.col("quote_units").sum(),
        pl.col("place"),
    )


def _by_columns(ordered: pl.DataFrame, pairs: pl.DataFrame) -> Folded:
    places, ends = _places(pairs)
    trades = ordered.select("time_s", "bought", "token_amount", "quote_amount")[places]
    is_sale = ~trades["bought"].to_numpy()
    amounts = [trades[name].cast(pl.Int64).to_numpy() for name in trades.columns[2:]]
    counts = pairs["sells"].to_numpy()
    sold, received = (of[is_sale] for of in amounts)
    before = [_since(np.where(is_sale, 0, of), is_sale, ends, counts) for of in amounts]
    made = costs(Sales(*before, sold, received), counts)
    of_unknown = received - made.received_for_known
    last = np.cumsum(counts)
    sums = {
        "cost_amount": pairs["spent_amount"] - _summed(made.cost, last),
        "unbought_amount": _summed(sold - made.known, last),
        "unbought_quote_amount": _summed(of_unknown, last),
    }
    time_s = trades["time_s"].to_numpy()[is_sale]
    days = pairs.select("wallet", "quote_mint")[np.repeat(np.arange(len(pairs)), counts)]
    days = days.with_columns(
        pl.Series("day_s", time_s - time_s % DAY_S),
        pl.Series("realised_amount", made.received_for_known - made.cost),
        pl.Series("received_amount", received),
        pl.Series("unbought_quote_amount", of_unknown),
        pl.lit(1).alias("sells"),
    )
    return Folded(_typed(pairs.with_columns(**sums), POSITIONS), _typed(days, DAYS))


def _by_core(ordered: pl.DataFrame, pairs: pl.DataFrame) -> Folded:
    places, ends = _places(pairs)
    trades = [WalletTrade(*row) for row in ordered.select(_TRADE)[places].iter_rows()]
    positions: list[Sequence[object]] = []
    days: list[Sequence[object]] = []
    start = 0
    for pair, end in zip(pairs.select(*PAIR).iter_rows(), ends.tolist(), strict=True):
        wallet, _, quote_mint = key = _pair(pair)
        made = advanced(None, trades[start:end])
        positions.append((*key, *astuple(made.position)))
        days += [(wallet, quote_mint, day_s, *astuple(day)) for day_s, day in made.days.items()]
        start = end
    return Folded(
        pl.DataFrame(positions, schema=dict(POSITIONS), orient="row"),
        pl.DataFrame(days, schema=dict(DAYS), orient="row"),
    )


def _pair(row: Sequence[str]) -> Pair:
    wallet, mint, quote_mint = row
    return wallet, mint, quote_mint


def _places(pairs: pl.DataFrame) -> tuple[Column, Column]:
    """The places of pairs' trades, pair after pair, and where each one's end."""
    ends = np.cumsum((pairs["buys"] + pairs["sells"]).to_numpy())
    return pairs["place"].explode().to_numpy(), ends


def _since(values: Column, is_sale: Column, ends: Column, counts: Column) -> Column:
    """Of each sale, the sum of a pair's values since the sale before it.

    Sums of all pairs may wrap around, and their differences are right.
    """
    total = np.cumsum(values.astype(np.uint64))
    at_sale = total[is_sale]
    before = np.concatenate([np.zeros(1, np.uint64), at_sale[:-1]])[: len(at_sale)]
    some = counts > 0
    firsts = (np.cumsum(counts) - counts)[some]
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[: len(ends)][some]
    before[firsts] = np.concatenate([np.zeros(1, np.uint64), total])[starts]
    return (at_sale - before).view(np.int64)


def _summed(values: Column, ends: Column) -> pl.Series:
    """The sums of values up to each end, from the end before."""
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values.astype(np.uint64))])[
        np.concatenate([np.zeros(1, np.int64), ends])
    ]
    return pl.Series(np.diff(total).view(np.int64)).cast(pl.Int128)


def _typed(rows: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return rows.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
