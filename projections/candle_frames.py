"""The candles read model over whole columns: the same rows as event by event, many times faster.

For rebuilds from the archive. Prices are the same to the last bit: what is not exact in columns of
float64 is left to the event-by-event core, and `is_odd` says what that is.
"""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from domain.position import Position
from projections.candles import Candle, Key
from projections.reads import INTERVALS_S

LENGTHS_S: Sequence[int] = sorted(INTERVALS_S.values())

EXACT_MAX = 1 << 53
"""Integers up to here are floats of the same value, so that their quotient is rounded once, as
Python rounds that of integers of any size."""

KEY = ("mint", "interval_s", "start_s")
SCHEMA: Mapping[str, pl.DataType] = {
    "mint": pl.String(),
    "interval_s": pl.Int32(),
    "start_s": pl.Int64(),
    "open_pos": pl.Int64(),
    "open": pl.Float64(),
    "close_pos": pl.Int64(),
    "close": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "volume_quote": pl.Int128(),
    "volume_token": pl.Int128(),
    "buys": pl.Int64(),
    "sells": pl.Int64(),
}
"""A candle's columns, in the order of its table."""

_PLACE = ("slot", "tx_index", "outer_index", "inner_index")
_LIMITS = [
    limit + 1
    for limit in (
        Position.from_order_key((1 << 63) - 1).slot,
        Position.from_order_key((1 << 63) - 1).tx,
        Position.from_order_key((1 << 63) - 1).outer,
        Position.from_order_key((1 << 63) - 1).inner,
    )
]
_AMOUNTS: Mapping[str, Sequence[str]] = {
    "curve.traded": (
        *("quote_amount", "token_amount", "virtual_quote_reserves", "virtual_token_reserves"),
    ),
    "pool.traded": (
        *("quote_amount", "base_amount", "pool_base_reserves", "pool_quote_reserves"),
        *("virtual_quote_reserves", "pool_quote_delta"),
    ),
}
_TEXTS: Mapping[str, Sequence[str]] = {
    "curve.traded": ("mint", "side"),
    "pool.traded": ("mint", "side", "base_mint", "quote_mint", "canonical"),
}
KINDS: Sequence[str] = tuple(_AMOUNTS)
"""The kinds whose columns are known here; any other kind is odd."""


def columns_of(kind: str) -> Sequence[str]:
    """The columns of the archive that a kind's trades are read from."""
    return (*_PLACE, "block_time_s", *_TEXTS[kind], *_AMOUNTS[kind])


def is_odd(kind: str) -> pl.Expr:
    """Of each row of a kind, whether only the event-by-event core reads it rightly."""
    odd = pl.lit(value=False)
    for name in _AMOUNTS[kind]:
        # A quarter of what is exact, so that sums of three are exact as well.
        odd |= pl.col(name).is_null() | (pl.col(name).abs() > EXACT_MAX // 4)
    for name in (*_TEXTS[kind], "block_time_s"):
        odd |= pl.col(name).is_null()
    for name, limit in zip(_PLACE, _LIMITS, strict=True):
        odd |= ~pl.col(name).is_between(0, limit - 1)
    return odd


def finest(kind: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The candles of the shortest interval of trades of one kind, none of which is odd."""
    fills = _curve_fills(rows) if kind == "curve.traded" else _pool_fills(rows)
    length_s = LENGTHS_S[0]
    return (
        fills.filter((pl.col("quote_reserves") > 0) & (pl.col("token_reserves") > 0))
        .select(
            "mint",
            pl.lit(length_s, pl.Int32).alias("interval_s"),
            (pl.col("block_time_s") - pl.col("block_time_s") % length_s).alias("start_s"),
            _order_key().alias("pos"),
            (
                pl.col("quote_reserves").cast(pl.Float64)
                / pl.col("token_reserves").cast(pl.Float64)
            ).alias("price"),
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
            pl.col("price").max().alias("high"),
            pl.col("price").min().alias("low"),
            pl.col("quote_amount").sum().alias("volume_quote"),
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
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("volume_quote", "volume_token", "buys", "sells").sum(),
        )
        .select(*SCHEMA)
    )


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
    return rows.filter("canonical").with_columns(
        (bought ^ turned).alias("bought"),
        pl.when(turned).then(base).otherwise(quote).alias("quote_reserves"),
        pl.when(turned).then(quote).otherwise(base).alias("token_reserves"),
        pl.when(turned).then(amounts[1]).otherwise(amounts[0]).alias("quote_amount"),
        pl.when(turned).then(amounts[0]).otherwise(amounts[1]).alias("token_amount"),
    )


def _order_key() -> pl.Expr:
    """See `Position.order_key`."""
    key = pl.col(_PLACE[0])
    for name, limit in zip(_PLACE[1:], _LIMITS[1:], strict=True):
        key = key * limit + pl.col(name)
    return key
