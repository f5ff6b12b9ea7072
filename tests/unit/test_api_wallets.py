"""What is told of wallets is what their trades came to; figures are worked out by hand."""

from typing import Any

import pytest

from curvetape.testing.api import V1, WALLETS_V1, Served
from curvetape.testing.events import GENESIS_S, created, curve_traded, pool_traded
from curvetape.testing.market import ABSENT, TRADED, WALLET, address
from domain.events import AnyEvent
from domain.programs import NATIVE_SOL, USDC, WRAPPED_SOL

SOL = 1_000_000_000
COIN, OTHER = address("coin"), address("other coin")
MORE = [address(f"coin {name}") for name in "abcde"]
ANN, BOB, EVE = address("ann"), address("bob"), address("eve")
DAY_SLOTS = int(86_400 * 2.5)
FEES: dict[str, Any] = {"fee": SOL // 100, "creator_fee": 0}


def bought(slot: int, wallet: str, millions: int, sol: int, **fields: Any) -> AnyEvent:
    amounts = {"token_amount": millions * 10**12, "quote_amount": sol * SOL}
    return curve_traded(slot, COIN, user=wallet, **amounts | FEES | fields)


def sold(slot: int, wallet: str, millions: int, sol: int, **fields: Any) -> AnyEvent:
    return bought(slot, wallet, millions, sol, side="sell", **fields)


STORY = (
    created(1, COIN),
    bought(10, ANN, 30, 3),
    bought(11, BOB, 10, 1),
    bought(12, ANN, 10, 3),
    sold(13, ANN, 20, 8),
    sold(14, EVE, 5, 1),
    sold(10 + DAY_SLOTS, BOB, 10, 2, virtual_quote_reserves=20 * SOL),
)
"""Ann pays 6.02 SOL for 40 million and sells half of them for 7.99; Bob earns 0.98; Eve was given
what she sells. The last trade leaves a price of 20 SOL for 1,039 million."""


@pytest.fixture
def served() -> Served:
    return Served(STORY)


def get(served: Served, path: str) -> Any:
    result = served.client.get(path)
    assert result.status_code == 200, result.text
    return result.json


def test_a_position_is_at_average_cost_with_its_fees(served: Served) -> None:
    (position,) = get(served, f"{WALLETS_V1}/{ANN}/portfolio")["items"]
    assert (position["mint"], position["state"], position["name"]) == (COIN, "open", f"Coin {COIN}")
    assert (position["balance"], position["balanceUnits"]) == (20e6, str(20 * 10**12))
    assert (position["cost"], position["costUnits"]) == (3.01, "3010000000")
    assert position["averageCost"] == pytest.approx(3.01 / 20e6)
    assert position["realised"] == pytest.approx(7.99 - 3.01)
    value = 20 * 10**12 * 20 * SOL // 1_039_000_000_000_000
    assert position["valueUnits"] == str(value)
    assert position["unrealisedUnits"] == str(value - 3_010_000_000)
    assert position["unrealised"] == pytest.approx(value / SOL - 3.01)
    assert (position["spent"], position["received"], position["fees"]) == (6.02, 7.99, 0.03)
    assert (position["buys"], position["sells"], position["tradesWithoutFee"]) == (2, 1, 0)
    assert (position["firstTradeTime"], position["lastTradeTime"]) == (GENESIS_S + 4, GENESIS_S + 5)


def test_a_sold_position_is_closed_and_worth_nothing(served: Served) -> None:
    (position,) = get(served, f"{WALLETS_V1}/{BOB}/portfolio")["items"]
    assert (position["state"], position["balance"], position["averageCost"]) == ("closed", 0, None)
    assert (position["value"], position["unrealised"]) == (0, 0)
    assert position["realised"] == pytest.approx(0.98)


def test_what_was_given_is_sold_without_a_profit(served: Served) -> None:
    (position,) = get(served, f"{WALLETS_V1}/{EVE}/portfolio")["items"]
    assert (position["realised"], position["balance"]) == (0, 0)
    assert (position["unbought"], position["unboughtReceived"]) == (5e6, 0.99)


def test_totals_hold_all_pages_and_each_quote_mint_by_itself(served: Served) -> None:
    served.add(
        *(curve_traded(slot, mint, user=ANN) for slot, mint in enumerate(MORE, 2_000)),
        curve_traded(3_000 + DAY_SLOTS, COIN, user=ANN, quote_mint=USDC, quote_decimals=6),
    )
    page = get(served, f"{WALLETS_V1}/{ANN}/portfolio?limit=4")
    assert [total["quoteSymbol"] for total in page["totals"]] == ["SOL", "USDC"]
    sol, usdc = page["totals"]
    assert (sol["positions"], sol["openPositions"], sol["buys"]) == (6, 6, 7)
    # The coin's price is in USDC since its last trade, so it is not one of the SOL position.
    assert (sol["unpricedPositions"], usdc["unpricedPositions"]) == (1, 0)
    assert (sol["spent"], sol["cost"]) == (11.02, 8.01)
    assert (sol["fees"], sol["tradesWithoutFee"]) == (None, 5)
    assert (usdc["spent"], usdc["positions"]) == (1_000.0, 1)


def test_pages_hold_each_position_once_by_its_last_trade(served: Served) -> None:
    served.add(*(curve_traded(slot, mint, user=ANN) for slot, mint in enumerate(MORE, 2_000)))
    found: list[str] = []
    path = f"{WALLETS_V1}/{ANN}/portfolio?limit=2"
    following = ""
    while True:
        page = get(served, path + following)
        found += [it["mint"] for it in page["items"]]
        if page["next"] is None:
            break
        following = f"&before={page['next']}"
    assert found == [*reversed(MORE), COIN]


def test_positions_can_be_narrowed_to_open_and_to_closed_ones(served: Served) -> None:
    assert get(served, f"{WALLETS_V1}/{BOB}/portfolio?state=open")["items"] == []
    assert len(get(served, f"{WALLETS_V1}/{BOB}/portfolio?state=closed")["items"]) == 1
    assert len(get(served, f"{WALLETS_V1}/{ANN}/portfolio?state=open")["items"]) == 1


def test_what_is_bought_on_a_curve_and_sold_in_a_pool_is_one_position() -> None:
    """The curve takes SOL, the pool wrapped SOL."""
    trades = [
        bought(5, ANN, 1, 1),
        pool_traded(
            9, COIN, user=ANN, side="sell", quote_amount=3 * SOL, user_quote_amount=2 * SOL
        ),
    ]
    (position,) = get(Served(trades), f"{WALLETS_V1}/{ANN}/portfolio")["items"]
    assert (position["quoteMint"], position["balance"]) == (NATIVE_SOL, 0)
    assert position["realised"] == pytest.approx(2 - 1.01)
    assert position["fees"] == pytest.approx(1.01)


def test_what_nobody_knows_is_null() -> None:
    """A quote mint without known decimals, and a token whose only pool is not canonical."""
    strange = address("strange quote")
    trades: list[AnyEvent] = [
        pool_traded(9, COIN, user=ANN, canonical=False),
        curve_traded(10, OTHER, user=BOB, quote_mint=strange, quote_decimals=None),
    ]
    served = Served(trades)
    (position,) = get(served, f"{WALLETS_V1}/{ANN}/portfolio")["items"]
    unknown = ["value", "valueUnits", "unrealised", "balance", "averageCost"]
    assert {position[name] for name in unknown} == {None}
    assert (position["balanceUnits"], position["costUnits"]) == ("1000000000000", "417000000")
    page = get(served, f"{WALLETS_V1}/{BOB}/portfolio")
    (position,) = page["items"]
    assert {position[name] for name in ["cost", "fees", "feesUnits", "quoteSymbol"]} == {None}
    assert (position["costUnits"], position["tradesWithoutFee"]) == ("1000000000", 1)
    assert page["totals"][0]["cost"] is None


def test_a_portfolio_tells_both_log_positions(served: Served) -> None:
    page = get(served, f"{WALLETS_V1}/{ANN}/portfolio")
    assert (page["logPosition"], page["pricedLogPosition"]) == (len(STORY), len(STORY))


def test_a_wallets_trades_are_listed_newest_first_with_what_it_paid(served: Served) -> None:
    first = get(served, f"{WALLETS_V1}/{ANN}/trades?limit=2")
    rest = get(served, f"{WALLETS_V1}/{ANN}/trades?limit=2&before={first['next']}")
    trades = first["items"] + rest["items"]
    assert rest["next"] is None
    assert [(it["side"], it["quoteAmount"]) for it in trades] == [
        ("sell", 7.99),
        ("buy", 3.01),
        ("buy", 3.01),
    ]
    trade = trades[0]
    assert (trade["mint"], trade["venue"], trade["slot"]) == (COIN, "curve", 13)
    assert trade["id"] == f"{trade['signature']}:2.0"
    assert (trade["tokenAmount"], trade["fee"], trade["feeUnits"]) == (20e6, 0.01, "10000000")


def test_profits_are_told_day_by_day(served: Served) -> None:
    served.add(sold(20 + DAY_SLOTS, ANN, 10, 1))
    start = GENESIS_S - GENESIS_S % 86_400
    both = get(served, f"{WALLETS_V1}/{ANN}/realised")
    assert [it["time"] for it in both["items"]] == [start, start + 86_400]
    assert [it["realised"] for it in both["items"]] == pytest.approx([4.98, 0.99 - 1.505])
    newest = get(served, f"{WALLETS_V1}/{ANN}/realised?limit=1")
    assert newest["items"] == both["items"][1:]
    before = get(served, f"{WALLETS_V1}/{ANN}/realised?limit=1&to={newest['next']}")
    assert (before["items"], before["next"]) == (both["items"][:1], None)
    since = get(served, f"{WALLETS_V1}/{ANN}/realised?from={start + 90_000}")
    assert since["items"] == both["items"][1:]
    assert get(served, f"{WALLETS_V1}/{ANN}/realised?quote={WRAPPED_SOL}") == both
    assert get(served, f"{WALLETS_V1}/{ANN}/realised?quote={USDC}")["items"] == []
    (given,) = get(served, f"{WALLETS_V1}/{EVE}/realised")["items"]
    assert (given["realised"], given["unboughtReceived"], given["sells"]) == (0, 0.99, 1)


def test_top_traders_are_ranked_by_profit_or_by_volume(served: Served) -> None:
    def ranked(query: str) -> list[str]:
        return [it["wallet"] for it in get(served, f"{V1}/{COIN}/top-traders{query}")["items"]]

    assert ranked("") == [ANN, BOB, EVE]
    served.add(bought(1_000, address("whale"), 100, 50))
    assert ranked("") == [ANN, BOB, EVE], "who has sold nothing has realised nothing"
    assert ranked("?by=volume&limit=2") == [address("whale"), ANN]


def test_a_known_token_without_traders_has_an_empty_list() -> None:
    answer = get(Served([created(1, COIN)]), f"{V1}/{COIN}/top-traders")
    assert (answer["items"], answer["quoteMint"], answer["quoteSymbol"]) == ([], NATIVE_SOL, "SOL")


@pytest.mark.parametrize("part", ["portfolio", "trades", "realised"])
def test_a_wallet_without_trades_is_not_known(part: str) -> None:
    result = Served().client.get(f"{WALLETS_V1}/{ABSENT}/{part}")
    assert (result.status_code, result.json["type"]) == (404, "/#wallet-unknown")
    assert result.headers["content-type"] == "application/problem+json"
    assert ABSENT in result.json["detail"]


def test_a_page_behind_the_last_one_is_empty_and_no_problem() -> None:
    served = Served()
    for part in ("portfolio", "trades"):
        assert get(served, f"{WALLETS_V1}/{WALLET}/{part}?before=0")["items"] == []
    assert get(served, f"{WALLETS_V1}/{WALLET}/realised?to=0")["items"] == []


def test_a_range_that_ends_before_it_begins_is_a_problem() -> None:
    result = Served().client.get(f"{WALLETS_V1}/{WALLET}/realised?from=9&to=3")
    assert (result.status_code, result.json["parameter"]) == (400, "from")


def test_top_traders_of_an_unknown_token_are_a_problem() -> None:
    served = Served()
    result = served.client.get(f"{V1}/{ABSENT}/top-traders")
    assert (result.status_code, result.json["type"]) == (404, "/#mint-unknown")
    (only,) = get(served, f"{V1}/{TRADED}/top-traders")["items"]
    assert (only["wallet"], only["buys"], only["sells"]) == (WALLET, 80, 40)
