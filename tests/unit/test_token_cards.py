"""A token's card, group by group."""

from typing import Any

from curvetape.testing.events import (
    SUPPLY,
    burned,
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
from projections import cards
from projections.labels import Label, Thresholds, labels
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


def test_the_all_time_high_keeps_the_supply_of_its_moment() -> None:
    high = {"pool_quote_reserves": 400_000_000_000}
    launch = created(1, "m")
    for supply in (None, 77):
        token = card(
            launch,
            burned(2, "m"),
            pool_traded(3, "m", base_supply=supply, **high),
            pool_traded(4, "m", base_supply=5, **high),
            burned(5, "m"),
        )
        assert token.high is not None
        assert token.high.pos == launch.pos.order_key + (2 << 31)
        assert token.supply_at_high == (supply or SUPPLY - 243_000_000_000)
    assert card(pool_traded(3, "m")).supply_at_high is None


def test_what_a_pool_holds_leaves_out_its_virtual_reserves() -> None:
    token = card(pool_traded(1, "m", virtual_quote_reserves=10**12))
    assert token.priced is not None
    assert token.priced.held_quote_reserves == 84_990_000_000 + 412_824_000
    assert token.priced.virtual_quote_reserves == 84_990_000_000 + 412_824_000 + 10**12


def test_labels_hold_up_to_their_thresholds() -> None:
    launch = created(1, "m")

    def told(left: int, *, after_s: int, **thresholds: Any) -> list[Label]:
        sold = curve_traded(2, "m", real_token_reserves=left)
        row = cards.card("m", card(launch, sold))
        now_s = launch.block_time_s + after_s
        return labels(row, Thresholds(**thresholds), now_s=now_s)

    fifth, all_but = 793_100_000_000_000 // 5, 793_100_000_000_000 * 4 // 5
    assert told(all_but, after_s=3_599) == ["new"]
    assert told(all_but, after_s=3_600) == []
    assert told(fifth - 10**9, after_s=0) == ["new", "about_to_graduate"]
    assert told(fifth + 10**9, after_s=0) == ["new"]
    assert told(fifth, after_s=9, new_s=9, about_to_graduate=0.75) == ["about_to_graduate"]
    graduated = cards.card("m", card(launch, migrated(9, "m")))
    assert labels(graduated, Thresholds(), now_s=None) == ["graduated"]


def test_decimals_once_known_stay_known() -> None:
    token = card(curve_traded(1, "m"), curve_traded(2, "m", quote_decimals=None))
    assert (token.quote_decimals, token.token_decimals) == (9, 6)
