"""The tokens read model over whole columns: the same cards as event by event.

What columns give are parts of cards, as a `TokenChange` is: parts of a token's card merge as
`tokens.merge` does it, in any order.
"""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl
from msgspec.structs import astuple

from projections.fill_frames import KINDS as TRADES
from projections.fill_frames import RARE as RARE_TRADES
from projections.fill_frames import columns_of as fill_columns_of
from projections.fill_frames import fills
from projections.fill_frames import is_odd as is_odd_fill
from projections.group import Group
from projections.token_change import TokenChange
from projections.tokens import Changes

KINDS: Sequence[str] = TRADES
"""The kinds that are read by columns."""
RARE: Sequence[str] = (
    *RARE_TRADES,
    "curve.completed",
    "curve.repriced",
    "pool.burned",
    "pool.created",
    "token.created",
    "token.described",
    "token.migrated",
)
"""Others that say something of a card, too rare to be worth columns."""

_TEXT, _PLACE, _TIME_S, _UNITS = pl.String(), pl.Int64(), pl.Int64(), pl.Int128()
_PRICE, _DECIMALS, _COUNT = pl.Float64(), pl.Int16(), pl.Int64()


GROUPS: Mapping[str, Group] = {
    "created": Group(
        "first",
        "created_pos",
        {
            "created_pos": _PLACE,
            "created_time_s": _TIME_S,
            "name": _TEXT,
            "symbol": _TEXT,
            "uri": _TEXT,
            "creator": _TEXT,
            "bonding_curve": _TEXT,
            "created_quote_mint": _TEXT,
            "initial_real_token_reserves": _UNITS,
            "created_user": _TEXT,
            "created_supply": _UNITS,
        },
    ),
    "priced": Group(
        "last",
        "priced_pos",
        {
            "priced_pos": _PLACE,
            "price": _PRICE,
            "virtual_quote_reserves": _UNITS,
            "virtual_token_reserves": _UNITS,
            "held_quote_reserves": _UNITS,
        },
    ),
    "curve_reserves": Group(
        "last",
        "curve_pos",
        {"curve_pos": _PLACE, "real_quote_reserves": _UNITS, "real_token_reserves": _UNITS},
    ),
    "supplied": Group("last", "supplied_pos", {"supplied_pos": _PLACE, "supply_reported": _UNITS}),
    "completed": Group(
        "first", "completed_pos", {"completed_pos": _PLACE, "completed_time_s": _TIME_S}
    ),
    "graduated": Group(
        "first",
        "graduated_pos",
        {
            "graduated_pos": _PLACE,
            "graduated_time_s": _TIME_S,
            "graduated_pool": _TEXT,
            "graduated_token_amount": _UNITS,
            "graduated_quote_amount": _UNITS,
            "graduated_fee_amount": _UNITS,
        },
    ),
    "pooled": Group("first", "pool_pos", {"pool_pos": _PLACE, "pool": _TEXT}),
    "first_trade": Group(
        "first",
        "first_trade_pos",
        {"first_trade_pos": _PLACE, "first_trade_time_s": _TIME_S},
    ),
    "last_trade": Group(
        "last",
        "last_trade_pos",
        {
            "last_trade_pos": _PLACE,
            "last_trade_time_s": _TIME_S,
            "last_trade_quote_mint": _TEXT,
        },
    ),
    "high": Group(
        "highest",
        "high_price",
        {
            "high_pos": _PLACE,
            "high_time_s": _TIME_S,
            "high_price": _PRICE,
            "high_supply_reported": _UNITS,
        },
    ),
    "described": Group(
        "last",
        "described_attempt",
        {
            "described_attempt": pl.Int32(),
            "description": _TEXT,
            "image": _TEXT,
            "twitter": _TEXT,
            "telegram": _TEXT,
            "website": _TEXT,
        },
    ),
}
"""By field of `TokenChange`, with columns in the order of its own. A part that knows nothing of a
group has none of its columns."""
KNOWN: Mapping[str, pl.DataType] = {"quote_decimals": _DECIMALS, "token_decimals": _DECIMALS}
"""What never changes, and not every event knows."""
SUMS: Mapping[str, pl.DataType] = {
    "trades": _COUNT,
    "buys": _COUNT,
    "sells": _COUNT,
    "volume_quote": _UNITS,
}
"""What adds up."""
CARDS: Mapping[str, pl.DataType] = {
    "mint": _TEXT,
    **{name: dtype for group in GROUPS.values() for name, dtype in group.columns.items()},
    **KNOWN,
    **SUMS,
}
"""The columns of a part of a card, named as in its table."""
BURNS: Mapping[str, pl.DataType] = {"mint": _TEXT, "pos": _PLACE, "amount": _UNITS}
"""A burn's columns, in the order of its table."""
REPORTS: Mapping[str, pl.DataType] = {
    "mint": _TEXT,
    "pos": _PLACE,
    "price": _PRICE,
    "virtual_quote_reserves": _UNITS,
    "virtual_token_reserves": _UNITS,
    "held_quote_reserves": _UNITS,
    "real_token_reserves": _UNITS,
    "supply": _UNITS,
}
"""A report's columns, in the order of its table."""

_NEEDED: Mapping[str, Sequence[str]] = {
    "curve.traded": ("quote_mint", "real_quote_reserves", "real_token_reserves"),
    "pool.traded": ("pool",),
}
_MAYBE: Mapping[str, Sequence[str]] = {
    "curve.traded": ("quote_decimals", "token_decimals"),
    "pool.traded": ("quote_decimals", "base_decimals", "base_supply"),
}


def columns_of(kind: str) -> Sequence[str]:
    """The columns of the archive that a kind's parts of cards are read from."""
    return (*fill_columns_of(kind), *_NEEDED[kind], *_MAYBE[kind])


def is_odd(kind: str) -> pl.Expr:
    """Of each row of a kind, whether only the event-by-event core reads it rightly.

    A supply that is too large for a column looks like one that is not known: whoever reads columns
    has to know of those in another way, as the archive does.
    """
    return pl.any_horizontal(is_odd_fill(kind), *(pl.col(it).is_null() for it in _NEEDED[kind]))


def facts(kind: str, rows: pl.DataFrame) -> pl.DataFrame:
    """What trades of one kind, none of which is odd, say of their tokens: a row for each."""
    seen = fills(kind, rows)
    nothing = pl.lit(None, pl.Int64)
    if kind == "curve.traded":
        own = (
            pl.lit(value=True).alias("counts"),
            pl.col("real_quote_reserves").alias("held"),
            pl.col("real_quote_reserves").alias("curve_quote"),
            pl.col("real_token_reserves").alias("curve_token"),
            pl.lit(None, pl.String).alias("pool"),
            nothing.alias("supply"),
            pl.col("token_decimals"),
        )
    else:
        of_base = pl.col("mint") == pl.col("base_mint")
        virtual = pl.when("turned").then(0).otherwise("virtual_quote_reserves")
        own = (
            pl.col("canonical").alias("counts"),
            (pl.col("quote_reserves") - virtual).alias("held"),
            nothing.alias("curve_quote"),
            nothing.alias("curve_token"),
            pl.col("pool"),
            pl.when(of_base).then("base_supply").alias("supply"),
            pl.col("base_decimals").alias("token_decimals"),
        )
    return seen.select(
        *("mint", "pos", "bought", "price", "quote_reserves", "token_reserves"),
        *("quote_amount", "quote_mint", "quote_decimals"),
        pl.col("block_time_s").alias("time_s"),
        *own,
    )


def cards(facts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """What trades say, in any order, as parts of cards: one of each token."""
    parts = list(facts)
    if not parts:
        return pl.DataFrame(schema=dict(CARDS))
    seen = pl.concat(parts).sort("pos")
    found = seen.select("mint").unique()
    for part in _parts(seen):
        found = found.join(part, on="mint", how="left")
    found = found.with_columns(pl.col(name).fill_null(0) for name in SUMS)
    held = set(found.columns)
    return found.select(
        (pl.col(name) if name in held else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in CARDS.items()
    )


def framed(changes: Changes) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Parts of cards, burns and reports that the event-by-event core has made."""
    rows = [_row(mint, change) for mint, change in changes.items()]
    burns = [
        (mint, pos, amount)
        for mint, change in changes.items()
        for pos, amount in change.burned.items()
    ]
    reports = [
        (mint, pos, *astuple(said))
        for mint, change in changes.items()
        for pos, said in change.reported.items()
    ]
    return (
        pl.DataFrame(rows, schema=dict(CARDS), orient="row"),
        pl.DataFrame(burns, schema=dict(BURNS), orient="row"),
        pl.DataFrame(reports, schema=dict(REPORTS), orient="row"),
    )


def _parts(seen: pl.DataFrame) -> Iterable[pl.DataFrame]:
    """Of trades in the order of the chain: what each group of a card is, by token."""
    counted = seen.filter("counts")
    bought = pl.col("bought").cast(pl.Int64)
    yield counted.group_by("mint").agg(
        pl.col("pos").last().alias("priced_pos"),
        pl.col("price").last(),
        pl.col("quote_reserves").last().alias("virtual_quote_reserves"),
        pl.col("token_reserves").last().alias("virtual_token_reserves"),
        pl.col("held").last().alias("held_quote_reserves"),
        pl.col("pos").first().alias("first_trade_pos"),
        pl.col("time_s").first().alias("first_trade_time_s"),
        pl.col("pos").last().alias("last_trade_pos"),
        pl.col("time_s").last().alias("last_trade_time_s"),
        pl.col("quote_mint").last().alias("last_trade_quote_mint"),
        pl.col("quote_decimals").max(),
        pl.col("token_decimals").max(),
        pl.len().cast(pl.Int64).alias("trades"),
        bought.sum().alias("buys"),
        (1 - bought).sum().alias("sells"),
        pl.col("quote_amount").cast(_UNITS).sum().alias("volume_quote"),
    )
    in_curve = counted.filter(pl.col("curve_token").is_not_null())
    yield in_curve.group_by("mint").agg(
        pl.col("pos").last().alias("curve_pos"),
        pl.col("curve_quote").last().alias("real_quote_reserves"),
        pl.col("curve_token").last().alias("real_token_reserves"),
    )
    in_pool = counted.filter(pl.col("pool").is_not_null())
    yield in_pool.group_by("mint").agg(
        pl.col("pos").first().alias("pool_pos"), pl.col("pool").first()
    )
    supplied = seen.filter(pl.col("supply").is_not_null())
    yield supplied.group_by("mint").agg(
        pl.col("pos").last().alias("supplied_pos"),
        pl.col("supply").last().alias("supply_reported"),
    )
    price = pl.col("price")
    highest = counted.filter(price.is_not_null()).filter(price == price.max().over("mint"))
    yield highest.group_by("mint").agg(
        pl.col("pos").first().alias("high_pos"),
        pl.col("time_s").first().alias("high_time_s"),
        price.first().alias("high_price"),
        pl.col("supply").first().alias("high_supply_reported"),
    )


def _row(mint: str, change: TokenChange) -> tuple[object, ...]:
    values: list[object] = [mint]
    for name, group in GROUPS.items():
        fact, width = getattr(change, name), len(group.columns)
        values += (None,) * width if fact is None else astuple(fact)[:width]
    values += [getattr(change, name) for name in (*KNOWN, *SUMS)]
    return tuple(values)
