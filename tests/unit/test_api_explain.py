"""A transaction is explained from the log, with what decides whether its events count."""

from typing import Any

import msgspec
import pytest

from curvetape import explained_log
from curvetape.testing.api import Served
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import GENESIS_S, created, curve_traded
from curvetape.testing.market import address
from domain.events import AnyEvent

MINT = address("told")
SIGNATURE = "x" * 80


def of(event: AnyEvent, inner: int, **fields: Any) -> AnyEvent:
    """The event as one of the transaction's."""
    pos = msgspec.structs.replace(event.pos, inner=inner)
    return msgspec.structs.replace(event, id=f"{SIGNATURE}:2.{inner}", pos=pos, **fields)


def log() -> CertifiedLog:
    held = CertifiedLog()
    held.append(created(9, address("other")))
    held.seal(9)
    held.append(of(created(10, MINT), 0), of(curve_traded(10, MINT), 1), curve_traded(10, "n"))
    held.seal(10)
    held.seal(11)
    return held


def served(held: CertifiedLog) -> Served:
    return Served([event for *_, event in held])


def get(of_log: Served, path: str) -> Any:
    result = of_log.client.get(path)
    assert result.status_code == 200, result.text
    return result.json


@pytest.mark.parametrize("query", ["", "?slot=10"])
def test_a_transaction_is_told_event_by_event(query: str) -> None:
    held = log()
    found = get(served(held), f"/api/v1/explain/{SIGNATURE}{query}")
    assert (found["slot"], found["transactionIndex"], found["signer"]) == (10, 7, "signer10")
    assert found["time"] == GENESIS_S + 4
    launch, buy = found["events"]
    assert [launch["kind"], buy["kind"]] == ["token.created", "curve.traded"]
    assert [launch["position"], buy["position"]] == [3, 4]
    assert {launch["state"], buy["state"]} == {"counts"}
    assert buy["instruction"] == {"outer": 2, "inner": 1}
    assert (buy["layout"], buy["mint"]) == ("T9", MINT)
    assert buy["price"] == pytest.approx(31 / 1_039_000_000)
    assert buy["fields"]["quote_amount"] == 1_000_000_000
    assert [(it["id"], it["quoteAmount"]) for it in found["trades"]] == [(f"{SIGNATURE}:2.1", 1.0)]
    assert (found["slotState"], found["certificate"]["slot"]) == ("certified", 10)
    assert found["certificate"]["decoded"] == 3


def test_what_died_with_a_fork_is_told_beside_what_counts() -> None:
    held = log()
    held.append(of(curve_traded(12, MINT), 3))
    held.abandon(12)
    dead = get(served(held), f"/api/v1/explain/{SIGNATURE}?slot=12")
    assert [it["state"] for it in dead["events"]] == ["taken_back"]
    held.append(of(curve_traded(13, MINT), 3))
    new = get(served(held), f"/api/v1/explain/{SIGNATURE}?slot=13")
    assert [it["state"] for it in new["events"]] == ["not_decided"]
    assert (new["slotState"], new["certificate"], new["trades"]) == ("not_final", None, [])
    every = get(served(held), f"/api/v1/explain/{SIGNATURE}")
    states = [(it["fields"]["pos"][0], it["state"]) for it in every["events"]]
    assert states[-2:] == [(12, "taken_back"), (13, "not_decided")]


def test_without_its_slot_only_the_newest_part_of_the_log_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(explained_log, "NEWEST_MAX", 2)
    of_log = served(log())
    found = of_log.client.get(f"/api/v1/explain/{SIGNATURE}")
    assert (found.status_code, found.json["type"]) == (404, "/#transaction-unknown")
    assert "give its slot" in found.json["detail"]
    assert get(of_log, f"/api/v1/explain/{SIGNATURE}?slot=10")["slot"] == 10


def test_what_the_log_does_not_have_is_not_known() -> None:
    of_log = served(log())
    for path in (f"{'z' * 80}", f"{SIGNATURE}?slot=9", f"{SIGNATURE}?slot=11"):
        assert of_log.client.get(f"/api/v1/explain/{path}").status_code == 404, path
