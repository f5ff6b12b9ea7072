"""Leaderboards over whole columns are those of the event-by-event core, to the last bit."""

from collections.abc import Sequence
from random import Random

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curvetape.testing.events import curve_traded, pool_traded, recorded, sol_priced
from curvetape.testing.frames import rows_of
from curvetape.testing.tokens import token_histories
from domain.events import AnyEvent
from domain.position import LAST_TX, Position
from projections import leaderboards
from projections.buckets import HOUR_S, MINUTE_S
from projections.leaderboard_frames import KINDS, RARE, changes, columns_of, facts, is_odd
from projections.leaderboards import Changes, Leaderboards
from projections.sol_price_frames import KIND as PRICED

QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
COLUMN_MAX = (1 << 63) - 1
LONG_AGO_S = -(1 << 40)

PRICES = st.lists(
    st.builds(
        sol_priced,
        st.integers(1, 5),
        account=st.sampled_from("ab\U0001f600\uffff"),
        price=st.integers(1, 3),
        publish_time_s=st.integers(-200, 200),
        posted_slot=st.integers(1, 2),
        confidence=st.sampled_from((0, 2**64 - 1)),
    ),
    max_size=6,
    unique_by=lambda it: (it.pos, it.publish_time_s, it.posted_slot, it.account),
)


def is_kept_whole(event: AnyEvent) -> bool:
    """Whether the archive keeps it byte for byte, since a column cannot hold it."""
    values = msgspec.structs.astuple(event)
    return any(isinstance(value, int) and value > COLUMN_MAX for value in values)


def by_columns(events: Sequence[AnyEvent], after_s: int = LONG_AGO_S) -> Changes:
    """Of columns where they are exact, of the core for all other events."""
    trades: list[pl.DataFrame] = []
    prices: list[pl.DataFrame] = []
    odd = [it for it in events if it.kind not in KINDS]
    for kind in KINDS:
        of_kind = [it for it in events if it.kind == kind]
        if not of_kind:
            continue
        rows = rows_of(kind, of_kind, columns_of(kind))
        kept = pl.Series(map(is_kept_whole, of_kind), dtype=pl.Boolean)
        strange = rows.select(is_odd(kind)).to_series() | kept
        odd += [it for it, is_strange in zip(of_kind, strange, strict=True) if is_strange]
        (prices if kind == PRICED else trades).append(facts(kind, rows.filter(~strange)))
    made = changes(trades, prices, after_s=after_s)
    return leaderboards.merge(made, Leaderboards().apply(recorded(odd)))


@QUICK
@given(
    token_histories(), PRICES, st.randoms(use_true_random=False), st.sampled_from((500, 10, 3, 1))
)
def test_columns_give_the_cores_changes_in_any_order_and_batches(
    trades: list[AnyEvent], prices: list[AnyEvent], order: Random, size: int
) -> None:
    events = [*trades, *prices]
    expected = Leaderboards().apply(recorded(events))
    order.shuffle(events)
    total = Changes({}, {})
    for at in range(0, len(events), size):
        total = leaderboards.merge(total, by_columns(events[at : at + size]))
    assert total == expected


def test_what_begins_too_early_is_left_out_and_hours_that_begin_later_are_whole() -> None:
    times_s = (HOUR_S - 1, HOUR_S, HOUR_S + MINUTE_S, 2 * HOUR_S)
    trades = [curve_traded(slot, "m", block_time_s=it) for slot, it in enumerate(times_s, 1)]
    prices = [sol_priced(slot, publish_time_s=it) for slot, it in enumerate(times_s, 1)]
    events: list[AnyEvent] = [*trades, *prices]
    whole = Leaderboards().apply(recorded(events))
    for after_s in (HOUR_S - 1, HOUR_S, HOUR_S + MINUTE_S, 2 * HOUR_S):
        found = by_columns(events, after_s)
        assert found.tokens == whole.tokens
        assert found.buckets == {it: of for it, of in whole.buckets.items() if it[2] > after_s}
        assert found.prices == {it: of for it, of in whole.prices.items() if it > after_s}


def test_a_trade_that_makes_no_price_counts_and_leaves_the_prices_alone() -> None:
    trades = [
        curve_traded(slot, "m", virtual_quote_reserves=held, block_time_s=7)
        for slot, held in ((1, 0), (2, 30), (3, 40), (4, 0))
    ]
    bucket = by_columns(trades).buckets["m", MINUTE_S, 0]
    assert bucket.trades == 4
    assert (bucket.first_pos, bucket.last_pos) == tuple(it.pos.order_key for it in trades[1:3])
    bucket = by_columns(trades[:1]).buckets["m", MINUTE_S, 0]
    assert (bucket.trades, bucket.first_pos, bucket.first, bucket.last) == (1, None, None, None)


def test_volumes_add_up_beyond_what_a_column_of_the_archive_holds() -> None:
    amount = (1 << 51) - 1
    trades = [curve_traded(it, "m", quote_amount=amount, block_time_s=1) for it in range(1, 5_000)]
    assert by_columns(trades).buckets["m", HOUR_S, 0].volume_quote == 4_999 * amount > COLUMN_MAX


def test_a_pool_beside_the_canonical_one_is_in_no_bucket() -> None:
    found = by_columns([pool_traded(3, "m", canonical=False, base_supply=7)])
    assert found.buckets == {}
    assert found == Leaderboards().apply(
        recorded([pool_traded(3, "m", canonical=False, base_supply=7)])
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_that_is_none_is_left_to_the_core_which_refuses_it(kind: str) -> None:
    events: list[AnyEvent] = [curve_traded(3, "m"), pool_traded(3, "m"), sol_priced(3)]
    (event,) = (it for it in events if it.kind == kind)
    event = msgspec.structs.replace(event, pos=Position(3, LAST_TX + 1, 0, 0))
    rows = rows_of(kind, [event], columns_of(kind))
    assert rows.select(is_odd(kind)).to_series().to_list() == [True]


def test_no_kind_is_read_in_both_ways() -> None:
    assert not set(KINDS) & set(RARE)
