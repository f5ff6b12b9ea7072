"""A token's card, group by group."""

from curvetape.testing.events import (
    completed,
    created,
    curve_traded,
    migrated,
    pool_created,
    pool_traded,
    recorded,
    repriced,
)
from domain.events import AnyEvent
from projections.token_change import TokenChange
from projections.tokens import Tokens


def card(*events: AnyEvent) -> TokenChange:
    return Tokens().apply(recorded(events))["m"]


def test_a_launch_is_priced_by_its_virtual_reserves() -> None:
    token = card(created(1, "m"))
    assert token.priced is not None
    assert token.priced.price == 30_000_000_000 / 1_073_000_000_000_000
    assert token.created is not None
    assert token.created.initial_real_token_reserves == 793_100_000_000_000
    assert token.trades == 0


def test_an_early_launch_without_reserves_has_no_price() -> None:
    token = card(
        created(
            1,
            "m",
            virtual_quote_reserves=None,
            virtual_token_reserves=None,
            real_token_reserves=None,
            token_total_supply=None,
        )
    )
    assert (token.priced, token.curve_reserves, token.supply) == (None, None, None)


def test_a_trade_of_a_token_whose_launch_was_not_seen_makes_a_card_without_a_launch() -> None:
    token = card(curve_traded(5, "m"))
    assert token.created is None
    assert (token.trades, token.volume_quote) == (1, 1_000_000_000)


def test_new_virtual_reserves_move_the_price_and_are_no_trade() -> None:
    token = card(created(1, "m"), repriced(3, "m"))
    assert token.priced is not None
    assert token.priced.price == 29_000_000_000 / 900_000_000_000_000
    assert token.trades == 0


def test_graduation_keeps_its_times_and_its_pool() -> None:
    token = card(completed(10, "m"), migrated(20, "m"), pool_created(19, "m"))
    assert token.completed is not None
    assert token.graduated is not None
    assert token.pooled is not None
    assert token.completed.time_s < token.graduated.time_s
    assert token.pooled.pool == "pool-m"


def test_another_pool_of_the_token_moves_nothing_but_tells_the_supply() -> None:
    token = card(
        pool_traded(1, "m"), pool_traded(2, "m", canonical=False, pool="other", base_supply=77)
    )
    assert token.pooled is not None
    assert (token.pooled.pool, token.trades, token.supply) == ("pool-m", 1, 77)


def test_decimals_once_known_stay_known() -> None:
    token = card(curve_traded(1, "m"), curve_traded(2, "m", quote_decimals=None))
    assert (token.quote_decimals, token.token_decimals) == (9, 6)
