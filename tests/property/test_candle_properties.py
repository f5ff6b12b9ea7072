"""Candles hold their invariants whatever is traded, however it is batched, whenever it arrives."""

from math import isfinite
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from curvetape.testing.events import batches, histories, recorded
from domain.events import AnyEvent
from projections import candles
from projections.candles import Candles, Changes
from projections.price import fill
from projections.reads import INTERVALS_S

ORDERS = st.randoms(use_true_random=False)


def folded(events: list[AnyEvent], size: int) -> Changes:
    total = Changes({})
    for batch in batches(recorded(events), size):
        total = candles.merge(total, Candles().apply(batch))
    return total


@given(histories())
def test_every_candle_is_positive_finite_and_spans_its_open_and_close(
    events: list[AnyEvent],
) -> None:
    for candle in Candles().apply(recorded(events)).candles.values():
        assert 0 < candle.low <= min(candle.open, candle.close)
        assert max(candle.open, candle.close) <= candle.high
        assert isfinite(candle.high)
        assert candle.open_pos <= candle.close_pos
        for pos in (candle.high_pos, candle.low_pos):
            assert candle.open_pos <= pos <= candle.close_pos
        assert 0 <= candle.volume_quote_buy <= candle.volume_quote
        assert candle.buys + candle.sells > 0


@given(histories(), ORDERS)
def test_any_batching_and_any_order_of_arrival_fold_to_the_same_candles(
    events: list[AnyEvent], order: Random
) -> None:
    expected = Candles().apply(recorded(events))
    shuffled = list(events)
    order.shuffle(shuffled)
    for size in (1, 2, 7, 500):
        assert folded(shuffled, size) == expected


@given(histories())
def test_every_interval_counts_every_priced_trade_of_the_chart_once(
    events: list[AnyEvent],
) -> None:
    changes = Candles().apply(recorded(events))
    fills = [each for each in map(fill, events) if each is not None and each.canonical]
    priced = [each for each in fills if each.price is not None]
    assert changes.unpriced == len(fills) - len(priced)
    for length_s in INTERVALS_S.values():
        kept = [candle for key, candle in changes.candles.items() if key[1] == length_s]
        assert sum(candle.buys + candle.sells for candle in kept) == len(priced)
        assert sum(candle.volume_quote for candle in kept) == sum(x.quote_amount for x in priced)
        assert sum(candle.volume_quote_buy for candle in kept) == sum(
            x.quote_amount for x in priced if x.side == "buy"
        )
        assert sum(candle.volume_token for candle in kept) == sum(x.token_amount for x in priced)


@given(histories())
def test_every_candle_is_what_its_own_trades_make_it(events: list[AnyEvent]) -> None:
    """Against the plainest way there is: collect the prices of each interval, then look."""
    prices: dict[candles.Key, list[tuple[float, int]]] = {}
    for event in sorted(events, key=lambda event: event.pos):
        trade = fill(event)
        if trade is not None and trade.canonical and trade.price is not None:
            for length_s in INTERVALS_S.values():
                time_s = trade.event.block_time_s
                key = (trade.event.mint, length_s, time_s - time_s % length_s)
                prices.setdefault(key, []).append((trade.price, event.pos.order_key))
    kept = Candles().apply(recorded(events)).candles
    assert {
        key: (
            (c.open, c.open_pos),
            (c.high, c.high_pos),
            (c.low, c.low_pos),
            (c.close, c.close_pos),
        )
        for key, c in kept.items()
    } == {
        key: (seen[0], max(seen, key=_height), min(seen), seen[-1]) for key, seen in prices.items()
    }


def _height(priced: tuple[float, int]) -> tuple[float, int]:
    price, pos = priced
    return price, -pos


@given(histories(), st.integers(0, 40))
def test_merging_leaves_both_changes_as_they_were(events: list[AnyEvent], cut: int) -> None:
    first, second = Candles().apply(recorded(events[:cut])), Candles().apply(recorded(events[cut:]))
    before = repr((first, second))
    candles.merge(first, second)
    assert repr((first, second)) == before
