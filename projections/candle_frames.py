"""The candles read model over whole columns: the same rows as event by event, many times faster.

For rebuilds from the archive. Prices are the same to the last bit, see `fill_frames`.
"""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from projections.candles import Candle, Key
from projections.fill_frames import fills
from projections.reads import INTERVALS_S

LENGTHS_S: Sequence[int] = sorted(INTERVALS_S.values())

KEY = ("mint", "interval_s", "start_s")
SCHEMA: Mapping[str, pl.DataType] = {
    "mint": pl.String(),
    "interval_s": pl.Int32(),
    "start_s": pl.Int64(),
    "open_pos": pl.Int64(),
    "open": pl.Float64(),
    "close_pos": pl.Int64(),
    "close": pl.Float64(),
    "high_pos": pl.Int64(),
    "high": pl.Float64(),
    "low_pos": pl.Int64(),
    "low": pl.Float64(),
    "volume_quote": pl.Int128(),
    "volume_quote_buy": pl.Int128(),
    "volume_token": pl.Int128(),
    "buys": pl.Int64(),
    "sells": pl.Int64(),
}
"""A candle's columns, in the order of its table."""


def finest(kind: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The candles of the shortest interval of trades of one kind, none of which is odd."""
    if "canonical" in rows.columns:
        rows = rows.filter("canonical")
    length_s = LENGTHS_S[0]
    return (
        fills(kind, rows)
        .filter(pl.col("price").is_not_null())
        .select(
            "mint",
            pl.lit(length_s, pl.Int32).alias("interval_s"),
            (pl.col("block_time_s") - pl.col("block_time_s") % length_s).alias("start_s"),
            "pos",
            "price",
            pl.col("quote_amount").cast(pl.Int128),
            pl.col("token_amount").cast(pl.Int128),
            "bought",
        )
        .group_by(KEY)
        .agg(
            pl.col("pos").min().alias("open_pos"),
            pl.col("price").get(pl.col("pos").arg_min()).alias("open"),
            pl.col("pos").max().alias("close_pos"),
            pl.col("price").get(pl.col("pos").arg_max()).alias("close"),
            _at_highest("price", "pos").alias("high_pos"),
            pl.col("price").max().alias("high"),
            _at_lowest("price", "pos").alias("low_pos"),
            pl.col("price").min().alias("low"),
            pl.col("quote_amount").sum().alias("volume_quote"),
            # Not filtered: a product is as fast as the sum.
            (pl.col("quote_amount") * pl.col("bought")).sum().alias("volume_quote_buy"),
            pl.col("token_amount").sum().alias("volume_token"),
            pl.col("bought").sum().cast(pl.Int64).alias("buys"),
            (~pl.col("bought")).sum().cast(pl.Int64).alias("sells"),
        )
        .select(*SCHEMA)
    )


def framed(candles: Mapping[Key, Candle], length_s: int) -> pl.DataFrame:
    """Those candles of an interval that the event-by-event core has made."""
    rows = [
        (*key, *(getattr(candle, name) for name in Candle.__struct_fields__))
        for key, candle in candles.items()
        if key[1] == length_s
    ]
    return pl.DataFrame(rows, schema=dict(SCHEMA), orient="row")


def folded(frames: Iterable[pl.DataFrame], length_s: int) -> pl.DataFrame:
    """Candles of an interval from those of shorter ones, or of the same one in parts."""
    return (
        pl.concat(frames)
        .with_columns(
            pl.lit(length_s, pl.Int32).alias("interval_s"),
            (pl.col("start_s") - pl.col("start_s") % length_s).alias("start_s"),
        )
        .group_by(KEY)
        .agg(
            pl.col("open_pos").min(),
            pl.col("open").get(pl.col("open_pos").arg_min()),
            pl.col("close_pos").max(),
            pl.col("close").get(pl.col("close_pos").arg_max()),
            _at_highest("high", "high_pos"),
            pl.col("high").max(),
            _at_lowest("low", "low_pos"),
            pl.col("low").min(),
            pl.col("volume_quote", "volume_quote_buy", "volume_token", "buys", "sells").sum(),
        )
        .select(*SCHEMA)
    )


def _at_highest(price: str, pos: str) -> pl.Expr:
    """The lowest position at which the highest price of the group was reached."""
    # Negated, which is exact: a column that descends takes five times as long.
    return pl.col(pos).sort_by(-pl.col(price), pos).first()


def _at_lowest(price: str, pos: str) -> pl.Expr:
    """The lowest position at which the lowest price of the group was reached."""
    return pl.col(pos).sort_by(price, pos).first()


class Gathering:
    """Gathers candles until nothing is likely to come to them any more.

    Hands each key out once, but for what comes too late: that is kept apart, to be merged.
    """

    def __init__(self) -> None:
        self.nothing = pl.DataFrame(schema=dict(SCHEMA))
        self._open = dict.fromkeys(LENGTHS_S, self.nothing)
        self._closed_until_s = dict.fromkeys(LENGTHS_S, -(1 << 62))
        self.late: list[pl.DataFrame] = []
        """Parts of candles that were handed out before."""

    def take(self, fresh: Sequence[pl.DataFrame], until_s: int) -> pl.DataFrame:
        """Add candles of the shortest interval; those that end by `until_s` are handed out."""
        closed = []
        shorter = folded(fresh, LENGTHS_S[0]) if len(fresh) > 1 else fresh[0]
        for length_s in LENGTHS_S:
            if length_s != LENGTHS_S[0]:
                shorter = folded([shorter], length_s)
            end_s = pl.col("start_s") + length_s
            is_late = end_s <= self._closed_until_s[length_s]
            self.late.append(shorter.filter(is_late))
            every = folded([self._open[length_s], shorter.filter(~is_late)], length_s)
            is_closed = end_s <= until_s
            closed.append(every.filter(is_closed))
            self._open[length_s] = every.filter(~is_closed)
            self._closed_until_s[length_s] = max(self._closed_until_s[length_s], until_s)
        self.late = [it for it in self.late if len(it)]
        return pl.concat(closed)

    def rest(self) -> pl.DataFrame:
        """What has not been handed out; nothing may be added afterwards."""
        return pl.concat(self._open.values())


def unframed(frames: Iterable[pl.DataFrame]) -> dict[Key, Candle]:
    """Candles as the event-by-event core has them; parts of one are put together."""
    every = pl.concat([pl.DataFrame(schema=dict(SCHEMA)), *frames])
    return {
        row[:3]: Candle(*row[3:])
        for length_s in LENGTHS_S
        for row in folded([every.filter(interval_s=length_s)], length_s).iter_rows()
    }
