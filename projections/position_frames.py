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
LONG_MAX = 8
"""So many positions, those with the most sales, are folded trade by trade: a turn of all costs
about as much as the trades of so few."""

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
    places, starts, _ = _places(pairs)
    trades = ordered.select("time_s", "bought", "token_amount", "quote_amount")[places]
    is_sale = ~trades["bought"].to_numpy()
    tokens, quote = (trades[name].cast(pl.Int64).to_numpy() for name in trades.columns[2:])
    counts = pairs["sells"].to_numpy()
    sales = Sales(
        bought=_since(np.where(is_sale, 0, tokens), is_sale, starts, counts),
        spent=_since(np.where(is_sale, 0, quote), is_sale, starts, counts),
        sold=tokens[is_sale],
        received=quote[is_sale],
    )
    made = costs(sales, counts)
    of_unknown = sales.received - made.received_for_known
    sums = {
        "cost_amount": pairs["spent_amount"] - _summed(made.cost, counts),
        "unbought_amount": _summed(sales.sold - made.known, counts),
        "unbought_quote_amount": _summed(of_unknown, counts),
    }
    time_s = trades["time_s"].to_numpy()[is_sale]
    days = pairs.select("wallet", "quote_mint")[np.repeat(np.arange(len(pairs)), counts)]
    days = days.with_columns(
        pl.Series("day_s", time_s - time_s % DAY_S),
        pl.Series("realised_amount", made.received_for_known - made.cost),
        pl.Series("received_amount", sales.received),
        pl.Series("unbought_quote_amount", of_unknown),
        pl.lit(1).alias("sells"),
    )
    return Folded(_typed(pairs.with_columns(**sums), POSITIONS), _typed(days, DAYS))


def _by_core(ordered: pl.DataFrame, pairs: pl.DataFrame) -> Folded:
    places, starts, ends = _places(pairs)
    trades = [WalletTrade(*row) for row in ordered.select(_TRADE)[places].iter_rows()]
    positions: list[Sequence[object]] = []
    days: list[Sequence[object]] = []
    keys = pairs.select(*PAIR).iter_rows()
    for key, start, end in zip(keys, starts.tolist(), ends.tolist(), strict=True):
        wallet, _, quote_mint = key
        made = advanced(None, trades[start:end])
        positions.append((*key, *astuple(made.position)))
        days += [(wallet, quote_mint, day_s, *astuple(day)) for day_s, day in made.days.items()]
    return Folded(
        pl.DataFrame(positions, schema=dict(POSITIONS), orient="row"),
        pl.DataFrame(days, schema=dict(DAYS), orient="row"),
    )


def _places(pairs: pl.DataFrame) -> tuple[Column, Column, Column]:
    """The places of pairs' trades, pair after pair; there, where each pair's start and end."""
    counts = (pairs["buys"] + pairs["sells"]).to_numpy()
    ends = np.cumsum(counts)
    return pairs["place"].explode().to_numpy(), ends - counts, ends


def _since(values: Column, is_sale: Column, starts: Column, counts: Column) -> Column:
    """Of each sale, the sum of its pair's values since the sale before, or since the start.

    `counts` is of each pair's sales.
    """
    total = _running(values)
    at_sale = total[1:][is_sale]
    before = np.roll(at_sale, 1)
    some = counts > 0
    before[(np.cumsum(counts) - counts)[some]] = total[starts[some]]
    since: Column = (at_sale - before).view(np.int64)
    return since


def _summed(values: Column, counts: Column) -> pl.Series:
    """The sums of so many values of each pair."""
    total, ends = _running(values), np.cumsum(counts)
    return pl.Series((total[ends] - total[ends - counts]).view(np.int64)).cast(pl.Int128)


def _running(values: Column) -> Column:
    """The sums of what is before each place, and of all.

    They may wrap around at 64 bits; differences between two of one pair come out right.
    """
    return np.concatenate([np.zeros(1, np.uint64), np.cumsum(values.astype(np.uint64))])


def _typed(rows: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return rows.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
