"""What the API says about which slots are proven, and about what may be missing."""

from typing import Any

import pytest

from curvetape.testing.api import V1, Served
from curvetape.testing.certified import CertifiedLog, blockhash
from curvetape.testing.events import GENESIS_S, created, curve_traded
from curvetape.testing.market import address
from domain.events import SlotConfirmed

MINT = address("proven")
FIRST = 100


def time_of(slot: int) -> int:
    return GENESIS_S + slot


def log() -> CertifiedLog:
    """Certified from 100 to 120, but that 105 has no block and 108 to 112 are missing."""
    held = CertifiedLog()
    held.append(created(FIRST, MINT, block_time_s=time_of(FIRST)))
    held.seal(FIRST, block_time_s=time_of(FIRST))
    for slot in (101, 102, 103, 104, 106, 107):
        if slot == 106:
            held.append(curve_traded(slot, MINT, block_time_s=time_of(slot)))
        held.seal(slot, block_time_s=time_of(slot))
    held.gap(108, 112)
    for slot in range(113, 121):
        if slot == 115:
            held.append(curve_traded(slot, MINT, block_time_s=time_of(slot)))
        held.seal(slot, block_time_s=time_of(slot))
    return held


def served(held: CertifiedLog) -> Served:
    return Served([event for *_, event in held])


def get(of: Served, path: str) -> Any:
    result = of.client.get(path)
    assert result.status_code == 200, result.text
    return result.json


@pytest.mark.parametrize(
    ("slot", "state"),
    [
        (99, "before_log"),
        (100, "certified"),
        (105, "no_block"),
        (107, "certified"),
        (108, "missing"),
        (112, "missing"),
        (113, "certified"),
        (121, "not_final"),
    ],
)
def test_a_slot_is_proven_or_says_why_not(slot: int, state: str) -> None:
    found = get(served(log()), f"/api/v1/slots/{slot}")
    assert (found["slot"], found["state"]) == (slot, state)
    assert (found["certificate"] is None) is (state != "certified")
    assert (found["reason"] is None) is (state != "missing")


def test_a_certificate_is_told_whole() -> None:
    held = log()
    sealed = held.seal(121, block_time_s=time_of(121))
    found = get(served(held), "/api/v1/slots/121")["certificate"]
    assert found == {
        "slot": 121,
        "position": len(held.messages),
        "revision": 1,
        "parentSlot": 120,
        "blockhash": blockhash(121),
        "parentBlockhash": blockhash(120),
        "time": time_of(121),
        "executed": 1_000,
        "ours": 3,
        "failed": 2,
        "decoded": 0,
        "unknown": 0,
        "firstPosition": None,
        "lastPosition": None,
        "transactionsDigest": sealed.transactions_digest,
        "eventsDigest": sealed.events_digest,
        "evidence": "block",
        "previousHash": sealed.previous,
        "hash": sealed.hash,
    }


def test_a_range_is_complete_incomplete_or_not_final() -> None:
    held = log()
    of = served(held)

    def state(query: str) -> tuple[str, int, int]:
        found = get(of, f"/api/v1/completeness?{query}")
        return found["state"], found["blocks"], found["missingSlots"]

    assert state("") == ("incomplete", 15, 5)
    assert state("fromSlot=100&toSlot=107") == ("complete", 7, 0)
    assert state("fromSlot=113") == ("complete", 8, 0)
    assert state("fromSlot=113&toSlot=130") == ("not_final", 8, 0)
    assert state("fromSlot=99&toSlot=107") == ("incomplete", 7, 0)
    assert state("fromSlot=107&toSlot=109") == ("incomplete", 1, 2)
    assert state("fromSlot=200") == ("not_final", 0, 0)
    whole = get(of, "/api/v1/completeness")
    assert whole["missing"] == [
        {"fromSlot": 108, "toSlot": 112, "reason": "the source could not replay it"}
    ]
    assert (whole["fromSlot"], whole["toSlot"], whole["finalSlot"]) == (100, 120, 120)
    assert (whole["decoded"], whole["finalTime"]) == (3, time_of(120))
    last = held.messages[-1][2]
    assert isinstance(last, SlotConfirmed)
    assert whole["head"] == {"slot": 120, "position": len(held.messages), "hash": last.hash}


def test_what_is_filled_is_missing_no_more_and_a_part_of_it_only_in_part() -> None:
    held = log()
    for slot in (108, 109):
        held.seal(slot, parent=slot - 1, block_time_s=time_of(slot))
    held.fill(108, 109)
    found = get(served(held), "/api/v1/completeness?fromSlot=107&toSlot=113")
    assert found["missing"] == [
        {"fromSlot": 110, "toSlot": 112, "reason": "the source could not replay it"}
    ]
    assert found["head"]["slot"] == 109
    held.seal(112, parent=109)
    held.fill(110, 112)
    of = served(held)
    assert get(of, "/api/v1/completeness?fromSlot=107&toSlot=113")["state"] == "complete"
    assert get(of, "/api/v1/slots/110")["state"] == "no_block"


def test_a_fork_that_died_leaves_its_slot_abandoned_until_it_is_certified() -> None:
    held = log()
    held.append(curve_traded(121, MINT))
    held.abandon(121)
    assert get(served(held), "/api/v1/slots/121")["state"] == "not_final"
    held.seal(121, parent=120)
    assert get(served(held), "/api/v1/slots/121")["state"] == "certified"


def test_without_certificates_nothing_is_known() -> None:
    of = Served([])
    assert get(of, "/api/v1/completeness")["state"] == "unknown"
    assert get(of, "/api/v1/slots/7")["state"] == "unknown"


@pytest.mark.parametrize("query", ["fromSlot=9&toSlot=3", "fromSlot=1&toSlot=216002"])
def test_a_range_that_is_none_or_too_long_is_refused(query: str) -> None:
    found = served(log()).client.get(f"/api/v1/completeness?{query}")
    assert (found.status_code, found.json["parameter"]) == (400, "fromSlot")


def test_no_trades_are_told_from_trades_that_may_be_missing() -> None:
    of = served(log())
    chart, trades = f"{V1}/{MINT}/chart?interval=1s", f"{V1}/{MINT}/trades?limit=1"
    empty = get(of, f"{chart}&from={time_of(101)}&to={time_of(104)}")
    assert (empty["items"], empty["complete"]) == ([], True)
    holed = get(of, f"{chart}&from={time_of(107)}&to={time_of(111)}")
    assert (holed["items"], holed["complete"]) == ([], False)
    assert get(of, chart)["complete"] is False
    newest = get(of, trades)
    assert (len(newest["items"]), newest["complete"]) == (1, True)
    assert get(of, f"{trades}&before={newest['next']}")["complete"] is False
    assert get(of, f"{V1}/{MINT}/trades?before={of_slot(107)}")["complete"] is True


def of_slot(slot: int) -> int:
    return slot << 31


def test_where_the_log_has_no_certificate_it_is_not_known_whether_anything_is_missing() -> None:
    of = Served([created(1, MINT), curve_traded(2, MINT)])
    assert get(of, f"{V1}/{MINT}/chart")["complete"] is None
    assert get(of, f"{V1}/{MINT}/trades")["complete"] is None
