"""The search resource: what it asks, what it shows and what it refuses."""

from typing import Any

import pytest

from curvetape.testing.api import Served
from curvetape.testing.metadata import described
from curvetape.testing.search_market import (
    BABY_PEPE,
    BERTA,
    CAFE,
    DOLLAR,
    MARKET,
    PEPE,
    PEPE_COIN,
    TRUMP,
    WIF,
)
from domain.programs import NATIVE_SOL, USDC, WRAPPED_SOL

SEARCH = "/api/v1/search"


@pytest.fixture
def served() -> Served:
    return Served(MARKET)


def get(served: Served, query: str) -> Any:
    result = served.client.get(f"{SEARCH}{query}")
    assert result.status_code == 200, result.text
    return result.json


def mints(answer: Any) -> list[str]:
    return [item["mint"] for item in answer["items"]]


def test_descriptions_are_searched_and_links_asked_for_where_that_is_wanted(
    served: Served,
) -> None:
    served.add(described(1, PEPE, description="All about frogs.", website="frog.example"))
    served.add(described(1, WIF, description="No frog at all."))
    assert mints(get(served, "?q=frog")) == []
    found = get(served, "?q=frog&inDescription=yes")
    assert mints(found) == [PEPE, WIF]
    assert found["facets"]["hasWebsite"] == {"yes": 1, "no": 1}
    assert [it["hasWebsite"] for it in found["items"]] == [True, False]
    assert mints(get(served, "?q=frog&inDescription=yes&hasWebsite=no")) == [WIF]
    assert get(served, "?q=trump")["items"][0]["hasWebsite"] is None


def test_tokens_are_found_by_name_best_first(served: Served) -> None:
    answer = get(served, "?q=pepe")
    assert mints(answer) == [PEPE, PEPE_COIN, BABY_PEPE]
    assert (answer["total"], answer["next"]) == (3, None)
    first = answer["items"][0]
    assert (first["name"], first["symbol"], first["creator"]) == ("Pepe", "PEPE", BERTA)
    assert first["marketCap"] == pytest.approx(900 / 1_039 * 1_000)
    assert (first["quoteVolume"], first["quoteVolumeUnits"]) == (2.0, "2000000000")


def test_facets_name_quotes_that_are_well_known(served: Served) -> None:
    assert get(served, "?limit=1")["facets"] == {
        "state": {"curve": 7, "completed": 1, "graduated": 1},
        "venue": {"curve": 8, "pool": 1},
        "quote": [
            {"quoteMint": NATIVE_SOL, "quoteSymbol": "SOL", "tokens": 7},
            {"quoteMint": USDC, "quoteSymbol": "USDC", "tokens": 1},
            {"quoteMint": WRAPPED_SOL, "quoteSymbol": "SOL", "tokens": 1},
        ],
        "hasWebsite": {"yes": 0, "no": 0},
        "hasTwitter": {"yes": 0, "no": 0},
        "hasTelegram": {"yes": 0, "no": 0},
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"?quote={USDC}", [DOLLAR]),
        ("?marketCapMin=800&marketCapMax=9e2", [PEPE]),
        ("?volumeMin=5.5", [CAFE]),
        (f"?creator={BERTA}&state=graduated", [WIF]),
        ("?state=completed", [TRUMP]),
        ("?q=pepe&sort=market_cap", [BABY_PEPE, PEPE, PEPE_COIN]),
        ("?createdFrom=2025-10-09T08:53:24Z", [DOLLAR]),
    ],
)
def test_parameters_reach_the_read_model(served: Served, query: str, expected: list[str]) -> None:
    assert mints(get(served, query)) == expected


def test_pages_lead_to_each_other_up_to_the_last(served: Served) -> None:
    first = served.client.get(f"{SEARCH}?q=pepe&limit=2")
    assert first.json["next"] == "2"
    assert first.headers["Link"] == f"<{SEARCH}?q=pepe&limit=2&page=2>; rel=next"
    last = get(served, "?q=pepe&limit=2&page=2")
    assert (mints(last), last["next"]) == ([BABY_PEPE], None)
    assert mints(get(served, "?q=pepe&limit=2&page=3")) == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("?q=" + "x" * 101, "q"),
        ("?marketCapMin=much", "marketCapMin"),
        ("?marketCapMin=-1", "marketCapMin"),
        ("?marketCapMin=nan", "marketCapMin"),
        ("?marketCapMin=5&marketCapMax=4.5", "marketCapMin"),
        ("?volumeMin=2&volumeMax=1", "volumeMin"),
        ("?page=0", "page"),
        ("?limit=51", "limit"),
        ("?sort=trades", "sort"),
        ("?creator=nobody", "creator"),
    ],
)
def test_what_cannot_be_asked_is_named(served: Served, query: str, parameter: str) -> None:
    result = served.client.get(f"{SEARCH}{query}")
    assert (result.status_code, result.json["parameter"]) == (400, parameter)


def test_an_answer_is_dated_by_its_read_model(served: Served) -> None:
    result = served.client.get(f"{SEARCH}?q=pepe")
    assert result.headers["Curvetape-Position"] == str(len(MARKET))
    again = served.client.get(f"{SEARCH}?q=pepe", headers={"If-None-Match": result.headers["ETag"]})
    assert again.status_code == 304
