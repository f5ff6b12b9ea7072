"""The API's figures in dollars, worked out by hand."""

from typing import Any

import pytest

from api.chart import USD_MINUTES_MAX
from curvetape.testing.api import V1, Served
from curvetape.testing.events import created, curve_traded, sol_priced
from curvetape.testing.market import address
from domain.events import CurveTraded
from domain.programs import USDC
from projections.horizon import Horizon

MINT = address("dollars")
COIN = address("coin")
OTHER = address("other")
MINUTE_SLOTS = 150


def traded(slot: int, mint: str = MINT, *, sol: int = 1, **fields: Any) -> CurveTraded:
    """At 0.03 SOL a token, for whole SOL."""
    given: dict[str, Any] = {
        "quote_amount": sol * 10**9,
        "virtual_quote_reserves": 30_000,
        "virtual_token_reserves": 1_000,
        "real_quote_reserves": 5 * 10**9,
    }
    return curve_traded(slot, mint, **(given | fields))


@pytest.fixture
def served() -> Served:
    return Served(
        [
            created(1, MINT),
            traded(5),
            sol_priced(10, price=100 * 10**8),
            traded(20, user="second"),
            traded(20 + MINUTE_SLOTS, sol=2),
            sol_priced(21 + MINUTE_SLOTS, price=200 * 10**8),
            traded(30 + MINUTE_SLOTS, sol=5, side="sell"),
            sol_priced(40 + MINUTE_SLOTS, price=900 * 10**8),
            traded(31, COIN, quote_mint=USDC, quote_decimals=6),
            traded(32, OTHER, quote_mint=address("another"), quote_decimals=6),
        ]
    )


def get(served: Served, path: str) -> Any:
    result = served.client.get(f"{V1}/{path}")
    assert result.status_code == 200, result.text
    return result.json


def test_a_card_is_worth_what_sol_was_when_it_got_its_price(served: Served) -> None:
    card = get(served, MINT)
    assert card["priceUsd"] == pytest.approx(0.03 * 200)
    assert card["marketCapUsd"] == pytest.approx(0.03 * 200 * 1e9)
    assert (card["liquidity"], card["liquidityUsd"]) == (10.0, 2000.0)
    assert get(served, COIN)["priceUsd"] == pytest.approx(30.0)
    other = get(served, OTHER)
    assert other["price"] is not None
    assert [other[name] for name in ("priceUsd", "marketCapUsd", "liquidityUsd")] == [None] * 3
    listed = served.client.get(V1).json["items"]
    assert {it["mint"]: it["priceUsd"] for it in listed} == {
        mint: get(served, mint)["priceUsd"] for mint in (MINT, COIN, OTHER)
    }


def test_an_all_time_high_is_worth_what_sol_was_at_it(served: Served) -> None:
    """Even where the price of SOL comes long after the trade, as from a gap that was filled."""
    high = get(served, MINT)["allTimeHigh"]
    assert (high["priceUsd"], high["marketCapUsd"]) == (None, None)
    served.add(sol_priced(2, price=10 * 10**8), sol_priced(6, price=70 * 10**8))
    high = get(served, MINT)["allTimeHigh"]
    assert high["priceUsd"] == pytest.approx(0.03 * 10)
    assert high["marketCapUsd"] == pytest.approx(0.03 * 10 * 1e9)
    assert get(served, COIN)["allTimeHigh"]["priceUsd"] == pytest.approx(30.0)
    assert get(served, OTHER)["allTimeHigh"]["priceUsd"] is None


def test_pages_by_dollars_go_on_with_the_price_of_sol_that_they_began_with() -> None:
    """When it triples meanwhile, what was listed would come behind what was not."""
    served = Served(
        [
            sol_priced(1, price=100 * 10**8),
            traded(10, MINT, sol=2),
            traded(11, COIN, quote_mint=USDC, quote_amount=300 * 10**6),
            traded(12, OTHER, sol=5, quote_mint=address("another")),
        ]
    )
    first = served.client.get(f"{V1}?sort=volume&limit=1").json
    assert [it["mint"] for it in first["items"]] == [COIN]
    served.add(sol_priced(20, price=300 * 10**8))
    rest = served.client.get(f"{V1}?sort=volume&limit=5&cursor={first['next']}").json
    assert [it["mint"] for it in rest["items"]] == [MINT, OTHER]
    anew = served.client.get(f"{V1}?sort=volume").json
    assert [it["mint"] for it in anew["items"]] == [MINT, COIN, OTHER]


def test_a_trade_is_worth_what_sol_was_at_it_and_nothing_is_known_before_a_price(
    served: Served,
) -> None:
    trades = get(served, f"{MINT}/trades")["items"]
    assert [trade["amountUsd"] for trade in trades] == [1000.0, 200.0, 100.0, None]
    assert trades[0]["priceUsd"] == pytest.approx(6.0)
    assert (trades[3]["priceUsd"], trades[3]["quoteAmount"]) == (None, 1.0)
    served.add(sol_priced(2, price=10 * 10**8))
    assert get(served, f"{MINT}/trades")["items"][3]["amountUsd"] == 10.0


def test_a_chart_in_dollars_has_each_price_at_its_position_and_volumes_by_minutes(
    served: Served,
) -> None:
    chart = get(served, f"{MINT}/chart?interval=24h&currency=usd")
    (day,) = chart["items"]
    assert chart["currency"] == "usd"
    # The high is reached first at the first trade, when no price was known.
    assert [day[name] for name in ("open", "high", "low")] == [None] * 3
    assert day["close"] == pytest.approx(6.0)
    assert (day["volume"], day["buyVolume"], day["sellVolume"]) == (1600.0, 600.0, 1000.0)
    assert day["quoteVolume"] == 9.0
    minutes = get(served, f"{MINT}/chart?interval=1m&currency=usd")["items"]
    assert [minute["volume"] for minute in minutes] == [200.0, 1400.0]
    (coin,) = get(served, f"{COIN}/chart?interval=24h&currency=usd")["items"]
    assert (coin["volume"], coin["open"]) == (1000.0, pytest.approx(30.0))
    (other,) = get(served, f"{OTHER}/chart?interval=24h&currency=usd")["items"]
    assert (other["volume"], other["open"], other["quoteVolume"]) == (None, None, 1000.0)


def test_a_chart_is_in_the_quote_unless_asked_otherwise(served: Served) -> None:
    chart = get(served, f"{MINT}/chart?interval=24h")
    (day,) = chart["items"]
    assert chart["currency"] == "quote"
    assert (day["volume"], day["buyVolume"], day["sellVolume"]) == (9.0, 4.0, 5.0)
    assert (day["buyQuoteVolumeUnits"], day["sellQuoteVolumeUnits"]) == (
        *("4000000000", "5000000000"),
    )
    assert day["close"] == pytest.approx(0.03)
    assert "traders" not in day


def test_traders_are_counted_where_they_are_asked_for(served: Served) -> None:
    (day,) = get(served, f"{MINT}/chart?interval=24h&traders=yes")["items"]
    assert day["traders"] == 2
    minutes = get(served, f"{MINT}/chart?interval=1m&traders=yes")["items"]
    assert [minute["traders"] for minute in minutes] == [2, 1]


def test_where_trades_were_let_go_of_that_is_said_and_nothing_counted(served: Served) -> None:
    assert get(served, f"{MINT}/trades")["completeFrom"] is None
    minutes = get(served, f"{MINT}/chart?interval=1m&traders=yes")["items"]
    from_s = minutes[1]["time"]
    served.reads.horizon = Horizon(pos=1, complete_from_s=from_s)
    assert get(served, f"{MINT}/trades")["completeFrom"] == from_s
    minutes = get(served, f"{MINT}/chart?interval=1m&traders=yes")["items"]
    assert [minute["traders"] for minute in minutes] == [None, 1]


def test_a_page_in_dollars_spans_no_more_minutes_than_are_added_up() -> None:
    days = USD_MINUTES_MAX // (24 * 60) + 3
    day_slots = 24 * 60 * MINUTE_SLOTS
    served = Served([sol_priced(1), *(traded(2 + day * day_slots) for day in range(days))])
    page = get(served, f"{MINT}/chart?interval=24h&limit=1000&currency=usd")
    assert len(page["items"]) == days - 3
    rest = get(served, f"{MINT}/chart?interval=24h&currency=usd&to={page['next']}")
    assert (len(rest["items"]), rest["next"]) == (3, None)
    assert len(get(served, f"{MINT}/chart?interval=24h&limit=1000")["items"]) == days
