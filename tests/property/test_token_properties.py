"""Cards and trades come out the same however events are batched and whenever they arrive."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from curvetape.testing.events import batches, histories, recorded
from domain.events import AnyEvent, PoolBurned
from projections import tokens
from projections.price import fill
from projections.tokens import Changes, Tokens
from projections.trades import Trades

ORDERS = st.randoms(use_true_random=False)


@given(histories(), ORDERS)
def test_any_batching_and_any_order_of_arrival_merge_to_the_same_cards(
    events: list[AnyEvent], order: Random
) -> None:
    expected = Tokens().apply(recorded(events))
    shuffled = list(events)
    order.shuffle(shuffled)
    for size in (1, 2, 7, 500):
        total: Changes = {}
        for batch in batches(recorded(shuffled), size):
            total = tokens.merge(total, Tokens().apply(batch))
        assert total == expected


@given(histories())
def test_a_card_counts_the_trades_that_move_its_chart_and_no_others(
    events: list[AnyEvent],
) -> None:
    cards = Tokens().apply(recorded(events))
    counted = [each for each in map(fill, events) if each is not None and each.canonical]
    assert sum(card.trades for card in cards.values()) == len(counted)
    assert sum(card.volume_quote for card in cards.values()) == sum(x.quote_amount for x in counted)
    assert all(card.buys + card.sells == card.trades for card in cards.values())


@given(histories())
def test_a_supply_is_lessened_by_exactly_the_burns_after_its_report(
    events: list[AnyEvent],
) -> None:
    for mint, card in Tokens().apply(recorded(events)).items():
        if card.supplied is None:
            assert card.supply is None
            continue
        burns = [
            event.base_amount
            for event in events
            if isinstance(event, PoolBurned)
            and event.mint == mint
            and event.pos.order_key > card.supplied.pos
        ]
        assert card.supply == card.supplied.supply - sum(burns)


@given(histories())
def test_the_all_time_high_is_of_the_first_trade_that_counts_with_the_highest_price(
    events: list[AnyEvent],
) -> None:
    counted = [each for each in map(fill, events) if each is not None and each.canonical]
    for mint, card in Tokens().apply(recorded(events)).items():
        priced = [
            (-each.price, each.event.pos.order_key)
            for each in counted
            if each.event.mint == mint and each.price is not None
        ]
        if card.high is None:
            assert priced == []
            continue
        assert (-card.high.price, card.high.pos) == min(priced)
        launch = card.created.supply if card.created is not None else None
        if card.high.supply is None and launch is not None:
            burned = [
                event.base_amount
                for event in events
                if isinstance(event, PoolBurned)
                and event.mint == mint
                and event.pos.order_key < card.high.pos
            ]
            assert card.supply_at_high == launch - sum(burned)
        else:
            assert card.supply_at_high == card.high.supply


@given(histories(), ORDERS)
def test_every_trade_makes_one_row_and_nothing_else_does(
    events: list[AnyEvent], order: Random
) -> None:
    shuffled = list(events)
    order.shuffle(shuffled)
    rows = [row for batch in batches(recorded(shuffled), 7) for row in Trades().apply(batch)]
    assert sorted(row.pos for row in rows) == [
        event.pos.order_key for event in events if fill(event) is not None
    ]
