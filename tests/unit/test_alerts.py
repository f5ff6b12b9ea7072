"""Rules over trades: when each is told, and of what."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest

from api.live.alerts import USUAL_TRADES_MAX, USUAL_TRADES_MIN, Alert, AlertKind, AlertRule, Alerts
from api.representations import Trade, trade
from curvetape.testing.events import curve_traded, pool_traded, recorded
from domain.events import AnyEvent
from projections.trades import Trades

SOL = 10**9


def shown(*events: AnyEvent, sol_usd: float | None = 200.0) -> list[Trade]:
    usd = None if sol_usd is None else Fraction(sol_usd)
    return [trade(row, usd) for row in Trades().apply(recorded(events))]


def on_curve(number: int, **fields: Any) -> AnyEvent:
    return curve_traded(number, "mint", **fields)


def at_prices(*sol: float, usd: float | None = 200.0) -> list[Trade]:
    """Trades after which a million whole tokens cost so many SOL."""
    events = [
        on_curve(number, virtual_quote_reserves=int(price * SOL), virtual_token_reserves=10**12)
        for number, price in enumerate(sol)
    ]
    return shown(*events, sol_usd=usd)


def of_amounts(*sol: float) -> list[Trade]:
    return shown(*(on_curve(place, quote_amount=int(it * SOL)) for place, it in enumerate(sol)))


def told(kind: AlertKind, threshold: float, trades: Sequence[Trade], *, usd: bool = False) -> Any:
    """Of each alert the place of its trade and its value."""
    rule = AlertRule(id="it", kind=kind, threshold=threshold, currency="usd" if usd else "quote")
    alerts, found = Alerts([rule]), []
    for place, each in enumerate(trades):
        for alert in alerts.take(each):
            assert (alert.rule, alert.trade) == (rule, each)
            found.append((place, pytest.approx(alert.value)))
    return found


def test_a_price_beyond_a_limit_is_told_once_until_it_has_been_back() -> None:
    prices = at_prices(1, 2, 3, 4, 2, 1, 3)
    assert told("price_above", 2e-6, prices) == [(2, 3e-6), (6, 3e-6)]
    assert told("price_below", 2e-6, prices) == [(0, 1e-6), (5, 1e-6)]


def test_a_limit_in_dollars_is_of_dollars_and_an_unknown_price_makes_nothing_true() -> None:
    assert told("price_above", 500e-6, at_prices(2, 3), usd=True) == [(1, 600e-6)]
    assert told("price_above", 500e-6, at_prices(2, 3, usd=None), usd=True) == []
    unknown = [*at_prices(1), *at_prices(9, usd=None), *at_prices(1, 3)]
    assert told("price_above", 500e-6, unknown, usd=True) == [(3, 600e-6)]


def test_a_change_counts_from_the_first_trade_or_from_what_was_told_last() -> None:
    prices = at_prices(10, 11, 12.1, 14, 15, 8, 7.3)
    changes = [(2, 12.1 / 10 - 1), (4, 15 / 12.1 - 1), (5, 8 / 15 - 1)]
    assert told("price_change", 0.2, prices) == changes


def test_liquidity_of_a_new_venue_is_another_figure() -> None:
    def pool(number: int, sol: int) -> AnyEvent:
        return pool_traded(number, "mint", pool_quote_reserves=sol * SOL, pool_quote_delta=0)

    curve = [on_curve(place, virtual_quote_reserves=it * SOL) for place, it in enumerate((30, 33))]
    trades = shown(*curve, pool(5, 85), pool(6, 90), pool(7, 60))
    assert told("liquidity_change", 0.25, trades) == [(4, 60 / 85 - 1)]


def test_reserves_of_nothing_are_no_share_to_compare_with() -> None:
    amounts = (30, 0, 10, 20)
    curve = [on_curve(it, virtual_quote_reserves=sol * SOL) for it, sol in enumerate(amounts)]
    assert told("liquidity_change", 0.5, shown(*curve)) == [(1, -1.0), (3, 1.0)]


def test_a_spike_is_a_multiple_of_what_trades_usually_were() -> None:
    usual = [1.0] * USUAL_TRADES_MIN
    assert told("volume_spike", 5, of_amounts(*usual, 4.9, 7, 5)) == [
        (USUAL_TRADES_MIN + 1, 7 * 11 / 14.9)
    ]
    assert told("volume_spike", 5, of_amounts(*usual[1:], 50)) == []
    long_ago = of_amounts(1_000, *[1.0] * USUAL_TRADES_MAX, 5)
    assert told("volume_spike", 5, long_ago) == [(USUAL_TRADES_MAX + 1, 5)]


def test_amounts_of_another_quote_are_no_measure() -> None:
    other = [on_curve(100 + it, quote_mint="other", quote_amount=9 * SOL) for it in range(12)]
    trades = [*of_amounts(*[1.0] * 12), *shown(*other)]
    assert told("volume_spike", 5, trades) == []


def test_a_whale_is_told_each_time_and_anywhere() -> None:
    aside = pool_traded(9, "mint", quote_amount=40 * SOL, canonical=False)
    trades = [*of_amounts(9, 10, 12), *shown(aside)]
    assert told("whale_trade", 10, trades) == [(1, 10), (2, 12), (3, 40)]
    assert told("whale_trade", 2_400, trades, usd=True) == [(2, 2_400), (3, 8_000)]


@pytest.mark.parametrize("kind", ["price_above", "price_change", "liquidity_change"])
def test_pools_that_do_not_count_move_nothing(kind: AlertKind) -> None:
    aside = [
        pool_traded(it, "mint", canonical=False, pool_quote_reserves=sol * SOL)
        for it, sol in enumerate((80, 900))
    ]
    assert told(kind, 1e-9, shown(*aside)) == []


@pytest.mark.parametrize(
    ("kind", "threshold"),
    [("price_below", 20e-6), ("price_change", 0.5), ("liquidity_change", 0.5)],
)
def test_what_a_slot_that_was_fetched_late_was_like_is_not_told_as_of_now(
    kind: AlertKind, threshold: float
) -> None:
    now, late, later = (
        on_curve(number, virtual_quote_reserves=sol * SOL, virtual_token_reserves=10**12)
        for number, sol in ((7, 40), (5, 10), (8, 41))
    )
    assert told(kind, threshold, shown(now, late, later)) == []


def test_amounts_that_come_late_are_no_spike_and_no_measure_but_may_be_whales() -> None:
    usual = of_amounts(*[1.0] * USUAL_TRADES_MIN)
    late, later = shown(on_curve(2, quote_amount=50 * SOL), on_curve(30, quote_amount=6 * SOL))
    trades = [*usual, late, later]
    assert told("volume_spike", 5, trades) == [(USUAL_TRADES_MIN + 1, 6)]
    assert told("whale_trade", 20, trades) == [(USUAL_TRADES_MIN, 50)]


def test_each_rule_is_told_by_itself_in_its_order() -> None:
    rules = [
        AlertRule(id=name, kind="whale_trade", threshold=threshold, currency="quote")
        for name, threshold in (("large", 5), ("huge", 50), ("some", 1))
    ]
    (each,) = of_amounts(6)
    found: list[Alert] = list(Alerts(rules).take(each))
    assert [it.rule.id for it in found] == ["large", "some"]
