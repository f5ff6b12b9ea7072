"""Each resource answers with what its read model holds; figures are worked out by hand."""

from itertools import pairwise
from typing import Any, get_args

import pytest

from curvetape.testing.api import V1, Served
from curvetape.testing.events import GENESIS_S, SUPPLY, created, curve_traded
from curvetape.testing.market import (
    ABSENT,
    GRADUATED,
    STRANGER,
    TRADED,
    UNSEEN,
    UNTRADED,
    address,
)
from domain.programs import NATIVE_SOL
from projections.token_lists import ListSort

PAGES_MAX = 200


@pytest.fixture
def served() -> Served:
    return Served()


def get(served: Served, path: str) -> Any:
    result = served.client.get(path)
    assert result.status_code == 200, result.text
    return result.json


def walk(served: Served, path: str, parameter: str, following: str | None = None) -> list[Any]:
    """All items of a list, page by page, from the page `following` on."""
    found: list[Any] = []
    for _ in range(PAGES_MAX):
        page = get(served, path if following is None else f"{path}&{parameter}={following}")
        found += page["items"]
        following = page["next"]
        if following is None:
            return found
    raise AssertionError(f"no end after {PAGES_MAX} pages")


def test_a_launched_token_has_its_price_market_cap_and_exact_amounts(served: Served) -> None:
    card = get(served, f"{V1}/{UNTRADED}")
    assert (card["mint"], card["state"], card["trades"]) == (UNTRADED, "curve", 0)
    assert card["price"] == pytest.approx(30 / 1_073_000_000)
    assert card["marketCap"] == pytest.approx(30 / 1_073_000_000 * 1_000_000_000)
    assert (card["supply"], card["supplyUnits"]) == (1e9, str(SUPPLY))
    assert card["quoteReservesUnits"] == "30000000000"
    assert card["tokenReservesUnits"] == "1073000000000000"
    assert (card["quoteMint"], card["quoteSymbol"]) == (NATIVE_SOL, "SOL")
    assert (card["quoteVolume"], card["quoteVolumeUnits"]) == (0.0, "0")
    assert card["createdTime"] == GENESIS_S + 802
    assert (card["firstTradeTime"], card["lastTradeTime"]) == (None, None)


def test_a_curves_progress_is_the_share_of_its_tokens_that_it_sold(served: Served) -> None:
    assert get(served, f"{V1}/{UNTRADED}")["curveProgress"] == 0.0
    assert get(served, f"{V1}/{TRADED}")["curveProgress"] == pytest.approx(34 / 793.1)
    assert get(served, f"{V1}/{GRADUATED}")["curveProgress"] == 1.0


def test_a_graduated_token_is_worth_its_pools_price_times_what_was_not_burned(
    served: Served,
) -> None:
    card = get(served, f"{V1}/{GRADUATED}")
    price = (85_090_000_000 + 1_000_000_000) / 206_657_000_000_000 / 1_000
    supply = 1_000_000_000 - 243_000
    assert card["state"] == "graduated"
    assert card["supply"] == supply
    assert card["price"] == pytest.approx(price)
    assert card["marketCap"] == pytest.approx(price * supply)
    assert (card["trades"], card["buys"], card["quoteVolume"]) == (2, 2, 1.412)


def test_a_card_has_its_all_time_high_its_liquidity_and_its_labels(served: Served) -> None:
    card = get(served, f"{V1}/{TRADED}")
    assert card["allTimeHigh"] == {
        "price": pytest.approx(31.6 / 1_039_000_000),
        "marketCap": pytest.approx(31.6 / 1_039_000_000 * 1_000_000_000),
        "priceUsd": None,
        "marketCapUsd": None,
        "time": GENESIS_S + int((10 + 12 * 6) / 2.5),
        "slot": 10 + 12 * 6,
    }
    assert (card["liquidity"], card["liquidityUnits"]) == (2.0, "2000000000")
    assert card["labels"] == ["new"]
    card = get(served, f"{V1}/{GRADUATED}")
    assert card["liquidityUnits"] == str(2 * 85_090_000_000)
    assert card["labels"] == ["new", "graduated"]
    assert get(served, f"{V1}/{UNTRADED}")["allTimeHigh"] is None


def test_a_cards_windows_hold_the_trades_up_to_a_time_and_change_from_the_price_before() -> None:
    """Five trades, at seconds 0, 10, 300, 3,600 and 100,000 after the first."""
    mint = address("lately")
    steps = (
        (0, "buy", "first", 1),
        (10, "buy", "second", 2),
        (300, "sell", "first", 4),
        (3_600, "buy", "third", 3),
        (100_000, "sell", "third", 6),
    )
    trades = [
        curve_traded(
            10 + number,
            mint,
            block_time_s=GENESIS_S + at_s,
            side=side,
            user=user,
            quote_amount=10**9 * (number + 1),
            virtual_quote_reserves=price * 10**9,
            virtual_token_reserves=10**15,
        )
        for number, (at_s, side, user, price) in enumerate(steps)
    ]
    served = Served(trades)
    windows = get(served, f"{V1}/{mint}?windowsTo={GENESIS_S + 300}")["windows"]
    assert windows["time"] == GENESIS_S + 300
    counted = ("trades", "buys", "sells", "traders", "buyers", "sellers", "quoteVolume")
    assert [windows["5m"][name] for name in counted] == [2, 1, 1, 2, 1, 1, 5.0]
    assert (windows["5m"]["priceChange"], windows["5m"]["sinceFirstTrade"]) == (3.0, False)
    assert [windows["15m"][name] for name in counted] == [3, 2, 1, 2, 2, 1, 6.0]
    assert windows["15m"]["buyQuoteVolumeUnits"] == "3000000000"
    assert windows["15m"]["sellQuoteVolume"] == 3.0
    assert (windows["24h"]["priceChange"], windows["24h"]["sinceFirstTrade"]) == (3.0, True)
    newest = get(served, f"{V1}/{mint}")["windows"]
    assert newest["time"] == GENESIS_S + 100_000
    assert [newest["24h"][name] for name in counted] == [1, 0, 1, 1, 0, 1, 5.0]
    assert newest["24h"]["priceChange"] == 1.0
    later = get(served, f"{V1}/{mint}?windowsTo={GENESIS_S + 200_000}")["windows"]["24h"]
    assert (later["trades"], later["priceChange"]) == (0, 0.0)


def test_what_the_log_never_said_is_null_and_not_zero(served: Served) -> None:
    card = get(served, f"{V1}/{UNSEEN}")
    unknown = ["name", "creator", "createdTime", "curveProgress", "supply", "marketCap", "price"]
    assert {card[name] for name in [*unknown, "quoteSymbol", "quoteVolume"]} == {None}
    assert card["quoteVolumeUnits"] == "1000000000"
    trade = get(served, f"{V1}/{UNSEEN}/trades")["items"][0]
    assert (trade["price"], trade["quoteAmount"], trade["tokenAmount"]) == (None, None, 34e6)


def test_a_well_known_quote_mint_has_its_decimals_even_where_they_were_not_recorded() -> None:
    mint = address("plain")
    served = Served([curve_traded(1, mint, quote_decimals=None)])
    assert get(served, f"{V1}/{mint}")["quoteDecimals"] == 9
    assert get(served, f"{V1}/{mint}/trades")["items"][0]["quoteAmount"] == 1.0
    assert get(served, f"{V1}/{mint}/chart")["items"][0]["quoteVolume"] == 1.0


def test_an_amount_beyond_what_json_numbers_hold_is_exact() -> None:
    mint = address("huge")
    amount = 2**64 - 1
    trades = [curve_traded(slot, mint, quote_amount=amount) for slot in (1, 2)]
    served = Served(trades)
    assert get(served, f"{V1}/{mint}")["quoteVolumeUnits"] == str(2 * amount)
    units = {trade["quoteAmountUnits"] for trade in get(served, f"{V1}/{mint}/trades")["items"]}
    assert units == {str(amount)}


@pytest.mark.parametrize("sort", [it for it in get_args(ListSort) if it != "change"])
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_pages_hold_each_listed_token_once_in_order(served: Served, sort: str, limit: int) -> None:
    found = walk(served, f"{V1}?sort={sort}&limit={limit}", "cursor")
    whole = walk(served, f"{V1}?sort={sort}", "cursor")
    assert found == whole
    assert sorted(card["mint"] for card in found) == sorted((TRADED, GRADUATED, UNTRADED, UNSEEN))


def test_tokens_come_by_their_last_trade_unless_asked_otherwise(served: Served) -> None:
    def order(query: str) -> list[str]:
        return [card["mint"] for card in get(served, V1 + query)["items"]]

    assert order("") == [UNSEEN, GRADUATED, TRADED, UNTRADED]
    assert order("?sort=created")[0] == UNTRADED
    assert order("?sort=trades")[0] == TRADED
    assert order("?sort=market_cap")[-1] == UNSEEN
    assert order("?state=graduated") == [GRADUATED]
    assert order("?state=completed") == []


def test_a_page_goes_on_where_it_ended_while_tokens_move(served: Served) -> None:
    """The last page's token trades on, one behind it does, and a new one comes: the list stays."""
    first = get(served, f"{V1}?limit=2")
    assert [card["mint"] for card in first["items"]] == [UNSEEN, GRADUATED]
    newcomer = address("newcomer")
    served.add(created(3_000, newcomer), *(curve_traded(3_001, it) for it in (GRADUATED, TRADED)))
    rest = walk(served, f"{V1}?limit=1", "cursor", first["next"])
    assert [card["mint"] for card in rest] == [TRADED, UNTRADED]
    assert rest[0]["trades"] == 121
    anew = get(served, V1)["items"]
    assert [card["mint"] for card in anew][-2:] == [newcomer, UNTRADED]


def test_a_list_leaves_out_what_its_filters_do_not_let_through(served: Served) -> None:
    def found(query: str) -> list[str]:
        return [card["mint"] for card in get(served, f"{V1}?sort=created&{query}")["items"]]

    listed = [UNTRADED, GRADUATED, TRADED, UNSEEN]
    assert found("") == listed
    assert found("venue=pool") == [GRADUATED]
    assert found(f"quote={NATIVE_SOL}") == [UNTRADED, TRADED]
    assert found("marketCapMin=27&marketCapMax=28") == [UNTRADED]
    assert found("liquidityMin=2&liquidityMax=3") == [TRADED]
    assert found("volumeMin=1.5") == [TRADED]
    assert found("volumeMax=0") == [UNTRADED]
    assert found("progressMin=0.01&progressMax=0.5") == [TRADED]
    assert found("progressMin=1") == [GRADUATED]
    assert found("ageMax=2") == [UNTRADED]
    assert found("ageMin=3") == [GRADUATED, TRADED]
    assert found("q=COIN%20trad") == [UNTRADED, TRADED]
    assert found("q=" + GRADUATED[:8]) == [GRADUATED]
    assert found("q=creator1") == []
    assert found("q=%21") == []


def test_a_list_of_a_window_is_by_what_was_traded_in_it() -> None:
    """Two tokens within five minutes, one an hour before."""
    late, early, both = (address(name) for name in ("late", "early", "both"))
    trades = [
        curve_traded(1, early, block_time_s=GENESIS_S, quote_amount=9 * 10**9),
        curve_traded(2, both, block_time_s=GENESIS_S, quote_amount=7 * 10**9),
        curve_traded(3, both, block_time_s=GENESIS_S + 3_700, quote_amount=1 * 10**9),
        curve_traded(4, late, block_time_s=GENESIS_S + 3_701, quote_amount=2 * 10**9),
        curve_traded(
            5,
            late,
            block_time_s=GENESIS_S + 3_702,
            quote_amount=3 * 10**9,
            virtual_quote_reserves=62 * 10**9,
        ),
    ]
    served = Served(trades)

    def order(query: str) -> list[str]:
        return [card["mint"] for card in get(served, f"{V1}?{query}")["items"]]

    assert order("sort=volume") == [early, both, late]
    assert order("sort=volume&window=5m") == [late, both]
    assert order("sort=volume&window=24h") == [early, both, late]
    assert order("sort=volume&window=5m&volumeMin=2") == [late]
    assert order("sort=trades&window=5m") == [late, both]
    assert order("sort=change")[0] == late
    card = get(served, f"{V1}?sort=change&window=5m&limit=1")["items"][0]
    assert card["window"] == {
        "trades": 2,
        "quoteVolume": 5.0,
        "quoteVolumeUnits": "5000000000",
        "priceChange": 1.0,
    }
    assert get(served, V1)["items"][0]["window"] is None
    first = get(served, f"{V1}?sort=volume&window=5m&limit=1")
    other = served.client.get(f"{V1}?sort=volume&window=1h&cursor={first['next']}")
    assert (other.status_code, other.json["parameter"]) == (400, "cursor")
    assert walk(served, f"{V1}?sort=volume&window=5m&limit=1", "cursor")[1]["mint"] == both


def test_trades_are_listed_newest_first_and_each_once(served: Served) -> None:
    found = walk(served, f"{V1}/{TRADED}/trades?limit=7", "before")
    assert len(found) == len({trade["id"] for trade in found}) == 120
    slots = [trade["slot"] for trade in found]
    assert slots == sorted(slots, reverse=True)
    assert (slots[0], slots[-1]) == (10 + 12 * 119, 10)


def test_going_back_through_trades_is_not_disturbed_by_new_ones(served: Served) -> None:
    first = get(served, f"{V1}/{TRADED}/trades?limit=100")
    served.add(curve_traded(3_000, TRADED))
    rest = get(served, f"{V1}/{TRADED}/trades?limit=100&before={first['next']}")
    assert len({trade["id"] for trade in first["items"] + rest["items"]}) == 120


def test_a_trade_says_who_did_what_where_and_what_the_price_was_then(served: Served) -> None:
    trade = get(served, f"{V1}/{GRADUATED}/trades")["items"][0]
    assert (trade["venue"], trade["pool"]) == ("pool", f"pool-{GRADUATED}")
    assert (trade["side"], trade["trader"], trade["canonical"]) == ("buy", "trader", True)
    assert (trade["slot"], trade["transactionIndex"]) == (2_003, 7)
    assert trade["id"] == f"{trade['signature']}:2.0"
    assert (trade["quoteAmount"], trade["quoteAmountUnits"]) == (0.412, "412000000")
    assert (trade["tokenAmount"], trade["tokenAmountUnits"]) == (1e6, "1000000000000")
    assert trade["price"] == pytest.approx((84.99 + 0.412824) / 205_900_000)
    assert trade["time"] == GENESIS_S + 801


def test_trades_in_a_strangers_pool_are_shown_but_do_not_count(served: Served) -> None:
    assert get(served, f"{V1}/{STRANGER}/trades")["items"][0]["canonical"] is False
    assert get(served, f"{V1}/{STRANGER}")["trades"] == 0
    assert get(served, f"{V1}/{STRANGER}/chart")["items"] == []


def test_a_candle_is_in_whole_coins_and_keeps_low_below_open_and_close_below_high(
    served: Served,
) -> None:
    chart = get(served, f"{V1}/{TRADED}/chart?interval=24h")
    (candle,) = chart["items"]
    assert (chart["interval"], chart["quoteSymbol"], chart["next"]) == ("24h", "SOL", None)
    assert candle["time"] == GENESIS_S - GENESIS_S % 86_400
    assert candle["open"] == candle["low"] == pytest.approx(31 / 1_039_000_000)
    assert candle["high"] == pytest.approx(31.6 / 1_039_000_000)
    assert (candle["quoteVolume"], candle["quoteVolumeUnits"]) == (120.0, "120000000000")
    assert (candle["tokenVolume"], candle["buys"], candle["sells"]) == (4_080e6, 80, 40)


def test_intervals_without_a_trade_have_no_candle(served: Served) -> None:
    times = [
        candle["time"]
        for candle in get(served, f"{V1}/{TRADED}/chart?interval=1s&limit=1000")["items"]
    ]
    assert len(times) == 120
    assert {later - earlier for earlier, later in pairwise(times)} == {4, 5}


def test_a_chart_ends_with_the_newest_candles_and_leads_to_those_before(served: Served) -> None:
    everything = get(served, f"{V1}/{TRADED}/chart?interval=1m")["items"]
    newest = get(served, f"{V1}/{TRADED}/chart?interval=1m&limit=4")
    before = get(served, f"{V1}/{TRADED}/chart?interval=1m&limit=4&to={newest['next']}")
    assert newest["items"] == everything[-4:]
    assert before["items"] == everything[-8:-4]


def test_a_charts_range_holds_its_beginning_but_not_its_end(served: Served) -> None:
    """`from` lies within a candle, `to` at the start of one; both as text and as seconds."""
    start = GENESIS_S - GENESIS_S % 60 + 60
    by_seconds = get(served, f"{V1}/{TRADED}/chart?interval=1m&from={start + 59}&to={start + 180}")
    by_text = get(
        served,
        f"{V1}/{TRADED}/chart?interval=1m&from=2025-10-09T10:54:59%2B02:00&to=2025-10-09T08:57:00Z",
    )
    assert [candle["time"] for candle in by_seconds["items"]] == [start, start + 60, start + 120]
    assert by_text == by_seconds


def test_known_without_trades_is_an_empty_list_and_unknown_is_a_problem(served: Served) -> None:
    for part in ("/chart", "/trades"):
        assert get(served, f"{V1}/{UNTRADED}{part}")["items"] == []
        assert served.client.get(f"{V1}/{ABSENT}{part}").status_code == 404
    assert get(served, f"{V1}/{TRADED}/chart?to=0")["items"] == []
    assert get(served, f"{V1}/{TRADED}/trades?before=0")["items"] == []
    assert served.client.get(f"{V1}/{ABSENT}").status_code == 404
