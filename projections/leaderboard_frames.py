"""The leaderboards read model over whole columns: the same changes as event by event.

Cards are those of `token_frames`, with the quote of a token's first trade, which no table has.
"""

from collections.abc import Sequence

import polars as pl

from projections import token_frames
from projections.buckets import LENGTHS_S, MINUTE_S, Bucket, Key
from projections.leaderboards import Changes, Prices
from projections.sol_price_frames import KIND as PRICED
from projections.sol_price_frames import RANK
from projections.sol_price_frames import SCHEMA as PRICE
from projections.sol_price_frames import columns_of as price_columns_of
from projections.sol_price_frames import is_odd as is_odd_price
from projections.sol_price_frames import placed as placed_prices
from projections.sol_prices import SolPrice
from projections.token_change import (
    CurveReserves,
    High,
    Pooled,
    Priced,
    Supplied,
    TokenChange,
    Traded,
)
from projections.token_frames import GROUPS, KNOWN, SUMS

KINDS: Sequence[str] = (*token_frames.KINDS, PRICED)
"""The kinds that are read by columns."""
RARE: Sequence[str] = token_frames.RARE
"""Others that say something of a card, too rare to be worth columns."""

_FACTS = {
    "priced": Priced,
    "curve_reserves": CurveReserves,
    "supplied": Supplied,
    "pooled": Pooled,
    "last_trade": Traded,
    "high": High,
}
"""Facts that trades tell, with the fields of their groups of columns."""
_FIRST_QUOTE = "first_trade_quote_mint"
_FIRST = (*GROUPS["first_trade"].columns, _FIRST_QUOTE)
_PLAIN = (*KNOWN, *SUMS)


def columns_of(kind: str) -> Sequence[str]:
    """The columns of the archive that a kind's changes are read from."""
    return price_columns_of() if kind == PRICED else token_frames.columns_of(kind)


def is_odd(kind: str) -> pl.Expr:
    """Of each row of a kind, whether only the event-by-event core reads it rightly."""
    return is_odd_price() if kind == PRICED else token_frames.is_odd(kind)


def facts(kind: str, rows: pl.DataFrame) -> pl.DataFrame:
    """What events of one kind, none of which is odd, say of tokens or of SOL: a row for each."""
    return placed_prices(rows) if kind == PRICED else token_frames.facts(kind, rows)


def changes(
    trades: Sequence[pl.DataFrame], prices: Sequence[pl.DataFrame], *, after_s: int
) -> Changes:
    """What facts of trades and of prices come to, in whichever order they are.

    Buckets and prices that begin at `after_s`, in seconds since 1970, or before are left out.
    """
    if not trades:
        return Changes({}, {}, _prices(prices, after_s))
    seen = pl.concat(trades).sort("pos")
    return Changes(_cards(seen), _buckets(seen, after_s), _prices(prices, after_s))


def _cards(seen: pl.DataFrame) -> dict[str, TokenChange]:
    first_quotes = (
        seen.filter("counts").group_by("mint").agg(pl.col("quote_mint").first().alias(_FIRST_QUOTE))
    )
    cards = token_frames.cards([seen]).join(first_quotes, on="mint", how="left")
    found = {
        mint: TokenChange(**dict(zip(_PLAIN, values, strict=True)))
        for mint, *values in cards.select("mint", *_PLAIN).iter_rows()
    }
    for name, fact in _FACTS.items():
        columns = GROUPS[name].columns
        for mint, *values in cards.select("mint", *columns).drop_nulls(GROUPS[name].by).iter_rows():
            setattr(found[mint], name, fact(*values))
    for mint, *values in cards.select("mint", *_FIRST).drop_nulls(_FIRST[0]).iter_rows():
        found[mint].first_trade = Traded(*values)
    return found


def _buckets(seen: pl.DataFrame, after_s: int) -> dict[Key, Bucket]:
    """Of trades in the order of the chain."""
    bought = pl.col("bought").cast(pl.Int64)
    is_priced = pl.col("price").is_not_null()
    found: dict[Key, Bucket] = {}
    for length_s in LENGTHS_S:
        counted = seen.filter("counts").with_columns(_start(pl.col("time_s"), length_s))
        rows = (
            counted.filter(pl.col("start_s") > after_s)
            .group_by("mint", "start_s")
            .agg(
                pl.col("quote_amount").cast(pl.Int128).sum(),
                bought.sum().alias("buys"),
                (1 - bought).sum().alias("sells"),
                pl.col("pos").filter(is_priced).first().alias("first_pos"),
                pl.col("price").filter(is_priced).first().alias("first"),
                pl.col("pos").filter(is_priced).last().alias("last_pos"),
                pl.col("price").filter(is_priced).last().alias("last"),
            )
        )
        for mint, start_s, *values in rows.iter_rows():
            found[mint, length_s, start_s] = Bucket(*values)
    return found


def _prices(placed: Sequence[pl.DataFrame], after_s: int) -> Prices:
    """The last price of each minute, by its place and then by its rank."""
    if not placed:
        return {}
    started = pl.concat(placed).with_columns(_start(pl.col("publish_time_s"), MINUTE_S))
    rows = (
        started.filter(pl.col("start_s") > after_s)
        .sort("pos", *RANK)
        .group_by("start_s")
        .agg(pl.col(name).last() for name in PRICE)
    )
    return {start_s: SolPrice(*values) for start_s, *values in rows.iter_rows()}


def _start(time_s: pl.Expr, length_s: int) -> pl.Expr:
    return (time_s // length_s * length_s).alias("start_s")
