"""The SOL price read model over whole columns: the same rows as event by event."""

from collections.abc import Mapping, Sequence

import polars as pl
from msgspec.structs import astuple

from projections.fill_frames import PLACE, is_misplaced, order_key
from projections.sol_prices import Changes

KIND = "sol.priced"
SCHEMA: Mapping[str, pl.DataType] = {
    "pos": pl.Int64(),
    "publish_time_s": pl.Int64(),
    "posted_slot": pl.Int64(),
    "account": pl.String(),
    "price": pl.Int64(),
    "confidence": pl.Int128(),
    "exponent": pl.Int32(),
}
"""A price's columns, in the order of its table."""
RANK = ("publish_time_s", "posted_slot", "account")
"""Of two prices in one place, that of the higher rank counts: see `SolPrice.rank`."""
_OWN = tuple(name for name in SCHEMA if name != "pos")


def columns_of(_kind: str = KIND) -> Sequence[str]:
    """The columns of the archive that prices are read from."""
    return (*PLACE, *_OWN)


def is_odd(_kind: str = KIND) -> pl.Expr:
    """Of each row, whether only the event-by-event core reads it rightly."""
    return pl.any_horizontal(is_misplaced(), *(pl.col(name).is_null() for name in _OWN))


def prices(rows: pl.DataFrame) -> pl.DataFrame:
    """The prices that rows say, none of which is odd; of those in one place the one that counts."""
    return counting(placed(rows))


def placed(rows: pl.DataFrame) -> pl.DataFrame:
    """All prices that rows say, none of which is odd, in their order."""
    seen = rows.with_columns(order_key().alias("pos"))
    return seen.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def framed(changes: Changes) -> pl.DataFrame:
    """Prices that the event-by-event core has made."""
    rows = [astuple(price) for price in changes.values()]
    return pl.DataFrame(rows, schema=dict(SCHEMA), orient="row")


def counting(prices: pl.DataFrame) -> pl.DataFrame:
    """The prices that count, in order, of any that may be in the same places."""
    ordered = prices.sort("pos", *RANK)
    return ordered.filter(pl.col("pos").ne_missing(pl.col("pos").shift(-1)))
