"""Leaderboards and the market as the API tells them; figures are worked out by hand."""

from typing import Any

import pytest
from falcon.testing import TestClient

from api.app import create_app
from api.leaderboards import OF_THE_PAST
from curvetape.testing.api import Served
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import GENESIS_S, created, curve_traded, migrated, sol_priced
from curvetape.testing.market import address
from domain.programs import USDC

BOARDS = "/api/v1/leaderboards"
MARKET = "/api/v1/market"
NOON_S = GENESIS_S - GENESIS_S % 86_400 + 43_200
FIRST, SECOND, COIN = address("first"), address("second"), address("third")


def traded(number: int, mint: str, at_s: int, **fields: Any) -> Any:
    return curve_traded(number, mint, block_time_s=NOON_S + at_s, **fields)


EVENTS = [
    sol_priced(1, price=200 * 10**8),
    created(2, FIRST, block_time_s=NOON_S - 7_200),
    created(3, SECOND, block_time_s=NOON_S - 10),
    traded(4, FIRST, -3_000, quote_amount=5 * 10**9),
    traded(5, FIRST, 0, quote_amount=1 * 10**9, virtual_quote_reserves=31 * 10**9),
    traded(6, SECOND, 0, quote_amount=3 * 10**9, side="sell"),
    traded(7, FIRST, 30, quote_amount=1 * 10**9, virtual_quote_reserves=62 * 10**9),
    traded(8, COIN, 40, quote_mint=USDC, quote_decimals=6, quote_amount=50 * 10**6),
    migrated(9, FIRST, block_time_s=NOON_S + 45),
]


@pytest.fixture
def served() -> Served:
    return Served(EVENTS)


def get(served: Served, path: str) -> Any:
    result = served.client.get(path)
    assert result.status_code == 200, result.text
    return result.json


def test_a_board_has_its_tokens_in_order_with_what_they_did_in_the_window(served: Served) -> None:
    board = get(served, f"{BOARDS}?ranking=volume&window=5m")
    assert (board["fromTime"], board["toTime"]) == (NOON_S - 240, NOON_S + 60)
    assert [(it["rank"], it["mint"]) for it in board["items"]] == [
        (1, SECOND),
        (2, FIRST),
        (3, COIN),
    ]
    first = board["items"][1]
    assert (first["trades"], first["buys"], first["sells"]) == (2, 2, 0)
    assert (first["quoteVolume"], first["quoteVolumeUnits"]) == (2.0, "2000000000")
    assert (first["priceChange"], first["symbol"]) == (1.0, FIRST[:4].upper())
    assert board["items"][2]["volumeUsd"] == pytest.approx(50.0)
    assert first["volumeUsd"] == pytest.approx(400.0)
    hour = get(served, f"{BOARDS}?ranking=volume&window=1h")
    assert [it["mint"] for it in hour["items"]] == [FIRST, SECOND, COIN]
    assert hour["items"][0]["quoteVolume"] == 7.0


@pytest.mark.parametrize("ranking", ["age", "liquidity", "market_cap", "progress", "score"])
def test_every_ranking_has_a_board(served: Served, ranking: str) -> None:
    found = get(served, f"{BOARDS}?ranking={ranking}&window=24h")["items"]
    assert FIRST in {it["mint"] for it in found} or ranking == "progress"
    assert [it["rank"] for it in found] == list(range(1, len(found) + 1))


def test_pages_of_a_board_follow_each_other(served: Served) -> None:
    first = served.client.get(f"{BOARDS}?ranking=trades&window=24h&limit=2")
    assert first.json["next"] == "2"
    assert (
        first.headers["link"]
        == (f"<{BOARDS}?ranking=trades&window=24h&limit=2&page=2>; rel=next").replace(
            "rel=next", 'rel="next"'
        )
        or "page=2" in first.headers["link"]
    )
    second = get(served, f"{BOARDS}?ranking=trades&window=24h&limit=2&page=2")
    assert second["next"] is None
    assert [it["rank"] for it in second["items"]] == [3]


@pytest.mark.parametrize("ranking", sorted(OF_THE_PAST))
def test_a_board_of_the_past_is_what_it_was_then(ranking: str) -> None:
    """The same as if the log had ended with that minute, but for what is told as of now."""
    board = f"{BOARDS}?ranking={ranking}&window=15m"
    late = [
        created(18, address("new"), block_time_s=NOON_S + 590),
        # 50 dollars are more than 3 SOL by then.
        sol_priced(19, price=10 * 10**8, publish_time_s=NOON_S + 500),
        traded(20, SECOND, 600, quote_amount=10**10),
        traded(21, SECOND, 601),
        traded(22, address("new"), 605),
    ]
    then = get(Served(EVENTS), board)
    past = get(Served([*EVENTS, *late]), f"{board}&asOf={NOON_S + 30}")
    counted = ("trades", "buys", "sells", "quoteVolumeUnits", "volumeUsd")
    told = ("rank", "mint", *counted, "priceChange", "createdTime")
    assert [[it[name] for name in told] for it in past["items"]] == [
        [it[name] for name in told] for it in then["items"]
    ]
    assert (past["fromTime"], past["toTime"]) == (then["fromTime"], then["toTime"])
    assert {it["marketCap"] for it in past["items"]} == {None}
    now = [it["mint"] for it in get(Served([*EVENTS, *late]), board)["items"]]
    assert now != [it["mint"] for it in then["items"]]


def test_a_board_as_of_a_slot_is_that_of_the_time_of_its_block() -> None:
    held = CertifiedLog()
    for place, (slot, since_s) in enumerate([(500, 0), (501, 70), (503, 140)], 1):
        held.append(traded(slot, FIRST, since_s, quote_amount=place * 10**9))
        held.seal(slot, block_time_s=NOON_S + since_s)
    of = Served([event for *_, event in held])
    board = f"{BOARDS}?ranking=volume&window=5m&asOf="
    for slot, since_s, volume in ((500, 0, 1.0), (501, 70, 3.0), (502, 70, 3.0), (503, 140, 6.0)):
        found = get(of, f"{board}{slot}")
        assert found == get(of, f"{board}{NOON_S + since_s}")
        assert [it["quoteVolume"] for it in found["items"]] == [volume]
    refused = of.client.get(f"{board}499")
    assert (refused.status_code, refused.json["parameter"]) == (422, "asOf")
    behind = of.client.get(f"{board}504")  # not yet certified: the time of 1970, which is not kept
    assert (behind.status_code, behind.json["parameter"]) == (422, "asOf")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        (f"ranking=score&asOf={NOON_S}", "ranking"),
        (f"ranking=trades&asOf={NOON_S + 41}", "asOf"),
        (f"ranking=trades&asOf={NOON_S - 3_600}", "asOf"),
    ],
)
def test_a_past_that_is_not_kept_is_refused(served: Served, query: str, parameter: str) -> None:
    found = served.client.get(f"{BOARDS}?{query}")
    assert (found.status_code, found.json["type"]) == (422, "/#past-not-kept")
    assert found.json["parameter"] == parameter


def test_the_market_adds_up_all_tokens(served: Served) -> None:
    market = get(served, MARKET)
    assert (market["time"], market["solUsd"]) == (NOON_S + 40, 200.0)
    assert (market["tokens"], market["graduatedTokens"]) == (3, 1)
    minutes, hour, day = (market["windows"][name] for name in ("5m", "1h", "24h"))
    counted = ("tokens", "trades", "buys", "sells", "volumeSol", "volumeUsdc")
    assert [minutes[name] for name in counted] == [3, 4, 3, 1, 5.0, 50.0]
    assert [hour[name] for name in counted] == [3, 5, 4, 1, 10.0, 50.0]
    assert minutes["volumeUsd"] == pytest.approx(5 * 200 + 50)
    assert (minutes["launches"], day["launches"], minutes["graduations"]) == (1, 2, 1)
    assert market["gainers"][0]["mint"] == FIRST
    assert [it["mint"] for it in market["mostTraded"]] == [FIRST, SECOND, COIN]


def test_before_the_first_trade_the_market_is_not_known() -> None:
    market = get(Served([]), MARKET)
    assert (market["time"], market["windows"], market["gainers"]) == (None, None, None)


def test_without_leaderboards_a_board_says_what_it_needs_and_the_market_goes_without(
    served: Served,
) -> None:
    client = TestClient(create_app(served.reads, served.log))
    found = client.get(BOARDS)
    assert (found.status_code, found.json["type"]) == (503, "/#not-kept")
    told = client.get(MARKET)
    assert told.headers["curvetape-position"] == str(len(EVENTS))
    market = told.json
    assert (market["gainers"], market["mostTraded"]) == (None, None)
    assert market["windows"]["5m"]["trades"] == 4
    assert client.get("/readyz").status_code == 200
