"""Charts read bars as a UDF feed tells them: those of `/api/v1`, and where there are none, why."""

from typing import Any

import pytest

from api.udf.routes import DESCRIBED_AT
from api.udf.shapes import RESOLUTIONS
from curvetape.testing.api import V1, Served
from curvetape.testing.events import GENESIS_S, sol_priced
from curvetape.testing.market import ABSENT, MARKET, TRADED, UNTRADED

INTERVALS = ["1s", "5s", "15s", "1m", "5m", "15m", "1h", "4h", "24h"]
END = GENESIS_S + 10**6


def get(path: str, **query: object) -> Any:
    result = Served([sol_priced(1), *MARKET]).client.get(path, params=query)
    assert result.status_code == 200, result.text
    return result.json


def bars(**query: object) -> Any:
    return get("/udf/history", **{"symbol": TRADED, "from": 0, "to": END} | query)


@pytest.mark.parametrize(("resolution", "interval"), list(zip(RESOLUTIONS, INTERVALS, strict=True)))
@pytest.mark.parametrize(("behind", "currency"), [("", "quote"), ("/USD", "usd")])
def test_bars_are_the_candles_of_our_own_chart(
    resolution: str, interval: str, behind: str, currency: str
) -> None:
    told = bars(symbol=TRADED + behind, resolution=resolution)
    path = f"{V1}/{TRADED}/chart?interval={interval}&currency={currency}&limit=1000"
    ours = get(path)["items"]
    assert told["s"] == "ok"
    names = {"t": "time", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
    for name, field in names.items():
        assert told[name] == [candle[field] for candle in ours]


def test_a_range_begins_with_from_and_ends_before_to() -> None:
    times = bars(resolution="1")["t"]
    assert bars(resolution="1", **{"from": times[1], "to": times[3]})["t"] == times[1:3]


def test_countback_counts_from_the_end_whatever_from_says() -> None:
    times = bars(resolution="1")["t"]
    told = bars(resolution="1", countback=3, **{"from": times[-2], "to": times[-1]})
    assert told["t"] == times[-4:-1]


def test_where_there_are_no_bars_the_newest_before_them_is_named() -> None:
    times = bars(resolution="1")["t"]
    empty = bars(resolution="1", **{"from": END, "to": END + 60})
    assert empty == {"s": "no_data", "nextTime": times[-1]}
    assert bars(resolution="1", countback=9, to=times[0]) == {"s": "no_data"}
    assert bars(symbol=UNTRADED, resolution="1D") == {"s": "no_data"}


def test_bars_without_a_price_in_dollars_are_left_out() -> None:
    result = Served(MARKET).client.get(f"/udf/history?symbol={TRADED}/USD&resolution=1&to={END}")
    assert result.json == {"s": "no_data"}


@pytest.mark.parametrize(("spelt", "meant"), [("D", "1D"), ("1440", "1D"), ("S", "1S")])
def test_resolutions_have_more_than_one_spelling(spelt: str, meant: str) -> None:
    assert bars(resolution=spelt) == bars(resolution=meant)


@pytest.mark.parametrize(
    ("path", "query", "reason"),
    [
        ("/udf/symbols", {"symbol": ABSENT}, "unknown_symbol"),
        ("/udf/symbols", {}, "unknown_symbol"),
        ("/udf/history", {"symbol": ABSENT, "resolution": "1"}, "unknown_symbol"),
        ("/udf/history", {"symbol": TRADED, "resolution": "7"}, "unknown_resolution"),
        ("/udf/history", {"symbol": TRADED, "resolution": "1", "to": "x"}, "to is no number"),
        ("/udf/search", {"query": "", "limit": "x"}, "limit is no number"),
    ],
)
def test_what_cannot_be_answered_is_an_error_of_the_feed(
    path: str, query: dict[str, object], reason: str
) -> None:
    told = get(path, **query)
    assert told["s"] == "error"
    assert told["errmsg"].startswith(reason)
    answer = get(DESCRIBED_AT)["paths"][path]["get"]["responses"]["200"]["content"]
    (media,) = answer.values()
    assert {"$ref": "#/components/schemas/Failed"} in media["schema"].get("oneOf", [])


def test_a_symbol_shows_as_many_digits_as_its_prices_need() -> None:
    plain, dollars = (get("/udf/symbols", symbol=f"PUMPFUN:{TRADED}{it}") for it in ("", "/USD"))
    assert (plain["name"], plain["ticker"], plain["currency_code"]) == ("TRAD/SOL", TRADED, "SOL")
    assert (dollars["name"], dollars["ticker"]) == ("TRAD/USD", f"{TRADED}/USD")
    assert plain["pricescale"] == 10**13  # 2.98e-8 SOL
    assert dollars["pricescale"] == 10**11  # 4.48e-6 dollars
    assert plain["seconds_multipliers"] == ["1", "5", "15"]
    assert plain["intraday_multipliers"] == ["1", "5", "15", "60", "240"]


def test_a_search_finds_tickers_that_are_symbols() -> None:
    found = get("/udf/search", query="traded", limit=10)
    assert [each["ticker"] for each in found[:2]] == [f"{TRADED}/USD", TRADED]
    for each in found:
        assert get("/udf/symbols", symbol=each["ticker"])["ticker"] == each["ticker"]
    assert len(get("/udf/search", query="", limit=1)) == 1


def test_the_feed_says_what_it_can_do() -> None:
    config = get("/udf/config")
    assert config["supported_resolutions"] == list(RESOLUTIONS)
    assert config["supports_search"] is config["supports_time"] is True
    assert config["supports_group_request"] is False
    assert "/udf/history" in get(DESCRIBED_AT)["paths"]


def test_the_clock_is_text() -> None:
    result = Served().client.get("/udf/time")
    assert result.headers["content-type"].startswith("text/plain")
    assert int(result.text) > GENESIS_S
