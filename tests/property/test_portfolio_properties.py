"""Portfolios come out the same however trades arrive, and as the plainest bookkeeping has them."""

from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from curvetape.testing.events import batches, recorded
from curvetape.testing.forks import forked
from curvetape.testing.portfolios import MemoryLedger, wallets_histories
from domain.events import AnyEvent
from projections import portfolios
from projections.portfolios import Changes, Pair, Portfolios
from projections.price import fill
from projections.settling import Settling
from projections.wallet_position import DAY_S, Day

ORDERS = st.randoms(use_true_random=False)


def ledger_of(events: list[AnyEvent], size: int) -> MemoryLedger:
    ledger = MemoryLedger()
    for batch in batches(recorded(events), size):
        ledger.save(Portfolios().apply(batch))
    return ledger


def held(ledger: MemoryLedger) -> tuple[object, object, object]:
    return ledger.trades, ledger.positions, ledger.days


def in_order(events: list[AnyEvent]) -> Changes:
    return Portfolios().apply(recorded(events))


@given(wallets_histories(), ORDERS)
def test_any_batching_and_any_order_of_arrival_fold_to_the_same_rows(
    events: list[AnyEvent], order: Random
) -> None:
    expected = held(ledger_of(events, 500))
    shuffled = list(events)
    order.shuffle(shuffled)
    for size in (1, 2, 7, 500):
        assert held(ledger_of(shuffled, size)) == expected


@given(wallets_histories(), st.integers(0, 40), st.integers(0, 40))
def test_what_is_saved_twice_counts_once(events: list[AnyEvent], start: int, end: int) -> None:
    ledger = ledger_of(events, 7)
    expected = held(ledger_of(events, 7))
    ledger.save(in_order(events[start:end]))
    assert held(ledger) == expected


@given(st.data(), wallets_histories(events_max=15))
def test_forks_that_die_leave_no_trace(data: st.DataObject, events: list[AnyEvent]) -> None:
    log = recorded(data.draw(forked(events)))
    settling, ledger = Settling(), MemoryLedger()
    for batch in batches(log, data.draw(st.integers(1, 9))):
        for settled in settling.take(batch):
            assert settled.stop is None
            ledger.save(Portfolios().apply(settled.events))
    assert held(ledger) == held(ledger_of(events, 500))


@given(wallets_histories(), ORDERS)
def test_changes_of_parts_merge_to_those_of_the_whole(
    events: list[AnyEvent], order: Random
) -> None:
    shuffled = list(events)
    order.shuffle(shuffled)
    total: Changes = {}
    for batch in batches(recorded(shuffled), 7):
        total = portfolios.merge(total, Portfolios().apply(batch))
    assert total == in_order(events)


@given(wallets_histories())
def test_every_trade_is_in_one_position_and_nothing_else_is(events: list[AnyEvent]) -> None:
    changes = in_order(events)
    traded = [event.pos.order_key for event in events if fill(event) is not None]
    assert sorted(trade.pos for trades in changes.values() for trade in trades) == traded


@given(wallets_histories())
def test_positions_and_days_are_those_of_the_plainest_bookkeeping(events: list[AnyEvent]) -> None:
    """A box of coins with a price tag for all of them, for each pair."""
    ledger = ledger_of(events, 500)
    days: dict[tuple[str, str, int], list[int]] = {}
    for pair, trades in in_order(events).items():
        coins = tag = profit = strange = strange_quote = 0
        for trade in sorted(trades, key=lambda it: it.pos):
            if trade.bought:
                coins, tag = coins + trade.token_amount, tag + trade.quote_amount
                continue
            out_of_box = min(coins, trade.token_amount)
            left = coins - out_of_box
            # What is left has the rest of the tag, rounded up, or none of it.
            left_tag = -((-tag * left) // coins) if left else 0
            earned = trade.quote_amount
            if trade.token_amount > out_of_box:
                earned = trade.quote_amount * out_of_box // trade.token_amount
            profit += earned - (tag - left_tag)
            strange += trade.token_amount - out_of_box
            strange_quote += trade.quote_amount - earned
            day = days.setdefault((pair[0], pair[2], trade.time_s // DAY_S * DAY_S), [0, 0, 0, 0])
            for place, amount in enumerate(
                (earned - (tag - left_tag), trade.quote_amount, trade.quote_amount - earned, 1)
            ):
                day[place] += amount
            coins, tag = left, left_tag
        position = ledger.positions[pair]
        assert (position.balance, position.cost_amount) == (coins, tag)
        assert position.realised_amount == profit
        assert (position.unbought_amount, position.unbought_quote_amount) == (
            strange,
            strange_quote,
        )
    assert ledger.days == {key: Day(*amounts) for key, amounts in days.items()}


@given(wallets_histories())
def test_rounding_is_less_than_a_unit_for_each_sale(events: list[AnyEvent]) -> None:
    ledger = ledger_of(events, 500)
    for pair, position in ledger.positions.items():
        assert 0 <= position.cost_amount - exact_cost(ledger, pair) <= position.sells


@given(wallets_histories())
def test_profits_add_up(events: list[AnyEvent]) -> None:
    """What a wallet realised over its positions is what it realised over its days."""
    ledger = ledger_of(events, 7)
    for wallet in {pair[0] for pair in ledger.positions}:
        of_positions = [it for pair, it in ledger.positions.items() if pair[0] == wallet]
        of_days = [day for key, day in ledger.days.items() if key[0] == wallet]
        assert sum(it.realised_amount for it in of_positions) == sum(
            day.realised_amount for day in of_days
        )
        assert sum(it.sells for it in of_positions) == sum(day.sells for day in of_days)
        assert all(it.balance >= 0 for it in of_positions)


def exact_cost(ledger: MemoryLedger, pair: Pair) -> Fraction:
    """Without any rounding."""
    coins, cost = 0, Fraction(0)
    for trade in ledger.trades[pair]:
        if trade.bought:
            coins, cost = coins + trade.token_amount, cost + trade.quote_amount
        else:
            left = max(coins - trade.token_amount, 0)
            cost = cost * left / coins if left else Fraction(0)
            coins = left
    return cost
