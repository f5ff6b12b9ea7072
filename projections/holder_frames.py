"""The holders read model over whole columns: the same holdings as event by event.

What columns give are parts of rows, as `holders.Changes` are: parts of a wallet's holding merge as
`holders.merge` does it, in any order.
"""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl
from msgspec.structs import astuple

from projections.fill_frames import KINDS as TRADES
from projections.fill_frames import PLACE, is_misplaced, order_key
from projections.holders import Changes

KINDS: Sequence[str] = TRADES
"""The kinds that are read by columns."""
RARE: Sequence[str] = (
    "completion.traded",
    "pool.created",
    "pool.deposited",
    "pool.withdrawn",
    "token.created",
)
"""Others that say something of holders, too rare to be worth columns."""
HOLDINGS: Mapping[str, pl.DataType] = {
    "mint": pl.String(),
    "wallet": pl.String(),
    "first_pos": pl.Int64(),
    "first_time_s": pl.Int64(),
    "last_pos": pl.Int64(),
    "last_time_s": pl.Int64(),
    "first_buy_pos": pl.Int64(),
    "bought": pl.Int128(),
    "sold": pl.Int128(),
    "deposited": pl.Int128(),
    "withdrawn": pl.Int128(),
    "reported": pl.Int128(),
}
"""A holding's columns, in the order of its table."""
LAUNCHES: Mapping[str, pl.DataType] = {
    "mint": pl.String(),
    "pos": pl.Int64(),
    "creator": pl.String(),
    "launcher": pl.String(),
    "bonding_curve": pl.String(),
}
"""A launch's columns, in the order of its table."""
LIQUIDITY: Mapping[str, pl.DataType] = {
    "mint": pl.String(),
    "pos": pl.Int64(),
    "time_s": pl.Int64(),
    "wallet": pl.String(),
    "amount": pl.Int128(),
}
"""The columns of liquidity that was moved, in the order of its table."""

_EVERY = ("mint", "user", "side", "block_time_s")
_OWN: Mapping[str, Sequence[str]] = {
    "curve.traded": ("token_amount",),
    "pool.traded": ("base_mint", "quote_mint", "base_amount", "user_quote_amount"),
}
_MAYBE = ("user_token_balance",)
_NONE = pl.lit(0, pl.Int128())


def columns_of(kind: str) -> Sequence[str]:
    """The columns of the archive that a kind's moves are read from."""
    return (*PLACE, *_EVERY, *_OWN[kind], *_MAYBE)


def is_odd(kind: str) -> pl.Expr:
    """Of each row of a kind, whether only the event-by-event core reads it rightly.

    A balance that is too large for a column looks like one that is not known: whoever reads columns
    has to know of those in another way, as the archive does.
    """
    unknown = (pl.col(name).is_null() for name in (*_EVERY, *_OWN[kind]))
    return pl.any_horizontal(is_misplaced(), *unknown)


def moves(kind: str, rows: pl.DataFrame) -> pl.DataFrame:
    """What trades of one kind, none of which is odd, move: a row for each, as its token sees it."""
    bought = pl.col("side") == "buy"
    if kind == "curve.traded":
        amount = pl.col("token_amount")
    else:
        # What the pool calls its quote may be the token, of which fees are paid.
        turned = (pl.col("mint") == pl.col("quote_mint")) & (pl.col("mint") != pl.col("base_mint"))
        bought ^= turned
        amount = pl.when(turned).then("user_quote_amount").otherwise("base_amount")
    return rows.select(
        "mint",
        pl.col("user").alias("wallet"),
        order_key().alias("pos"),
        pl.col("block_time_s").alias("time_s"),
        bought.alias("bought"),
        amount.alias("amount"),
        pl.col("user_token_balance").alias("reported"),
    )


def holdings(moves: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Moves in any order as holdings, one of each token and wallet."""
    parts = list(moves)
    if not parts:
        return pl.DataFrame(schema=dict(HOLDINGS))
    bought, amount = pl.col("bought"), pl.col("amount").cast(pl.Int128)
    return (
        pl.concat(parts)
        .sort("pos")
        .group_by("mint", "wallet")
        .agg(
            pl.col("pos").first().alias("first_pos"),
            pl.col("time_s").first().alias("first_time_s"),
            pl.col("pos").last().alias("last_pos"),
            pl.col("time_s").last().alias("last_time_s"),
            pl.when(bought).then("pos").min().alias("first_buy_pos"),
            pl.when(bought).then(amount).otherwise(_NONE).sum().alias("bought"),
            pl.when(bought).then(_NONE).otherwise(amount).sum().alias("sold"),
            _NONE.alias("deposited"),
            _NONE.alias("withdrawn"),
            pl.col("reported").last().alias("reported"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in HOLDINGS.items())
    )


def framed(changes: Changes) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Holdings, launches and liquidity, as parts of rows, that the event-by-event core has made."""
    held = [(*key, *astuple(holding)) for key, holding in changes.holdings.items()]
    launched = [(mint, *astuple(launch)) for mint, launch in changes.launches.items()]
    moved = [(*key, *astuple(moved)) for key, moved in changes.liquidity.items()]
    return (
        pl.DataFrame(held, schema=dict(HOLDINGS), orient="row"),
        pl.DataFrame(launched, schema=dict(LAUNCHES), orient="row"),
        pl.DataFrame(moved, schema=dict(LIQUIDITY), orient="row"),
    )
