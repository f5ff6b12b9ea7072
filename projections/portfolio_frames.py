"""Wallets' trades over whole columns: those of the portfolios' core, event by event.

Each is a row by itself. What they come to is folded from all of a wallet's: see `position_frames`.
"""

from collections.abc import Mapping, Sequence

import polars as pl
from msgspec.structs import astuple

from domain.programs import NATIVE_SOL, WRAPPED_SOL
from projections.fill_frames import KINDS, PLACE, is_misplaced, order_key
from projections.portfolios import Changes

TRADES: Mapping[str, pl.DataType] = {
    "wallet": pl.String(),
    "mint": pl.String(),
    "quote_mint": pl.String(),
    "pos": pl.Int64(),
    "time_s": pl.Int64(),
    "bought": pl.Boolean(),
    "token_amount": pl.Int128(),
    "quote_amount": pl.Int128(),
    "fee_amount": pl.Int128(),
}
"""A trade's columns, in the order of its table."""

_EVERY = ("mint", "user", "side", "block_time_s", "quote_mint", "quote_amount")
_OWN: Mapping[str, Sequence[str]] = {
    "curve.traded": ("token_amount",),
    "pool.traded": ("base_mint", "base_amount", "user_quote_amount"),
}
_MAYBE: Mapping[str, Sequence[str]] = {
    "curve.traded": ("fee", "creator_fee", "cashback"),
    "pool.traded": (),
}
assert set(_OWN) == set(KINDS)


def columns_of(kind: str) -> Sequence[str]:
    """The columns of the archive that a kind's trades are read from."""
    return (*PLACE, *_EVERY, *_OWN[kind], *_MAYBE[kind])


def is_odd(kind: str) -> pl.Expr:
    """Of each row of a kind, whether only the event-by-event core reads it rightly.

    A fee that is too large for a column looks like one that is not known: whoever reads columns
    has to know of those in another way, as the archive does.
    """
    unknown = (pl.col(name).is_null() for name in (*_EVERY, *_OWN[kind]))
    return pl.any_horizontal(is_misplaced(), *unknown)


def trades(kind: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Trades of one kind, none of which is odd, as their wallets see them."""
    seen = _on_curve(rows) if kind == "curve.traded" else _in_pool(rows)
    wrapped = pl.col("quote_mint") == WRAPPED_SOL
    return seen.with_columns(
        pl.col("user").alias("wallet"),
        pl.when(wrapped).then(pl.lit(NATIVE_SOL)).otherwise("quote_mint").alias("quote_mint"),
        order_key().alias("pos"),
        pl.col("block_time_s").alias("time_s"),
    ).select(pl.col(name).cast(dtype) for name, dtype in TRADES.items())


def framed(changes: Changes) -> pl.DataFrame:
    """Trades that the event-by-event core has made."""
    rows = [(*pair, *astuple(trade)) for pair, trades in changes.items() for trade in trades]
    return pl.DataFrame(rows, schema=dict(TRADES), orient="row")


def _on_curve(rows: pl.DataFrame) -> pl.DataFrame:
    """Fees come on top of what the curve took, or off what it gave: see the core."""
    bought, market = pl.col("side") == "buy", _wide("quote_amount")
    # Without the first of them none is known; without another there is none.
    fee = _wide("fee") + _wide("creator_fee").fill_null(0) + _wide("cashback").fill_null(0)
    paid = pl.when(bought).then(market + fee).otherwise(market - fee)
    return rows.with_columns(
        bought.alias("bought"),
        pl.coalesce(paid, market).alias("quote_amount"),
        fee.alias("fee_amount"),
    )


def _in_pool(rows: pl.DataFrame) -> pl.DataFrame:
    """The pool tells both sides; one that calls the token its quote takes its fees in tokens."""
    bought = pl.col("side") == "buy"
    base, market, paid = _wide("base_amount"), _wide("quote_amount"), _wide("user_quote_amount")
    fee = pl.when(bought).then(paid - market).otherwise(market - paid)
    turned = (pl.col("mint") == pl.col("quote_mint")) & (pl.col("mint") != pl.col("base_mint"))
    return rows.with_columns(
        (bought ^ turned).alias("bought"),
        pl.when(turned).then(paid).otherwise(base).alias("token_amount"),
        pl.when(turned).then(base).otherwise(paid).alias("quote_amount"),
        pl.when(turned).then(pl.lit(0, pl.Int128())).otherwise(fee).alias("fee_amount"),
        pl.when(turned).then("base_mint").otherwise("quote_mint").alias("quote_mint"),
    )


def _wide(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Int128())
