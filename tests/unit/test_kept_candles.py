"""Where short candles were let go of, nobody is told that nothing was traded."""

from typing import Any

import pytest

from curvetape.testing.api import V1, Served
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import GENESIS_S, created, curve_traded
from curvetape.testing.market import address

MINT, YOUNG = address("kept"), address("young")
LAST = 40
KEPT_S = GENESIS_S + 20
"""From here on; a trade was made in each second of [GENESIS_S, GENESIS_S + LAST)."""
CHART = f"{V1}/{MINT}/chart?interval=1s"
GECKO = f"/api/v2/networks/solana/pools/curve-{MINT}/ohlcv/second?aggregate=1&currency=token"


@pytest.fixture
def served() -> Served:
    held = CertifiedLog()
    held.append(created(100, MINT, block_time_s=GENESIS_S))
    held.append(created(100, YOUNG, block_time_s=GENESIS_S, id="young:0.0"))
    for second in range(LAST):
        slot, time_s = 100 + second, GENESIS_S + second
        id_ = f"{'t' * 80}{slot}:0.0"
        held.append(curve_traded(slot, MINT, block_time_s=time_s, id=id_))
        if time_s >= KEPT_S:
            held.append(curve_traded(slot, YOUNG, block_time_s=time_s, id=f"y{id_}"))
        held.seal(slot, block_time_s=time_s)
    found = Served([event for *_, event in held])
    found.reads.kept_from_s = {1: KEPT_S}
    return found


def get(served: Served, path: str, status: int = 200) -> Any:
    found = served.client.get(path)
    assert found.status_code == status, found.text
    return found.json


def test_a_page_that_reaches_behind_is_told_from_when_on_it_is_complete(served: Served) -> None:
    found = get(served, CHART)
    assert [it["time"] for it in found["items"]] == list(range(KEPT_S, GENESIS_S + LAST))
    assert (found["completeFrom"], found["next"], found["complete"]) == (KEPT_S, None, True)
    assert get(served, f"{V1}/{MINT}/chart?interval=5s")["completeFrom"] is None
    assert get(served, f"{V1}/{YOUNG}/chart?interval=1s")["completeFrom"] is None


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        (f"&from={KEPT_S - 1}", "from"),
        (f"&from=0&to={KEPT_S + 5}", "from"),
        (f"&to={KEPT_S}", "interval"),
        (f"&from={KEPT_S - 5}&asOf=139", "from"),
        ("&asOf=110", "interval"),
        ("&asOf=119", "interval"),
        ("&asOf=119&from=0", "from"),
        ("&asOf=120&from=0", "from"),
    ],
)
def test_a_page_of_that_time_is_refused(served: Served, query: str, parameter: str) -> None:
    found = get(served, CHART + query, 422)
    assert (found["type"], found["parameter"]) == ("/#past-not-kept", parameter)
    assert "candles of 1s from before 2025-" in found["detail"]
    # A beginning behind its end would be no help.
    ends_before = query == f"&to={KEPT_S}" or "asOf=11" in query
    instead = "" if ends_before else f"begin with {KEPT_S}, or "
    assert found["detail"].endswith(f"; {instead}ask for 1m")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (f"&from={KEPT_S}", LAST - 20),
        ("&from=0&limit=7", 7),  # the newest ones, which are all there
        (f"&to={GENESIS_S}", 0),  # before its first trade
        (f"&from={GENESIS_S + LAST}", 0),  # behind its last one
    ],
)
def test_a_page_of_another_time_is_answered(served: Served, query: str, count: int) -> None:
    assert len(get(served, CHART + query)["items"]) == count
    assert get(served, f"{V1}/{YOUNG}/chart?interval=1s&from=0")["items"]


def test_a_past_before_a_token_traded_has_no_candles_that_could_be_gone() -> None:
    held = CertifiedLog()
    held.append(created(100, MINT, block_time_s=GENESIS_S))
    held.seal(100, block_time_s=GENESIS_S)
    held.append(curve_traded(110, MINT, block_time_s=GENESIS_S + 10))
    held.seal(110, block_time_s=GENESIS_S + 10)
    held.seal(130, block_time_s=GENESIS_S + 30)
    of = Served([event for *_, event in held])
    of.reads.kept_from_s = {1: KEPT_S}
    found = get(of, f"{CHART}&asOf=100")
    assert (found["items"], found["completeFrom"]) == ([], None)
    get(of, f"{CHART}&asOf=110", 422)


def test_graphql_refuses_it_too(served: Served) -> None:
    query = """query ($mint: String!, $from: DateTime) {
        token(mintAddress: $mint) { chart(interval: S1, from: $from) { time } }
    }"""

    def asked(from_: str | None) -> Any:
        body = {"query": query, "variables": {"mint": MINT, "from": from_}}
        return served.client.post("/graphql", json=body).json

    assert len(asked(None)["data"]["token"]["chart"]) == LAST - 20
    (error,) = asked("2025-01-01T00:00:00Z")["errors"]
    assert error["extensions"]["code"] == "PAST_NOT_KEPT"


def test_udf_names_what_is_kept_where_it_has_no_bars(served: Served) -> None:
    def bars(resolution: str, to_s: int, mint: str = MINT) -> Any:
        path = f"/udf/history?symbol={mint}&resolution={resolution}&from={to_s - 5}&to={to_s}"
        return get(served, path)

    assert bars("1S", KEPT_S + 1)["t"] == [KEPT_S]
    told = bars("1S", KEPT_S)
    assert (told["s"], told["errmsg"].split(":")[0]) == ("error", "not_kept")
    assert bars("5S", KEPT_S)["s"] == "ok"
    assert bars("1S", GENESIS_S) == {"s": "no_data"}
    assert bars("1S", KEPT_S, YOUNG) == {"s": "no_data"}


def test_geckoterminals_candles_are_refused_where_none_are_left(served: Served) -> None:
    found = get(served, GECKO)
    assert len(found["data"]["attributes"]["ohlcv_list"]) == LAST - 20
    (error,) = get(served, f"{GECKO}&before_timestamp={KEPT_S}", 400)["errors"]
    assert "were let go of; minutes are kept" in error["title"]
    assert get(served, f"{GECKO}&before_timestamp={GENESIS_S}")["data"]
