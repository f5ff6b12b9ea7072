"""Pairs are told in DexScreener's shapes; figures are worked out by hand or compared with ours."""

from typing import Any

import pytest

from api.dexscreener.routes import DESCRIBED_AT
from api.foreign import plain
from curvetape.testing.api import V1, Served
from curvetape.testing.events import (
    completed,
    completion_traded,
    created,
    curve_traded,
    migrated,
    pool_traded,
    sol_priced,
)
from curvetape.testing.market import ABSENT, MARKET, TRADED, UNSEEN, address
from domain.events import AnyEvent
from domain.programs import WRAPPED_SOL

MOVED = address("moved")
CURVE, POOL = f"curve-{MOVED}", f"pool-{MOVED}"
HOUR = 9_000
"""Slots."""

GRADUATION: list[AnyEvent] = [
    sol_priced(1),
    created(2, MOVED, name="Moved", symbol="MVD"),
    curve_traded(10, MOVED, virtual_quote_reserves=30_000_000_000),
    curve_traded(20, MOVED, side="sell", virtual_quote_reserves=45_000_000_000),
    completion_traded(30, MOVED),
    completed(31, MOVED),
    migrated(40, MOVED),
    sol_priced(50, price=20_000_000_000),
    pool_traded(HOUR + 60, MOVED),
    pool_traded(HOUR + 61, MOVED, side="sell", pool_quote_delta=-400_000_000),
]


def get(events: list[AnyEvent], path: str, status: int = 200) -> Any:
    result = Served(events).client.get(path)
    assert result.status_code == status, result.text
    return result.json


def test_a_token_that_graduated_has_a_pair_for_each_venue_with_figures_of_its_own() -> None:
    pool, curve = get(GRADUATION, f"/latest/dex/tokens/{MOVED}")["pairs"]
    assert (pool["dexId"], pool["pairAddress"]) == ("pumpswap", POOL)
    assert (curve["dexId"], curve["pairAddress"]) == ("pumpfun", CURVE)
    assert pool["txns"]["h1"] == {"buys": 1, "sells": 1}
    assert curve["txns"]["h1"] == {"buys": 0, "sells": 0}
    assert curve["txns"]["h6"] == {"buys": 2, "sells": 1}
    # 1 SOL twice and the half one of the completion at 150 dollars; 0.412 SOL twice at 200.
    assert curve["volume"] == {"h24": 375.0, "h6": 375.0, "h1": 0.0, "m5": 0.0}
    assert pool["volume"] == {"h24": 164.8, "h6": 164.8, "h1": 164.8, "m5": 164.8}
    assert pool["pairCreatedAt"] == (1_760_000_000 + 16) * 1_000
    assert curve["pairCreatedAt"] == 1_760_000_000_000
    assert "liquidity" not in curve
    assert pool["liquidity"]["quote"] == pytest.approx(84.59)
    assert pool["liquidity"]["usd"] == pytest.approx(2 * 84.59 * 200)


def test_the_current_pair_says_what_our_own_answers_say() -> None:
    for events, mint in ((GRADUATION, MOVED), ([sol_priced(1), *MARKET], TRADED)):
        card, pair = get(events, f"{V1}/{mint}"), get(events, f"/tokens/v1/solana/{mint}")[0]
        assert float(pair["priceNative"]) == card["price"]
        assert float(pair["priceUsd"]) == card["priceUsd"]
        assert pair["marketCap"] == pair["fdv"] == round(card["marketCapUsd"], 2)
        if "liquidity" in pair:
            assert pair["liquidity"]["usd"] == round(card["liquidityUsd"], 2)
        if mint == TRADED:  # all in one venue, so that its windows are the token's
            for name, ours in (("m5", "5m"), ("h1", "1h"), ("h6", "6h"), ("h24", "24h")):
                window = card["windows"][ours]
                assert pair["txns"][name] == {"buys": window["buys"], "sells": window["sells"]}
                assert pair["priceChange"][name] == round(window["priceChange"] * 100, 2)
                assert pair["volume"][name] == pytest.approx(window["quoteVolume"] * 150)


def test_a_pair_has_the_fields_and_types_of_the_original() -> None:
    (pair,) = get([sol_priced(1), *MARKET], f"/token-pairs/v1/solana/{TRADED}")
    assert pair["chainId"] == "solana"
    assert pair["url"] == f"https://dexscreener.com/solana/curve-{TRADED}"
    assert pair["baseToken"] == {"address": TRADED, "name": f"Coin {TRADED}", "symbol": "TRAD"}
    assert pair["quoteToken"] == {"address": WRAPPED_SOL, "name": "Wrapped SOL", "symbol": "SOL"}
    assert pair["priceNative"] == "0.00000002983638113570741"
    assert pair["info"] == {
        "imageUrl": "https://img.example/a.png",
        "websites": [],
        "socials": [{"type": "twitter", "url": "https://x.com/traded"}],
    }


def test_what_is_not_known_is_left_out() -> None:
    (pair,) = get(list(MARKET), f"/token-pairs/v1/solana/{TRADED}")  # no price of SOL
    assert pair["priceNative"]
    assert pair["volume"] == {}
    assert not {"priceUsd", "fdv", "marketCap", "liquidity"} & pair.keys()
    # Whose launch is not in the log has no address of a curve; nothing is made up.
    assert get(list(MARKET), f"/token-pairs/v1/solana/{UNSEEN}") == []


def test_pairs_are_found_by_their_addresses_in_the_order_asked_for() -> None:
    answer = get(GRADUATION, f"/latest/dex/pairs/solana/{CURVE},{POOL},{ABSENT}")
    assert [pair["pairAddress"] for pair in answer["pairs"]] == [CURVE, POOL]
    assert answer["pair"]["pairAddress"] == CURVE


@pytest.mark.parametrize("text", ["moved", "mvd/SOL", MOVED, POOL])
@pytest.mark.parametrize("path", ["/latest/dex/search", "/latest/dex/search/"])
def test_a_search_finds_names_symbols_mints_and_pairs(text: str, path: str) -> None:
    pairs = get(GRADUATION, f"{path}?q={text}")["pairs"]
    assert pairs[0]["baseToken"]["address"] == MOVED
    assert len(pairs) == (1 if text == POOL else 2)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (f"/latest/dex/tokens/{ABSENT}", {"schemaVersion": "1.0.0", "pairs": None}),
        (
            f"/latest/dex/pairs/solana/{ABSENT}",
            {"schemaVersion": "1.0.0", "pairs": None, "pair": None},
        ),
        (
            f"/latest/dex/pairs/ethereum/{POOL}",
            {"schemaVersion": "1.0.0", "pairs": None, "pair": None},
        ),
        ("/latest/dex/search?q=nothing+like+it", {"schemaVersion": "1.0.0", "pairs": []}),
        ("/latest/dex/search", {"schemaVersion": "1.0.0", "pairs": []}),
        (f"/tokens/v1/solana/{ABSENT}", []),
        (f"/tokens/v1/base/{MOVED}", []),
        (f"/token-pairs/v1/base/{MOVED}", []),
        ("/token-boosts/latest/v1", []),
        ("/token-boosts/top/v1", []),
        (f"/orders/v1/solana/{MOVED}", []),
    ],
)
def test_what_there_is_none_of_is_told_as_the_original_does(path: str, answer: object) -> None:
    assert get(GRADUATION, path) == answer


def test_thirty_addresses_are_read_and_more_refused() -> None:
    thirty = ",".join([MOVED, *(f"mint{number}" for number in range(29))])
    assert len(get(GRADUATION, f"/tokens/v1/solana/{thirty}")) == 2
    assert "error" in get(GRADUATION, f"/tokens/v1/solana/{thirty},one", 400)


def test_profiles_are_what_creators_say() -> None:
    (profile,) = get(list(MARKET), "/token-profiles/latest/v1")
    assert profile["tokenAddress"] == TRADED
    assert profile["links"] == [{"type": "twitter", "url": "https://x.com/traded"}]
    assert profile["icon"] == "https://img.example/a.png"


def test_an_answer_is_dated_and_not_sent_twice() -> None:
    served = Served(GRADUATION)
    path = f"/tokens/v1/solana/{MOVED}"
    first = served.client.get(path)
    assert first.headers["Curvetape-Position"] == str(len(GRADUATION))
    again = served.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_the_routes_are_described() -> None:
    described = get(GRADUATION, DESCRIBED_AT)
    assert "/tokens/v1/{chainId}/{tokenAddresses}" in described["paths"]
    assert (
        described["components"]["schemas"]["Pair"]["properties"]["priceNative"]["type"] == "string"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (2.98e-8, "0.0000000298"), (1e22, "10000000000000000000000"), (12.5, "12.5")],
)
def test_a_price_is_told_without_an_exponent(value: float, text: str) -> None:
    assert plain(value) == text
    assert float(plain(value)) == value
