"""What single events do to a holding; the figures are the events' own."""

import pytest

from curvetape.testing.events import (
    created,
    curve_traded,
    migrated,
    pool_created,
    pool_traded,
    recorded,
)
from curvetape.testing.holders import deposited, turned, withdrawn
from domain.events import AnyEvent
from domain.position import Position, PositionOutOfRangeError
from projections.holders import Changes, Holders
from projections.holding import Holding, Launch


def holding(events: list[AnyEvent], wallet: str) -> Holding:
    return Holders().apply(recorded(events)).holdings["m", wallet]


def test_a_wallet_that_sells_more_than_it_bought_was_sent_the_rest() -> None:
    events: list[AnyEvent] = [
        curve_traded(2, "m", user="ann", token_amount=10),
        curve_traded(3, "m", user="ann", side="sell", token_amount=25),
    ]
    ann = holding(events, "ann")
    assert (ann.bought, ann.sold, ann.net) == (10, 25, -15)
    assert (ann.balance, ann.received) == (0, 15)


def test_a_balance_is_what_the_last_moves_transaction_reported() -> None:
    events: list[AnyEvent] = [
        curve_traded(2, "m", user="ann", token_amount=10, user_token_balance=17),
        curve_traded(3, "m", user="ann", token_amount=10, user_token_balance=4),
    ]
    early, late = holding(events[:1], "ann"), holding(events[::-1], "ann")
    assert (early.net, early.balance, early.received, early.sent) == (10, 17, 7, 0)
    assert (late.net, late.balance, late.received, late.sent) == (20, 4, 0, 16)


def test_a_move_without_a_report_leaves_the_balance_to_the_sums() -> None:
    events: list[AnyEvent] = [
        curve_traded(2, "m", user="ann", token_amount=10, user_token_balance=17),
        deposited(3, "m", user="ann", base_amount=4),
    ]
    assert holding(events, "ann").balance == 6


def test_liquidity_goes_out_of_the_wallet_and_comes_back() -> None:
    events: list[AnyEvent] = [
        curve_traded(2, "m", user="ann", token_amount=100),
        deposited(3, "m", user="ann", base_amount=60),
        withdrawn(4, "m", user="ann", base_amount=45),
        deposited(5, "m", user="ann", quote_amount=5, **turned("m")),
    ]
    ann = holding(events, "ann")
    assert (ann.deposited, ann.withdrawn, ann.balance, ann.received) == (65, 45, 80, 0)
    assert (ann.first_pos, ann.last_pos) == (
        events[0].pos.order_key,
        events[3].pos.order_key,
    )


def test_a_migration_is_nobodys_deposit_and_a_pool_of_ones_own_is() -> None:
    events: list[AnyEvent] = [
        migrated(2, "m"),
        pool_created(2, "m", creator="authority"),
        pool_created(3, "m", creator="ann", base_amount=7, canonical=False),
    ]
    changes = Holders().apply(recorded(events))
    assert list(changes.holdings) == [("m", "ann")]
    assert changes.holdings["m", "ann"].deposited == 7


def test_in_a_pool_that_calls_the_token_its_quote_a_sale_of_base_buys_it() -> None:
    fields = {"side": "sell", "user": "ann", "quote_amount": 412, "user_quote_amount": 417}
    sale = pool_traded(2, "m", **turned("m") | fields)
    ann = holding([sale], "ann")
    assert (ann.bought, ann.sold) == (417, 0)
    assert ann.first_buy_pos == sale.pos.order_key


def test_a_launch_tells_who_is_who() -> None:
    launch = created(2, "m", creator=None, user="ann")
    assert Holders().apply(recorded([launch])) == Changes(
        {}, {"m": Launch(launch.pos.order_key, None, "ann", "curve-m")}
    )


def test_an_event_without_a_place_on_a_chain_is_refused() -> None:
    nowhere = curve_traded(2, "m", pos=Position(1 << 32, 0, 0, 0))
    with pytest.raises(PositionOutOfRangeError):
        Holders().apply(recorded([nowhere]))
