"""Pools, charts and trades are told in GeckoTerminal's shapes, with the figures of `/api/v1`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from api.geckoterminal.routes import DESCRIBED_AT
from curvetape.testing.api import V1, Served
from curvetape.testing.events import GENESIS_S, created, curve_traded, pool_traded, sol_priced
from curvetape.testing.market import ABSENT, GRADUATED, MARKET, TRADED
from domain.events import AnyEvent
from domain.programs import USDC, WRAPPED_SOL
from projections.pair_reads import Asked, VenueFigures

SOLANA = "/api/v2/networks/solana"
POOL, CURVE = f"pool-{GRADUATED}", f"curve-{GRADUATED}"
TRADED_POOL = f"{SOLANA}/pools/curve-{TRADED}"


def get(path: str, status: int = 200) -> Any:
    result = Served([sol_priced(1), *MARKET]).client.get(path)
    assert result.status_code == status, result.text
    return result.json


def test_a_pool_says_what_our_own_answers_say() -> None:
    card, pool = get(f"{V1}/{TRADED}"), get(TRADED_POOL)["data"]
    said = pool["attributes"]
    assert pool["id"] == f"solana_curve-{TRADED}"
    assert float(said["base_token_price_usd"]) == card["priceUsd"]
    assert float(said["base_token_price_native_currency"]) == card["price"]
    assert float(said["fdv_usd"]) == card["marketCapUsd"]
    assert float(said["reserve_in_usd"]) == card["liquidityUsd"]
    assert said["quote_token_price_usd"] == "150"
    for name, ours in (("m5", "5m"), ("m15", "15m"), ("h1", "1h"), ("h6", "6h"), ("h24", "24h")):
        window = card["windows"][ours]
        assert said["transactions"][name] == {
            key: window[key] for key in ("buys", "sells", "buyers", "sellers")
        }
        assert float(said["volume_usd"][name]) == pytest.approx(window["quoteVolume"] * 150)
    assert pool["relationships"]["dex"]["data"] == {"id": "pump-fun", "type": "dex"}


def test_what_is_asked_for_is_included_once() -> None:
    answer = get(f"{SOLANA}/pools/multi/{POOL},{CURVE},{ABSENT}?include=base_token,quote_token,dex")
    assert [pool["attributes"]["address"] for pool in answer["data"]] == [POOL, CURVE]
    assert [(each["type"], each["id"]) for each in answer["included"]] == [
        ("token", f"solana_{GRADUATED}"),
        ("token", f"solana_{WRAPPED_SOL}"),
        ("dex", "pumpswap"),
        ("dex", "pump-fun"),
    ]
    assert "included" not in get(f"{SOLANA}/pools/{POOL}")


def test_a_token_has_its_pools_the_current_one_first() -> None:
    answer = get(f"{SOLANA}/tokens/{GRADUATED}?include=top_pools")
    related = answer["data"]["relationships"]["top_pools"]["data"]
    assert [each["id"] for each in related] == [f"solana_{POOL}", f"solana_{CURVE}"]
    assert answer["included"] == get(f"{SOLANA}/tokens/{GRADUATED}/pools")["data"]
    assert float(answer["data"]["attributes"]["price_usd"]) == get(f"{V1}/{GRADUATED}")["priceUsd"]


@pytest.mark.parametrize(
    ("timeframe", "interval"),
    [
        ("second?", "1s"),
        ("second?aggregate=15&", "15s"),
        ("minute?", "1m"),
        ("minute?aggregate=5&", "5m"),
        ("hour?aggregate=4&", "4h"),
        ("day?aggregate=1&", "24h"),
    ],
)
@pytest.mark.parametrize(("currency", "ours"), [("usd", "usd"), ("token", "quote")])
def test_candles_are_those_of_our_own_chart_newest_first(
    timeframe: str, interval: str, currency: str, ours: str
) -> None:
    told = get(f"{TRADED_POOL}/ohlcv/{timeframe}currency={currency}&limit=7")
    kept = get(f"{V1}/{TRADED}/chart?interval={interval}&currency={ours}&limit=7")["items"]
    fields = ("time", "open", "high", "low", "close", "volume")
    assert told["data"]["attributes"]["ohlcv_list"] == [
        [candle[field] for field in fields] for candle in kept[::-1]
    ]
    assert told["meta"]["base"]["address"] == TRADED


def test_longer_candles_are_folded_and_the_quotes_are_turned_around() -> None:
    halves = get(f"{TRADED_POOL}/ohlcv/second?aggregate=15&currency=token&limit=1000")
    told = get(f"{TRADED_POOL}/ohlcv/second?aggregate=30&currency=token&limit=1000")
    shorter = halves["data"]["attributes"]["ohlcv_list"][::-1]
    longer = told["data"]["attributes"]["ohlcv_list"][::-1]
    for time_s, opened, high, low, closed, volume in longer:
        parts = [each for each in shorter if time_s <= each[0] < time_s + 30]
        assert (opened, closed) == (parts[0][1], parts[-1][4])
        assert (high, low) == (max(each[2] for each in parts), min(each[3] for each in parts))
        assert volume == pytest.approx(sum(each[5] for each in parts))
    turned = get(f"{TRADED_POOL}/ohlcv/second?aggregate=30&currency=token&token=quote&limit=1000")
    assert [each[2] for each in turned["data"]["attributes"]["ohlcv_list"][::-1]] == [
        1 / each[3] for each in longer
    ]


def test_candles_are_cut_where_the_token_moved() -> None:
    served = Served([sol_priced(1), *MARKET, pool_traded(3_000, GRADUATED)])
    times = {}
    for address in (POOL, CURVE):
        path = f"{SOLANA}/pools/{address}/ohlcv/second?currency=token"
        rows = served.client.get(path).json["data"]["attributes"]["ohlcv_list"]
        times[address] = [row[0] for row in rows]
    moved_s = GENESIS_S + 800
    assert times[POOL]
    assert min(times[POOL]) >= moved_s
    assert max(times[CURVE]) <= moved_s


def test_trades_are_of_the_pool_alone_and_in_dollars() -> None:
    (trade,) = get(f"{SOLANA}/pools/{POOL}/trades")["data"]
    said = trade["attributes"]
    assert (said["kind"], said["tx_from_address"], said["volume_in_usd"]) == (
        "buy",
        "trader",
        "61.8",
    )
    assert (said["from_token_address"], said["to_token_address"]) == (WRAPPED_SOL, GRADUATED)
    assert (said["from_token_amount"], said["to_token_amount"]) == ("0.412", "1000000")
    assert said["price_to_in_usd"] == "0.0000618"
    assert get(f"{SOLANA}/pools/{POOL}/trades?trade_volume_in_usd_greater_than=62")["data"] == []
    ours = get(f"{V1}/{TRADED}/trades?limit=120")["items"]
    theirs = get(f"{TRADED_POOL}/trades")["data"]
    assert [each["attributes"]["volume_in_usd"] for each in theirs] == ["150"] * len(ours)
    assert [each["attributes"]["kind"] for each in theirs] == [each["side"] for each in ours]


def test_new_and_trending_pools_are_in_their_order() -> None:
    created = [each["attributes"]["pool_created_at"] for each in get(f"{SOLANA}/new_pools")["data"]]
    assert created == sorted(created, reverse=True)
    assert len(created) == 4  # three launches, and the pool of one
    trending = get(f"{SOLANA}/trending_pools")["data"]
    volumes = [float(each["attributes"]["volume_usd"]["h24"]) for each in trending]
    assert volumes == sorted(volumes, reverse=True)
    assert get(f"{SOLANA}/new_pools?page=2")["data"] == []


@pytest.mark.parametrize("path", ["new_pools", "trending_pools"])
def test_all_networks_are_one(path: str) -> None:
    assert get(f"/api/v2/networks/{path}") == get(f"{SOLANA}/{path}")


def trades_of_day(pool: Any) -> int:
    day = pool["attributes"]["transactions"]["h24"]
    return int(day["buys"] + day["sells"])


def volume_of_day(pool: Any) -> float:
    return float(pool["attributes"]["volume_usd"]["h24"])


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("", trades_of_day),
        ("?sort=h24_tx_count_desc", trades_of_day),
        ("?sort=h24_volume_usd_desc", volume_of_day),
    ],
)
def test_the_top_pools_are_those_that_traded_most_within_a_day(
    sort: str, value: Callable[[Any], float]
) -> None:
    few, large = "few", 1_000_000_000_000
    events: list[AnyEvent] = [created(4_000, few), curve_traded(4_001, few, quote_amount=large)]
    moved = [pool_traded(4_100 + number, GRADUATED) for number in range(150)]
    served = Served([sol_priced(1), *MARKET, *events, *moved])
    data = served.client.get(f"{SOLANA}/pools{sort}").json["data"]
    values = [value(each) for each in data]
    assert values == sorted(values, reverse=True)
    addresses = [each["attributes"]["address"] for each in data]
    first = f"curve-{few}" if "volume" in sort else POOL
    assert addresses[0] == first
    assert set(addresses) >= {POOL, f"curve-{TRADED}", f"curve-{few}"}
    assert all(trades_of_day(each) for each in data)
    for dex, own in (("pumpswap", [POOL]), ("pump-fun", None)):
        of_dex = served.client.get(f"{SOLANA}/dexes/{dex}/pools{sort}").json["data"]
        found = [each["attributes"]["address"] for each in of_dex]
        assert found == (own or [it for it in addresses if it not in {POOL, CURVE}])


def test_pools_are_found_by_what_their_token_is_called_and_by_their_address() -> None:
    card = get(f"{V1}/{GRADUATED}")
    for text in (card["symbol"], GRADUATED):
        told = get(f"/api/v2/search/pools?query={text}&network=solana&include=dex")
        addresses = [each["attributes"]["address"] for each in told["data"]]
        assert addresses[:2] == [POOL, CURVE]
        assert [each["id"] for each in told["included"]][:2] == ["pumpswap", "pump-fun"]
    assert get(f"/api/v2/search/pools?query={CURVE}")["data"] == [
        get(f"{SOLANA}/pools/{CURVE}")["data"]
    ]
    for nothing in ("", "?query=", "?query=nowhere", f"?query={GRADUATED}&page=2", "?query=%00"):
        assert get(f"/api/v2/search/pools{nothing}")["data"] == []


def test_several_tokens_are_told_as_each_is_alone() -> None:
    path = f"{SOLANA}/tokens/multi/{GRADUATED},{ABSENT},{TRADED}?include=top_pools"
    answer = get(path)
    alone = [get(f"{SOLANA}/tokens/{mint}?include=top_pools") for mint in (GRADUATED, TRADED)]
    assert answer["data"] == [each["data"] for each in alone]
    assert answer["included"] == [pool for each in alone for pool in each["included"]]
    assert "included" not in get(f"{SOLANA}/tokens/multi/{TRADED}")


def test_prices_are_those_of_the_cards_and_coins_have_one_too() -> None:
    path = f"/api/v2/simple/networks/solana/token_price/{TRADED},{ABSENT},{WRAPPED_SOL},{USDC}"
    data = get(path)["data"]
    card = get(f"{V1}/{TRADED}")
    assert data["type"] == "simple_token_price"
    assert list(data["attributes"]) == ["token_prices"]
    prices = data["attributes"]["token_prices"]
    assert float(prices[TRADED]) == card["priceUsd"]
    assert (prices[WRAPPED_SOL], prices[USDC]) == ("150", "1")
    assert ABSENT not in prices
    flags = ("market_cap", "24hr_vol", "24hr_price_change", "total_reserve_in_usd")
    query = "&".join(f"include_{flag}=true" for flag in flags)
    said = get(f"{path}?{query}&mcap_fdv_fallback=true")["data"]["attributes"]
    pool = get(TRADED_POOL)["data"]["attributes"]
    assert said == {
        "token_prices": prices,
        "market_cap_usd": {TRADED: pool["market_cap_usd"]},
        "h24_volume_usd": {TRADED: pool["volume_usd"]["h24"]},
        "h24_price_change_percentage": {TRADED: pool["price_change_percentage"]["h24"]},
        "total_reserve_in_usd": {TRADED: pool["reserve_in_usd"]},
    }


@pytest.mark.parametrize(
    ("path", "shown", "counted"),
    [
        ("new_pools", 20, 20),
        ("new_pools?page=2", 11, 11),  # 30 launches, and the pool of one
        ("trending_pools", 20, 30),  # all are ranked, each where it trades now
        ("pools", 3, 3),  # two tokens traded, one of them in both of its places
        ("dexes/pumpswap/pools", 1, 1),
        (f"pools/multi/{POOL}", 1, 1),
        (f"pools/{CURVE}/ohlcv/minute", 1, 0),
    ],
)
def test_nothing_is_counted_of_pools_that_are_not_shown(
    path: str, shown: int, counted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    launches = [created(5_000 + number, f"many{number}") for number in range(27)]
    served = Served([sol_priced(1), *MARKET, *launches])
    asked: list[Asked] = []
    figures = served.reads.venue_figures

    async def noted(venues: Sequence[Asked], *, wallets: bool) -> Mapping[Asked, VenueFigures]:
        asked.extend(venues)
        return await figures(venues, wallets=wallets)

    monkeypatch.setattr(served.reads, "venue_figures", noted)
    data = served.client.get(f"{SOLANA}/{path}").json["data"]
    rows = data if isinstance(data, list) else data["attributes"]["ohlcv_list"]
    assert (len(rows), len(asked)) == (shown, counted)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{SOLANA}/pools/{ABSENT}", 404),
        (f"{SOLANA}/pools/{ABSENT}/trades", 404),
        (f"{SOLANA}/tokens/{ABSENT}", 404),
        (f"{SOLANA}/tokens/{ABSENT}/pools", 404),
        (f"/api/v2/networks/eth/pools/{POOL}", 404),
        ("/api/v2/networks/eth/new_pools", 404),
        (f"{SOLANA}/pools/multi/{','.join(f'p{number}' for number in range(31))}", 400),
        (f"{SOLANA}/tokens/multi/{','.join(f'p{number}' for number in range(31))}", 400),
        (f"{SOLANA}/dexes/raydium/pools", 404),
        (f"{SOLANA}/pools?sort=name", 400),
        ("/api/v2/networks/eth/pools", 404),
        ("/api/v2/search/pools?query=x&network=eth", 404),
        (f"/api/v2/simple/networks/eth/token_price/{TRADED}", 404),
        (f"{SOLANA}/new_pools?page=11", 400),
        (f"{TRADED_POOL}/ohlcv/week", 400),
        (f"{TRADED_POOL}/ohlcv/hour?aggregate=3", 400),
        (f"{TRADED_POOL}/ohlcv/hour?limit=x", 400),
        (f"{TRADED_POOL}/ohlcv/hour?token=quote", 400),
        (f"{TRADED_POOL}/trades?trade_volume_in_usd_greater_than=x", 400),
    ],
)
def test_what_cannot_be_answered_is_an_error_of_the_original(path: str, status: int) -> None:
    (error,) = get(path, status)["errors"]
    assert error["status"] == str(status)


def test_there_is_one_network_and_it_is_described() -> None:
    (network,) = get("/api/v2/networks")["data"]
    assert network["id"] == "solana"
    assert [each["id"] for each in get(f"{SOLANA}/dexes")["data"]] == ["pump-fun", "pumpswap"]
    assert "/api/v2/networks/{network}/pools/{pool}" in get(DESCRIBED_AT)["paths"]
