"""Trades over whole columns, as their tokens see them: what `price.fill` makes of one event.

Prices are the same to the last bit: what is not exact in columns of float64 is left to the
event-by-event cores, and `is_odd` says what that is.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from domain.position import LAST_INNER, LAST_OUTER, LAST_SLOT, LAST_TX

EXACT_MAX = 1 << 53
"""Integers up to here are floats of the same value, so that their quotient is rounded once, as
Python rounds that of integers of any size."""

PLACE = ("slot", "tx_index", "outer_index", "inner_index")
LAST = (LAST_SLOT, LAST_TX, LAST_OUTER, LAST_INNER)
AMOUNTS: Mapping[str, Sequence[str]] = {
    "curve.traded": (
        *("quote_amount", "token_amount", "virtual_quote_reserves", "virtual_token_reserves"),
    ),
    "pool.traded": (
        *("quote_amount", "base_amount", "pool_base_reserves", "pool_quote_reserves"),
        *("virtual_quote_reserves", "pool_quote_delta"),
    ),
}
TEXTS: Mapping[str, Sequence[str]] = {
    "curve.traded": ("mint", "side"),
    "pool.traded": ("mint", "side", "base_mint", "quote_mint", "canonical"),
}
KINDS: Sequence[str] = tuple(AMOUNTS)
"""The kinds whose columns are known here; any other kind is odd."""
RARE: Sequence[str] = ("completion.traded",)
"""Trades as well, and too rare to be worth columns."""


def columns_of(kind: str) -> Sequence[str]:
    """The columns of the archive that a kind's trades are read from."""
    return (*PLACE, "block_time_s", *TEXTS[kind], *AMOUNTS[kind])


def is_odd(kind: str) -> pl.Expr:
    """Of each row of a kind, whether only the event-by-event core reads it rightly."""
    odd = pl.lit(value=False)
    for name in AMOUNTS[kind]:
        # A quarter of what is exact, so that sums of three are exact as well.
        odd |= pl.col(name).is_null() | (pl.col(name).abs() > EXACT_MAX // 4)
    for name in (*TEXTS[kind], "block_time_s"):
        odd |= pl.col(name).is_null()
    return odd | is_misplaced()


def is_misplaced() -> pl.Expr:
    """Of each row whether its place is none on a chain."""
    places = zip(PLACE, LAST, strict=True)
    within = (pl.col(name).is_between(0, last).fill_null(value=False) for name, last in places)
    return ~pl.all_horizontal(*within)


def order_key() -> pl.Expr:
    """Of each row, none of which is misplaced, its position: see `Position.order_key`."""
    key = pl.col(PLACE[0])
    for name, last in zip(PLACE[1:], LAST[1:], strict=True):
        key = key * (last + 1) + pl.col(name)
    return key


def fills(kind: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Trades of one kind, none of which is odd, with more columns.

    `pos`, `bought`, `quote_amount`, `token_amount`, `quote_reserves`, `token_reserves` and `price`
    are as in `price.Fill`; `price` is null where the reserves make none. `turned` is of pools only.
    """
    seen = _curve_fills(rows) if kind == "curve.traded" else _pool_fills(rows)
    quote, token = pl.col("quote_reserves"), pl.col("token_reserves")
    return seen.with_columns(
        order_key().alias("pos"),
        pl.when((quote > 0) & (token > 0))
        .then(quote.cast(pl.Float64) / token.cast(pl.Float64))
        .alias("price"),
    )


def _curve_fills(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        (pl.col("side") == "buy").alias("bought"),
        pl.col("virtual_quote_reserves").alias("quote_reserves"),
        pl.col("virtual_token_reserves").alias("token_reserves"),
    )


def _pool_fills(rows: pl.DataFrame) -> pl.DataFrame:
    """The base moves as the trade says, and the pool may call the token its quote."""
    bought = pl.col("side") == "buy"
    moved = pl.when(bought).then(-pl.col("base_amount")).otherwise(pl.col("base_amount"))
    base = pl.col("pool_base_reserves") + moved
    quote = pl.sum_horizontal("pool_quote_reserves", "virtual_quote_reserves", "pool_quote_delta")
    turned = (pl.col("mint") == pl.col("quote_mint")) & (pl.col("mint") != pl.col("base_mint"))
    amounts = pl.col("quote_amount"), pl.col("base_amount")
    return rows.with_columns(
        turned.alias("turned"),
        (bought ^ turned).alias("bought"),
        pl.when(turned).then(base).otherwise(quote).alias("quote_reserves"),
        pl.when(turned).then(quote).otherwise(base).alias("token_reserves"),
        pl.when(turned).then(amounts[1]).otherwise(amounts[0]).alias("quote_amount"),
        pl.when(turned).then(amounts[0]).otherwise(amounts[1]).alias("token_amount"),
    )
