"""The search read model over whole columns: the same documents as event by event.

What columns give are parts of documents, and parts of what may still have to wait for the chain's
clock: they merge as `search.merge` does it, in any order.
"""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from projections.fill_frames import KINDS as TRADES
from projections.fill_frames import columns_of as fill_columns_of
from projections.fill_frames import fills
from projections.fill_frames import is_odd as is_odd_fill
from projections.group import Group
from projections.search import (
    REFRESH_S,
    Changes,
    Facts,
    Figures,
    cutoff,
    described_words,
    words,
)
from projections.token_frames import RARE as CARD_RARE

TIMED: Sequence[str] = (
    "curve.fee_swept",
    "pool.boosted",
    "pool.deposited",
    "pool.fee_swept",
    "pool.withdrawn",
    "program.reported",
    "slot.confirmed",
)
"""Kinds that move the chain's clock and say nothing else here."""
KINDS: Sequence[str] = (*TRADES, *TIMED)
"""The kinds that are read by columns."""
RARE: Sequence[str] = CARD_RARE
"""Others that say something of a document, too rare to be worth columns: those of a card do."""

_TEXT, _PLACE, _TIME_S, _UNITS = pl.String(), pl.Int64(), pl.Int64(), pl.Int128()
_IS_THERE = pl.Boolean()

FIGURES: Mapping[str, Group] = {
    "priced": Group("last", "priced_pos", {"priced_pos": _PLACE, "price": pl.Float64()}),
    "supplied": Group("last", "supplied_pos", {"supplied_pos": _PLACE, "supply_reported": _UNITS}),
    "traded": Group(
        "last",
        "traded_pos",
        {"traded_pos": _PLACE, "traded_time_s": _TIME_S, "traded_quote_mint": _TEXT},
    ),
}
"""What ranks a token. A part that knows nothing of a group has none of its columns."""
FACTS: Mapping[str, Group] = {
    "created": Group(
        "first",
        "created_pos",
        {
            "created_pos": _PLACE,
            "created_time_s": _TIME_S,
            "name": _TEXT,
            "symbol": _TEXT,
            "words": _TEXT,
            "creator": _TEXT,
            "created_quote_mint": _TEXT,
        },
    ),
    "described": Group(
        "last",
        "described_attempt",
        {
            "described_attempt": pl.Int32(),
            "description": _TEXT,
            "description_words": _TEXT,
            "has_website": _IS_THERE,
            "has_twitter": _IS_THERE,
            "has_telegram": _IS_THERE,
        },
    ),
}
"""What a token is found by, and its links."""
FIRST: Mapping[str, pl.DataType] = dict.fromkeys(
    ("completed_pos", "graduated_pos", "pool_pos"), _PLACE
)
"""Of which the lowest counts."""
KNOWN: Mapping[str, pl.DataType] = {"quote_decimals": pl.Int16()}
"""What never changes, and not every event knows."""
SUMS: Mapping[str, pl.DataType] = {"trades": pl.Int64(), "volume_quote": _UNITS}
"""What adds up."""


def _columns(groups: Mapping[str, Group]) -> Mapping[str, pl.DataType]:
    return {name: dtype for it in groups.values() for name, dtype in it.columns.items()}


DOCUMENTS: Mapping[str, pl.DataType] = {
    "mint": _TEXT,
    **_columns(FACTS),
    **FIRST,
    **_columns(FIGURES),
    **KNOWN,
    **SUMS,
}
"""The columns of a part of a document, named as in its table."""
WAITING: Mapping[str, pl.DataType] = {
    "start_s": _TIME_S,
    "mint": _TEXT,
    **_columns(FIGURES),
    **KNOWN,
    **SUMS,
}
"""The columns of a part of what may have to wait, by interval, in the order of its table."""
BURNS: Mapping[str, pl.DataType] = {"mint": _TEXT, "pos": _PLACE, "amount": _UNITS}
"""A burn's columns, in the order of its table."""
CLOCK: Mapping[str, pl.DataType] = {"single": pl.Boolean(), "latest_s": _TIME_S}
"""The clock's columns, in the order of its table: at most one row."""


def columns_of(kind: str) -> Sequence[str]:
    """The columns of the archive that a kind's parts are read from."""
    if kind in TIMED:
        return ("block_time_s",)
    supply = () if kind == "curve.traded" else ("base_supply",)
    return (*fill_columns_of(kind), "quote_mint", "quote_decimals", *supply)


def is_odd(kind: str) -> pl.Expr:
    """Of each row of a kind, whether only the event-by-event core reads it rightly.

    A supply or a time that is too large for a column looks like one that is not known: whoever
    reads columns has to know of those in another way, as the archive does.
    """
    if kind in TIMED:
        return pl.lit(value=False)
    return is_odd_fill(kind) | pl.col("quote_mint").is_null()


def latest_s(rows: pl.DataFrame) -> int:
    """The newest block time of rows of a kind; 0 where none has one."""
    found = rows["block_time_s"].max()
    return found if isinstance(found, int) and found > 0 else 0


def facts(kind: str, rows: pl.DataFrame) -> pl.DataFrame:
    """What trades of one kind, none of which is odd, say of their tokens: a row for each."""
    seen = fills(kind, rows)
    is_pool = kind == "pool.traded"
    counts, supply = pl.lit(value=True), pl.lit(None, pl.Int64)
    if is_pool:
        counts, supply = (
            pl.col("canonical"),
            pl.when("turned").then(supply).otherwise("base_supply"),
        )
    return seen.select(
        *("mint", "pos", "price", "quote_amount", "quote_mint", "quote_decimals"),
        pl.col("block_time_s").alias("time_s"),
        counts.alias("counts"),
        supply.alias("supply"),
        pl.lit(is_pool).alias("in_pool"),
    )


def parts(
    facts: Iterable[pl.DataFrame], others: Changes, latest_s: int
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Of what trades say, and of what the event-by-event core has made of all else.

    Parts of documents and of what may have to wait, burns, and the clock. Of each document, and of
    each token in each interval, there are up to two parts. `latest_s` is the newest block time of
    the trades and of whatever only moves the clock.
    """
    newest = max(latest_s, others.latest_s)
    found, waiting, burns = _framed(others, cutoff(newest))
    documents, later = [found], [waiting]
    if said := list(facts):
        seen = pl.concat(said).sort("pos")
        pooled = seen.filter(pl.col("counts") & pl.col("in_pool"))
        first = pooled.group_by("mint").agg(pl.col("pos").first().alias("pool_pos"))
        start_s = pl.col("time_s") - pl.col("time_s") % REFRESH_S
        seen = seen.with_columns(start_s.alias("start_s"))
        is_due = pl.col("start_s") < cutoff(newest)
        now = _figures(seen.filter(is_due), ["mint"]).join(first, "mint", "full", coalesce=True)
        documents.append(_typed(now, DOCUMENTS))
        later.append(_typed(_figures(seen.filter(~is_due), ["start_s", "mint"]), WAITING))
    is_some = bool(newest or others.facts or others.figures)
    clock = pl.DataFrame([(True, newest)] * is_some, schema=dict(CLOCK), orient="row")
    return pl.concat(documents), pl.concat(later), burns, clock


def _figures(seen: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Of trades in the order of the chain: what ranks each token."""
    counted = seen.filter("counts").group_by(key)
    ranked = counted.agg(
        pl.col("pos").last().alias("priced_pos"),
        pl.col("price").last(),
        pl.col("pos").last().alias("traded_pos"),
        pl.col("time_s").last().alias("traded_time_s"),
        pl.col("quote_mint").last().alias("traded_quote_mint"),
        pl.col("quote_decimals").max(),
        pl.len().cast(pl.Int64).alias("trades"),
        pl.col("quote_amount").cast(_UNITS).sum().alias("volume_quote"),
    )
    told = seen.filter(pl.col("supply").is_not_null()).group_by(key)
    supplied = told.agg(
        pl.col("pos").last().alias("supplied_pos"),
        pl.col("supply").last().alias("supply_reported"),
    )
    return ranked.join(supplied, key, "full", coalesce=True)


def _typed(found: pl.DataFrame, columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    held = set(found.columns)
    return found.select(
        (pl.col(name) if name in held else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in columns.items()
    ).with_columns(pl.col(name).fill_null(0) for name in SUMS)


def _framed(changes: Changes, cutoff_s: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Parts of documents and of what may have to wait, and burns, of the event-by-event core."""
    now, later = changes.due(cutoff_s)
    none, nothing = Facts(), Figures()
    documents = [
        (mint, *_told(changes.facts.get(mint, none)), *_ranked(now.get(mint, nothing)))
        for mint in changes.facts.keys() | now.keys()
    ]
    waiting = [(start_s, mint, *_ranked(figures)) for (mint, start_s), figures in later.items()]
    burns = [
        (mint, pos, amount)
        for mint, each in changes.facts.items()
        for pos, amount in each.burned.items()
    ]
    return (
        pl.DataFrame(documents, schema=dict(DOCUMENTS), orient="row"),
        pl.DataFrame(waiting, schema=dict(WAITING), orient="row"),
        pl.DataFrame(burns, schema=dict(BURNS), orient="row"),
    )


def _told(facts: Facts) -> Iterable[object]:
    """The values of `FACTS` and `FIRST`."""
    launch, said = facts.created, facts.described
    if launch is None:
        yield from (None,) * len(FACTS["created"].columns)
    else:
        yield from (launch.pos, launch.time_s, launch.name, launch.symbol, words(launch))
        yield from (launch.creator, launch.quote_mint)
    if said is None:
        yield from (None,) * len(FACTS["described"].columns)
    else:
        yield from (said.attempt, said.description, described_words(said))
        yield from (it is not None for it in (said.website, said.twitter, said.telegram))
    yield from (facts.completed_pos, facts.graduated_pos, facts.pool_pos)


def _ranked(figures: Figures) -> Iterable[object]:
    """The values of `FIGURES`, `KNOWN` and `SUMS`."""
    is_priced, is_supplied = figures.priced_pos >= 0, figures.supplied_pos >= 0
    yield from (figures.priced_pos, figures.price) if is_priced else (None, None)
    yield from (figures.supplied_pos, figures.supply) if is_supplied else (None, None)
    is_traded = figures.traded_pos >= 0
    yield figures.traded_pos if is_traded else None
    yield from (figures.traded_time_s, figures.quote_mint)
    yield from (figures.quote_decimals, figures.trades, figures.volume_quote)
