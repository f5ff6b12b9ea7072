"""Portfolios over whole columns are those of the event-by-event core and of the fold."""

from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import numpy as np
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curvetape.testing.events import curve_traded, pool_traded, recorded
from curvetape.testing.frames import rows_of
from curvetape.testing.holders import holder_histories, turned
from curvetape.testing.portfolios import MemoryLedger, wallets_histories
from domain.events import AnyEvent
from domain.position import LAST_TX, Position
from domain.programs import NATIVE_SOL, WRAPPED_SOL
from projections.fill_frames import KINDS
from projections.portfolio_frames import TRADES, columns_of, framed, is_odd, trades
from projections.portfolios import Changes, Pair, Portfolios
from projections.position_frames import Folded, folded
from projections.sale_columns import QUOTE_MAX, TOKENS_MAX, quotients
from projections.wallet_position import DAY_S, Day, WalletPosition, WalletTrade

QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
COLUMN_MAX = (1 << 63) - 1
HISTORIES = st.one_of(wallets_histories(), holder_histories())
LONG = st.sampled_from((0, 1, 3, 100))
"""How many positions are folded trade by trade, whatever they hold."""


def by_columns(events: Sequence[AnyEvent]) -> pl.DataFrame:
    """Of columns where they are exact, of the core for all other events."""
    parts, odd = [], [it for it in events if it.kind not in KINDS]
    for kind in KINDS:
        of_kind: list[Any] = [it for it in events if it.kind == kind]
        rows = rows_of(kind, of_kind, columns_of(kind))
        # Of an event with such fees the archive keeps the bytes, so it is read as an event.
        kept = [any((getattr(it, name, None) or 0) > COLUMN_MAX for name in FEES) for it in of_kind]
        strange = rows.select(is_odd(kind)).to_series() | pl.Series(kept, dtype=pl.Boolean)
        odd += [it for it, is_strange in zip(of_kind, strange, strict=True) if is_strange]
        parts.append(trades(kind, rows.filter(~strange)))
    return pl.concat([*parts, framed(Portfolios().apply(recorded(odd)))])


FEES = ("fee", "creator_fee", "cashback")


def unframed(rows: pl.DataFrame) -> Changes:
    changes: Changes = {}
    for wallet, mint, quote_mint, *rest in rows.sort("pos").iter_rows():
        changes.setdefault((wallet, mint, quote_mint), []).append(WalletTrade(*rest))
    return changes


def ledger_of(changes: Changes) -> MemoryLedger:
    ledger = MemoryLedger()
    ledger.save(changes)
    return ledger


def holds(made: Folded, ledger: MemoryLedger) -> None:
    positions = {
        (wallet, mint, quote_mint): WalletPosition(*rest)
        for wallet, mint, quote_mint, *rest in made.positions.iter_rows()
    }
    assert positions == ledger.positions
    assert len(made.positions) == len(positions)
    days = {tuple(key): Day(*rest) for *key, rest in rows_by_day(made.days)}
    assert days == ledger.days
    assert len(made.days) == len(days)


def rows_by_day(days: pl.DataFrame) -> list[tuple[Any, ...]]:
    return [(*row[:3], row[3:]) for row in days.iter_rows()]


@QUICK
@given(HISTORIES, st.randoms(use_true_random=False), st.sampled_from((1, 3, 10, 500)), LONG)
def test_columns_give_the_cores_portfolios_in_any_order_and_batches(
    events: list[AnyEvent], order: Random, size: int, long_max: int
) -> None:
    expected = Portfolios().apply(recorded(events))
    order.shuffle(events)
    parts = [by_columns(events[at : at + size]) for at in range(0, len(events), size)]
    rows = pl.concat(parts)
    assert unframed(rows) == expected
    holds(folded(rows, long_max=long_max), ledger_of(expected))


PAIRS: Sequence[Pair] = [
    (wallet, mint, quote) for wallet in ("ann", "bob") for mint in "mn" for quote in "st"
]
SIZES = st.sampled_from((3, 1_000, TOKENS_MAX // 40, TOKENS_MAX, 2**64))
QUOTES = st.sampled_from((3, 1_000, QUOTE_MAX // 40, QUOTE_MAX, 2**64))


@st.composite
def wallets_trades(draw: st.DrawFn) -> Changes:
    """Trades of some pairs about as large as each other, on a few days."""
    changes: Changes = {}
    tokens, quotes = st.integers(0, draw(SIZES)), st.integers(0, draw(QUOTES))
    for pos in range(1, draw(st.integers(2, 60))):
        time_s = pos * draw(st.integers(0, DAY_S // 9))
        fee = draw(st.one_of(st.none(), st.integers(-5, 5)))
        trade = WalletTrade(pos, time_s, draw(st.booleans()), draw(tokens), draw(quotes), fee)
        if not trade.bought and draw(st.booleans()):
            # Fees may be more than what a market gave.
            trade = msgspec.structs.replace(trade, quote_amount=-trade.quote_amount)
        changes.setdefault(draw(st.sampled_from(PAIRS)), []).append(trade)
    return changes


@QUICK
@given(wallets_trades(), st.integers(0, 2**32), LONG)
def test_whole_columns_fold_to_the_same_positions_and_days(
    changes: Changes, seed: int, long_max: int
) -> None:
    rows = framed(changes).sample(fraction=1.0, shuffle=True, seed=seed)
    holds(folded(rows, long_max=long_max), ledger_of(changes))


@QUICK
@given(wallets_trades(), LONG)
def test_wallets_may_be_folded_by_themselves(changes: Changes, long_max: int) -> None:
    rows, ledger = framed(changes), ledger_of(changes)
    parts = [folded(of, long_max=long_max) for of in rows.partition_by("wallet")]
    empty = folded(rows.clear())
    positions, days = (
        pl.concat([getattr(it, name) for it in (empty, *parts)]) for name in ("positions", "days")
    )
    holds(Folded(positions, days), ledger)


@given(st.data())
def test_quotients_are_rounded_down_however_large_the_product(data: st.DataObject) -> None:
    factors = st.one_of(st.integers(-QUOTE_MAX, QUOTE_MAX), st.just(QUOTE_MAX), st.just(-QUOTE_MAX))
    wholes = st.one_of(st.integers(1, TOKENS_MAX), st.integers(TOKENS_MAX - 9, TOKENS_MAX))
    drawn = []
    for _ in range(data.draw(st.integers(1, 20))):
        whole = data.draw(wholes)
        part = data.draw(st.one_of(st.integers(0, whole), st.integers(max(0, whole - 3), whole)))
        drawn.append((data.draw(factors), part, whole))
    columns = [np.array(of, np.int64) for of in zip(*drawn, strict=True)]
    expected = [factor * part // whole for factor, part, whole in drawn]
    assert quotients(*columns).tolist() == expected


def test_fees_come_on_top_of_a_buy_and_off_a_sale_of_a_curve_where_they_are_known() -> None:
    told = {"quote_amount": COLUMN_MAX, "fee": COLUMN_MAX, "creator_fee": None, "cashback": 5}
    rows = by_columns(
        [
            curve_traded(1, "m", side="buy", **told),
            curve_traded(2, "m", side="sell", **told),
            curve_traded(3, "m", side="buy", **told | {"fee": None}),
        ]
    )
    assert rows.sort("pos").select("quote_amount", "fee_amount").rows() == [
        (2 * COLUMN_MAX + 5, COLUMN_MAX + 5),
        (-5, COLUMN_MAX + 5),
        (COLUMN_MAX, None),
    ]


def test_what_a_pool_calls_its_quote_is_bought_by_a_sale_of_its_base() -> None:
    event = pool_traded(
        3, "m", side="sell", user="ann", base_amount=5, user_quote_amount=11, **turned("m")
    )
    (row,) = by_columns([event]).rows()
    assert event.base_mint == WRAPPED_SOL
    assert row[:3] == ("ann", "m", NATIVE_SOL)
    assert row[list(TRADES).index("bought") :] == (True, 11, 5, 0)


def test_a_place_that_is_none_is_left_to_the_core_which_refuses_it() -> None:
    event = curve_traded(3, "m")
    event = msgspec.structs.replace(event, pos=Position(3, LAST_TX + 1, 0, 0))
    rows = rows_of("curve.traded", [event], columns_of("curve.traded"))
    assert rows.select(is_odd("curve.traded")).to_series().to_list() == [True]
