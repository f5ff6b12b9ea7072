"""Cards and buckets come out the same however events are batched, whenever they arrive."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from curvetape.testing.events import batches, histories, recorded
from domain.events import AnyEvent
from projections import leaderboards
from projections.buckets import HOUR_S, LENGTHS_S, MINUTE_S, Bucket, total
from projections.leaderboards import Changes, Leaderboards
from projections.price import Fill, fill
from projections.tokens import Tokens
from projections.windows import WINDOWS_S, Span, Window, span_at

ORDERS = st.randoms(use_true_random=False)
WINDOWS = st.sampled_from(list(WINDOWS_S))
MOMENTS = st.integers(min_value=0, max_value=2**32)


def counted(events: list[AnyEvent]) -> list[Fill]:
    """The trades that count, in the order of the chain."""
    fills = [each for each in map(fill, events) if each is not None and each.canonical]
    return sorted(fills, key=lambda each: each.event.pos)


@given(histories(), ORDERS)
def test_any_batching_and_any_order_of_arrival_merge_to_the_same(
    events: list[AnyEvent], order: Random
) -> None:
    expected = Leaderboards().apply(recorded(events))
    shuffled = list(events)
    order.shuffle(shuffled)
    for size in (1, 2, 7, 500):
        merged = Changes({}, {})
        for batch in batches(recorded(shuffled), size):
            merged = leaderboards.merge(merged, Leaderboards().apply(batch))
        assert merged == expected


@given(histories())
def test_every_bucket_is_what_its_own_trades_make_it(events: list[AnyEvent]) -> None:
    """Against the plainest way there is: collect the trades of each bucket, then look."""
    trades: dict[tuple[str, int, int], list[Fill]] = {}
    for trade in counted(events):
        time_s = trade.event.block_time_s
        for length_s in LENGTHS_S:
            key = (trade.event.mint, length_s, time_s - time_s % length_s)
            trades.setdefault(key, []).append(trade)
    kept = Leaderboards().apply(recorded(events)).buckets
    assert kept.keys() == trades.keys()
    for key, made in trades.items():
        priced = [(each.event.pos.order_key, each.price) for each in made if each.price is not None]
        first, last = (priced[0], priced[-1]) if priced else ((None, None), (None, None))
        assert kept[key] == Bucket(
            volume_quote=sum(each.quote_amount for each in made),
            buys=sum(each.side == "buy" for each in made),
            sells=sum(each.side == "sell" for each in made),
            first_pos=first[0],
            first=first[1],
            last_pos=last[0],
            last=last[1],
        )


@given(histories())
def test_cards_are_those_of_the_tokens_read_model(events: list[AnyEvent]) -> None:
    assert Leaderboards().apply(recorded(events)).tokens == Tokens().apply(recorded(events))


@given(histories(), st.integers(0, 40))
def test_merging_leaves_both_changes_alone(events: list[AnyEvent], cut: int) -> None:
    first = Leaderboards().apply(recorded(events[:cut]))
    second = Leaderboards().apply(recorded(events[cut:]))
    before = repr((first, second))
    leaderboards.merge(first, second)
    assert repr((first, second)) == before


@given(WINDOWS, MOMENTS)
def test_stretches_hold_each_minute_of_a_window_once_and_no_other(
    window: Window, at_s: int
) -> None:
    span = span_at(window, at_s)
    held = [
        minute_s
        for each in span.stretches()
        for start_s in range(each.from_s, each.to_s, each.length_s)
        for minute_s in range(start_s, start_s + each.length_s, MINUTE_S)
    ]
    assert held == sorted(span.minutes())
    assert len(held) * MINUTE_S == WINDOWS_S[window]
    assert len(span.stretches()) <= 3
    assert all(each.from_s % each.length_s == 0 for each in span.stretches())


@given(WINDOWS, MOMENTS, st.integers(0, 90_000))
def test_a_trade_counts_until_it_is_as_old_as_the_window_less_a_minute_at_most(
    window: Window, at_s: int, age_s: int
) -> None:
    minute_s = (at_s - age_s) // MINUTE_S * MINUTE_S
    counts = minute_s in span_at(window, at_s).minutes()
    if age_s >= WINDOWS_S[window]:
        assert not counts
    if age_s <= WINDOWS_S[window] - MINUTE_S:
        assert counts


@given(histories(), WINDOWS, st.integers(0, 90_000))
def test_a_window_of_hours_and_minutes_holds_what_its_minutes_hold(
    events: list[AnyEvent], window: Window, later_s: int
) -> None:
    buckets = Leaderboards().apply(recorded(events)).buckets
    trades = counted(events)
    at_s = (trades[-1].event.block_time_s if trades else 0) + later_s
    span = span_at(window, at_s)
    for mint in {key[0] for key in buckets}:
        by_minutes = total(
            bucket
            for (of, length_s, start_s), bucket in buckets.items()
            if (of, length_s) == (mint, MINUTE_S) and start_s in span.minutes()
        )
        by_stretches = total(
            bucket
            for (of, length_s, start_s), bucket in buckets.items()
            for each in span.stretches()
            if (of, length_s) == (mint, each.length_s) and each.from_s <= start_s < each.to_s
        )
        assert by_stretches == by_minutes


def test_a_span_of_whole_hours_is_made_of_hours_alone() -> None:
    stretches = Span(HOUR_S, 3 * HOUR_S).stretches()
    assert [(each.length_s, each.from_s, each.to_s) for each in stretches] == [
        (HOUR_S, HOUR_S, 3 * HOUR_S)
    ]
