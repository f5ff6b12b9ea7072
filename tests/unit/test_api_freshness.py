"""How fresh an answer is, how long it may be kept, and how one waits for what was just written."""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest

from api import waiting
from api.app import create_app
from api.endpoint import CURRENT, FINAL
from curvetape.testing.api import V1, Served
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import GENESIS_S, created, curve_traded, recorded
from curvetape.testing.market import MARKET, address
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads

MINT = address("fresh")
CHART = f"{V1}/{MINT}/chart?interval=1s"


@pytest.fixture
def served() -> Served:
    held = CertifiedLog()
    for slot in range(10, 20):
        if slot == 12:
            held.append(created(slot, MINT, block_time_s=GENESIS_S + slot))
            held.append(curve_traded(slot, MINT, block_time_s=GENESIS_S + slot, id="t:0.0"))
        held.seal(slot, block_time_s=GENESIS_S + slot)
    return Served([event for *_, event in held])


def test_every_answer_tells_the_last_certified_slot_and_when_it_was(served: Served) -> None:
    for path in (V1, CHART, f"{V1}/{MINT}", "/api/v1/completeness", "/api/v1/market"):
        headers = served.client.get(path).headers
        assert headers["curvetape-slot"] == "19", path
        at = parsedate_to_datetime(headers["last-modified"])
        assert at == datetime.fromtimestamp(GENESIS_S + 19, UTC)
    again = served.client.get(V1, headers={"If-None-Match": served.client.get(V1).headers["etag"]})
    assert (again.status_code, again.headers["curvetape-slot"]) == (304, "19")


def test_before_the_first_certificate_no_slot_is_told() -> None:
    headers = Served(MARKET).client.get(V1).headers
    assert "curvetape-slot" not in headers
    assert "last-modified" not in headers


def test_what_can_only_be_corrected_may_be_kept_for_long(served: Served) -> None:
    def kept(query: str) -> tuple[str, bool]:
        found = served.client.get(f"{CHART}{query}")
        return found.headers["cache-control"], found.json["final"]

    assert kept("") == (CURRENT, False)
    assert kept(f"&to={GENESIS_S + 18}") == (FINAL, True)
    assert kept(f"&to={GENESIS_S + 19}") == (FINAL, True)
    assert kept(f"&to={GENESIS_S + 20}") == (CURRENT, False)
    assert kept(f"&from={GENESIS_S + 13}&to={GENESIS_S + 18}") == (FINAL, True)


def test_a_stretch_with_a_hole_is_not_final() -> None:
    held = CertifiedLog()
    held.append(created(10, MINT, block_time_s=GENESIS_S + 10))
    held.seal(10, block_time_s=GENESIS_S + 10)
    held.gap(11, 12)
    held.seal(13, block_time_s=GENESIS_S + 13)
    found = Served([event for *_, event in held]).client.get(f"{CHART}&to={GENESIS_S + 12}")
    assert (found.json["complete"], found.json["final"]) == (False, False)
    assert found.headers["cache-control"] == CURRENT


def test_who_waits_for_what_is_there_is_answered_at_once(served: Served) -> None:
    there = served.client.get(V1).headers["curvetape-position"]
    for position in ("0", "1", there):
        found = served.client.get(f"{V1}?limit=1&waitFor={position}")
        assert (found.status_code, len(found.json["items"])) == (200, 1)


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1" * 19, "9&waitFor=8", "\uff11"])
def test_what_is_no_position_is_refused(served: Served, text: str) -> None:
    found = served.client.get(f"{V1}?waitFor={text}")
    assert (found.status_code, found.json["parameter"]) == (400, "waitFor")


def test_only_what_is_made_from_read_models_can_be_waited_for(served: Served) -> None:
    found = served.client.get("/healthz?waitFor=1")
    assert (found.status_code, found.json["type"]) == (400, "/#parameter-unknown")


def client_of(reads: MemoryReads) -> httpx.AsyncClient:
    app = create_app(reads, MemoryLog(MARKET))
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # the two type it differently
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_an_answer_waits_until_the_read_models_have_passed_the_position() -> None:
    reads = MemoryReads(recorded(MARKET[:-1]))
    async with client_of(reads) as client:
        asking = asyncio.create_task(client.get(f"{V1}?sort=created&waitFor={len(MARKET) + 1}"))
        await asyncio.sleep(0.1)
        assert not asking.done()
        newcomer = [*MARKET[-1:], created(9_000, address("newcomer"))]
        reads.apply(recorded(newcomer, after=len(MARKET) - 1))
        found = await asking
    assert found.json()["items"][0]["mint"] == address("newcomer")
    assert found.headers["curvetape-position"] == str(len(MARKET) + 1)


async def test_who_waits_in_vain_is_told_when_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "WAIT_S_MAX", 0.1)
    async with client_of(MemoryReads(recorded(MARKET))) as client:
        found = await client.get(f"{V1}?waitFor={len(MARKET) + 1}")
    assert (found.status_code, found.json()["type"]) == (504, "/#not-yet")
    assert found.headers["retry-after"] == str(waiting.RETRY_AFTER_S)
    assert str(len(MARKET)) in found.json()["detail"]
