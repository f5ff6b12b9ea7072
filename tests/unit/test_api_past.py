"""A chart or a card as of a slot or a time is what it would be had the log ended there."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from api.endpoint import CURRENT, FINAL
from curvetape.testing.api import V1, Served
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import GENESIS_S, created, curve_traded
from curvetape.testing.market import address
from projections.horizon import Horizon
from projections.reads import ProjectionPosition

MINT = address("past")
CHART = f"{V1}/{MINT}/chart"


def log(last: int = 130) -> CertifiedLog:
    """A trade every second, one in each slot, each higher than the one before."""
    held = CertifiedLog()
    held.append(created(100, MINT, block_time_s=GENESIS_S))
    for slot in range(100, last):
        held.append(
            curve_traded(
                slot,
                MINT,
                block_time_s=GENESIS_S + slot - 100,
                id=f"{'t' * 80}{slot}:0.0",
                virtual_quote_reserves=slot * 10**9,
            )
        )
        held.seal(slot, block_time_s=GENESIS_S + slot - 100)
    return held


def served(held: CertifiedLog) -> Served:
    return Served([event for *_, event in held])


def get(of: Served, path: str) -> Any:
    result = of.client.get(path)
    assert result.status_code == 200, result.text
    return result.json


@pytest.mark.parametrize("interval", ["1s", "5s", "1m", "24h"])
@pytest.mark.parametrize("slot", [100, 107, 112, 129])
def test_a_chart_of_the_past_is_that_of_a_log_that_ends_there(interval: str, slot: int) -> None:
    past = get(served(log()), f"{CHART}?interval={interval}&asOf={slot}")
    then = get(served(log(slot + 1)), f"{CHART}?interval={interval}")
    assert past["items"] == then["items"]
    assert (past["complete"], past["final"]) == (True, True)


def test_a_time_stands_for_the_last_slot_up_to_it() -> None:
    of = served(log())
    at = datetime.fromtimestamp(GENESIS_S + 7, UTC).isoformat().replace("+00:00", "Z")
    chart = f"{CHART}?interval=1s"
    assert get(of, f"{chart}&asOf={at}")["items"] == get(of, f"{chart}&asOf=107")["items"]
    found = of.client.get(f"{chart}&asOf={at}")
    assert found.headers["cache-control"] == FINAL


def test_before_the_first_trade_there_was_no_candle_and_no_certificate() -> None:
    found = get(served(log()), f"{CHART}?asOf=99")
    assert (found["items"], found["complete"]) == ([], False)


@pytest.mark.parametrize(
    ("query", "status", "parameter"),
    [
        ("asOf=107&currency=usd", 422, "currency"),
        ("asOf=107&traders=yes", 422, "traders"),
        ("asOf=130", 422, "asOf"),
        (f"asOf={GENESIS_S}", 422, "asOf"),  # Unix seconds would be a slot of the far future
        ("asOf=2020-01-01T00:00:00Z", 422, "asOf"),
        ("asOf=2020-13-01T00:00:00Z", 400, "asOf"),
        ("asOf=yesterday", 400, "asOf"),
    ],
)
def test_what_is_not_told_of_the_past_is_refused(query: str, status: int, parameter: str) -> None:
    found = served(log()).client.get(f"{CHART}?{query}")
    assert (found.status_code, found.json["parameter"]) == (status, parameter)


def test_where_trades_were_let_go_of_no_candle_is_folded_from_the_rest() -> None:
    of = served(log())
    of.reads.horizon = Horizon(pos=105 << 31, complete_from_s=GENESIS_S + 5)
    found = of.client.get(f"{CHART}?interval=1s&asOf=107")
    assert found.status_code == 422
    assert found.json["detail"].endswith("; begin with that time")
    before = of.client.get(f"{CHART}?interval=1s&asOf=104")
    assert before.json["detail"].endswith("; ask for a later past, or for now")
    assert get(of, f"{CHART}?interval=1s&asOf=107&from={GENESIS_S + 5}")["items"]


@pytest.mark.parametrize(("interval_s", "interval"), [(5, "5s"), (60, "1m")])
def test_a_chart_is_not_final_before_its_last_candle_has_ended(
    interval_s: int, interval: str
) -> None:
    start_s = GENESIS_S - GENESIS_S % interval_s + interval_s  # of a candle that has a beginning
    path = f"{CHART}?interval={interval}&from={start_s}&to={start_s + 1}"
    for now_s in (start_s + 2, start_s + interval_s - 1):
        assert not get(served(log(101 + now_s - GENESIS_S)), path)["final"]
    found = get(served(log(101 + start_s + interval_s - GENESIS_S)), path)
    assert found["final"]
    assert [it["time"] for it in found["items"]] == [start_s]


CARD = f"{V1}/{MINT}"
HOLDERS = f"{CARD}/holders"


@pytest.mark.parametrize("slot", [100, 107, 129])
def test_a_card_of_the_past_is_that_of_a_log_that_ends_there(slot: int) -> None:
    past = get(served(log()), f"{CARD}?asOf={slot}")
    then = get(served(log(slot + 1)), CARD)
    assert past == then | {"asOfSlot": slot, "complete": True, "final": True}


def test_a_card_of_a_time_is_that_of_the_last_slot_up_to_it_and_may_be_kept() -> None:
    of = served(log())
    at = datetime.fromtimestamp(GENESIS_S + 7, UTC).isoformat().replace("+00:00", "Z")
    assert get(of, f"{CARD}?asOf={at}") == get(of, f"{CARD}?asOf=107")
    assert of.client.get(f"{CARD}?asOf={at}").headers["cache-control"] == FINAL
    assert of.client.get(CARD).headers["cache-control"] != FINAL


def moment(since_s: int) -> str:
    return datetime.fromtimestamp(GENESIS_S + since_s, UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("path", [CARD, HOLDERS, CHART])
def test_what_is_as_of_a_time_is_not_final_before_a_later_block_is_certified(path: str) -> None:
    """Several blocks have the same second, and a time may be in the future."""
    of = served(log())
    found = [of.client.get(f"{path}?asOf={moment(since_s)}") for since_s in (28, 29, 3_600)]
    assert [it.json["final"] for it in found] == [True, False, False]
    assert [it.headers["cache-control"] for it in found] == [FINAL, CURRENT, CURRENT]
    assert get(of, f"{path}?asOf=129")["final"]


@pytest.mark.parametrize("path", [CARD, HOLDERS, CHART])
def test_what_is_as_of_a_time_is_not_final_while_the_slot_after_it_is_missing(path: str) -> None:
    """The slot may turn out to be of that second."""
    held = log(108)
    held.gap(108, 108)
    held.append(curve_traded(109, MINT, block_time_s=GENESIS_S + 9))
    held.seal(109, block_time_s=GENESIS_S + 9)
    of = served(held)
    found = get(of, f"{path}?asOf={moment(7)}")
    assert (found["complete"], found["final"]) == (True, False)
    assert get(of, f"{path}?asOf=107")["final"]


@pytest.mark.parametrize(
    ("path", "earlier"),
    [
        (f"{CARD}?asOf=107", f"{CARD}?asOf=101"),
        (f"{CHART}?interval=1s&asOf=107", f"{CHART}?interval=1s&asOf=101"),
        (
            f"{CHART}?interval=1s&from={GENESIS_S}&to={GENESIS_S + 7}",
            f"{CHART}?interval=1s&from={GENESIS_S}&to={GENESIS_S + 1}",
        ),
    ],
)
def test_nothing_is_final_while_a_read_model_has_yet_to_come_so_far(
    path: str, earlier: str
) -> None:
    of = served(log())
    positions = of.reads.positions

    async def behind() -> list[ProjectionPosition]:
        return [
            msgspec.structs.replace(it, sequence=9) if it.name == "trades" else it
            for it in await positions()
        ]

    assert get(of, path)["final"]
    of.reads.positions = behind  # type: ignore[method-assign]  # one of its read models lags
    found = get(of, path)
    assert (found["complete"], found["final"]) == (True, False)
    assert get(of, earlier)["final"]


@pytest.mark.parametrize(
    "path",
    [
        f"{CARD}?asOf=107",
        f"{HOLDERS}?asOf=107",
        f"{CHART}?interval=1s&asOf=107",
        f"{CHART}?interval=1s&from={GENESIS_S}&to={GENESIS_S + 7}",
    ],
)
def test_nothing_is_final_while_a_read_model_has_set_an_event_of_it_aside(path: str) -> None:
    of = served(log())
    of.reads.parked = {address("other"): {"trades"}, None: {"search"}, MINT: {"portfolios"}}
    assert get(of, path)["final"]
    for mint in (MINT, None):  # what is of no token may be of any
        of.reads.parked = {mint: {"tokens"}}
        found = get(of, path)
        assert (found["complete"], found["final"]) == (True, False)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (f"{CARD}?asOf=107", "token_until"),
        (f"{CHART}?interval=1s&asOf=107", "candles_until"),
        (f"{CHART}?interval=1s&from={GENESIS_S}&to={GENESIS_S + 7}", "candles"),
    ],
)
def test_nothing_is_final_that_was_read_before_its_read_models_came_so_far(
    path: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = served(log())
    positions, rows = of.reads.positions, getattr(of.reads, asked)
    read = False

    async def behind_until_read() -> list[ProjectionPosition]:
        return [it if read else msgspec.structs.replace(it, sequence=9) for it in await positions()]

    async def read_rows(*of_what: Any, **more: Any) -> Any:
        nonlocal read
        found = await rows(*of_what, **more)
        read = True
        return found

    monkeypatch.setattr(of.reads, "positions", behind_until_read)
    monkeypatch.setattr(of.reads, asked, read_rows)
    assert not get(of, path)["final"]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (f"{CARD}?asOf=107", "windows"),
        (f"{HOLDERS}?asOf=107", "holders_until"),
        (f"{CHART}?interval=1s&asOf=107", "candles_until"),
    ],
)
def test_nothing_is_final_that_was_read_before_the_gap_at_its_end_was_filled(
    path: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = CertifiedLog()
    held.append(created(100, MINT), curve_traded(100, MINT, user="ann"))
    held.seal(100)
    held.gap(101, 110)
    held.append(curve_traded(111, MINT, user="bob"))
    held.seal(111)
    of = served(held)
    rows = getattr(of.reads, asked)
    seen = len(held.messages)

    async def fill_when_read(*of_what: Any, **more: Any) -> Any:
        found = await rows(*of_what, **more)
        held.append(curve_traded(105, MINT, user="cat"))
        held.seal(105, parent=100)
        held.fill(101, 110)
        of.add(*(event for *_, event in held.messages[seen:]))
        return found

    assert get(of, path)["complete"] is False
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(of.reads, asked, fill_when_read)
        found = get(of, path)
    assert (found["complete"], found["final"]) == (True, False)
    assert get(of, path)["final"]


@pytest.mark.parametrize(
    ("path", "name", "version"),
    [
        (CARD, "trades", 1),
        (CARD, "tokens", 2),
        (HOLDERS, "holders", 3),
        (HOLDERS, "tokens", 2),
        (HOLDERS, "trades", 2),
    ],
)
def test_while_rows_are_of_an_older_version_nothing_of_the_past_is_made_of_them(
    path: str, name: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = served(log())
    positions = of.reads.positions

    async def older() -> list[ProjectionPosition]:
        return [
            msgspec.structs.replace(it, version=version) if it.name == name else it
            for it in await positions()
        ]

    monkeypatch.setattr(of.reads, "positions", older)
    found = of.client.get(f"{path}?asOf=107")
    assert (found.status_code, found.json["parameter"]) == (422, "asOf")
    assert f"curvetape projections rebuild {name}" in found.json["detail"]
    assert get(of, path)


@pytest.mark.parametrize("sequence", [9, None])
@pytest.mark.parametrize("name", ["holders", "tokens", "trades"])
def test_holders_of_the_past_wait_until_each_of_their_read_models_has_passed_it(
    name: str, sequence: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = served(log())
    positions = of.reads.positions

    async def behind() -> list[ProjectionPosition]:
        others = [it for it in await positions() if it.name != name]
        if sequence is None:
            return others
        return [
            *others,
            ProjectionPosition(name=name, version=9, sequence=sequence, reread_after=sequence),
        ]

    told = get(of, f"{HOLDERS}?asOf=107")
    assert (told["asOfSlot"], told["complete"], told["final"]) == (107, True, True)
    assert of.client.get(f"{HOLDERS}?asOf=107").headers["cache-control"] == FINAL
    monkeypatch.setattr(of.reads, "positions", behind)
    found = of.client.get(f"{HOLDERS}?asOf=107")
    assert (found.status_code, found.json["parameter"]) == (504, "asOf")
    assert f"{name} is at {sequence or 0};" in found.json["detail"]
    assert found.headers["retry-after"] == "1"
    if sequence:
        assert get(of, f"{HOLDERS}?asOf=101")["final"]


def test_before_its_launch_a_token_has_no_card() -> None:
    found = served(log()).client.get(f"{CARD}?asOf=99")
    assert (found.status_code, found.json["parameter"]) == (404, "asOf")
    absent = served(log()).client.get(f"{V1}/{address('absent')}?asOf=107")
    assert absent.status_code == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [("asOf=130", 422), (f"asOf={GENESIS_S}", 422), ("asOf=yesterday", 400)],
)
def test_a_card_of_no_certified_slot_is_refused(query: str, status: int) -> None:
    found = served(log()).client.get(f"{CARD}?{query}")
    assert (found.status_code, found.json["parameter"]) == (status, "asOf")


def test_where_trades_were_let_go_of_only_what_has_not_moved_since_has_a_card() -> None:
    of = served(log())
    then = get(of, f"{CARD}?asOf=129")
    of.reads.horizon = Horizon(pos=105 << 31, complete_from_s=GENESIS_S + 5)
    assert of.client.get(f"{CARD}?asOf=107").status_code == 422
    assert get(of, f"{CARD}?asOf=129") == then
