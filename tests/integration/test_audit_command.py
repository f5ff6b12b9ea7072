"""`curvetape audit` reads a real log and says by text, JSON and exit code what it proves."""

import asyncio
import json
import sys
from typing import Any, NamedTuple

import pytest

from curvetape.testing.certified import CertifiedLog, certified
from curvetape.testing.events import created, curve_traded
from curvetape.testing.log import LiveLog, entry
from curvetape.testing.simulated import first_blocks, views
from domain.events import AnyEvent, CurveTraded
from domain.log import Entry
from ingest.transaction import translated

APPEND_MAX = 500


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def audit(log: LiveLog | None, *arguments: str) -> Ended:
    given = [] if log is None else ["--url", log.server.url]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "curvetape", "audit", *arguments, *given),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def append(log: LiveLog, held: CertifiedLog) -> None:
    entries = [
        Entry(subject=event.subject, id=f"{sequence}", payload=payload)
        for sequence, payload, event in held
    ]
    for at in range(0, len(entries), APPEND_MAX):
        await log.appender.append(entries[at : at + APPEND_MAX])


def market(blocks: int) -> list[AnyEvent]:
    return [
        event
        for block, _ in first_blocks(60)[:blocks]
        for tx in views(block)
        if not tx.failed
        for event in translated(tx).events
    ]


async def test_a_complete_log_is_proven_twice(live_log: LiveLog) -> None:
    events = market(60)
    await append(live_log, certified(events, quiet=0))
    slots = await audit(live_log, "slots")
    assert slots.code == 0
    assert slots.out.startswith("complete: from slot 4614")
    reserves = await audit(live_log, "reserves")
    assert reserves.code == 0
    assert reserves.out.startswith("connected: in ")
    assert (await audit(live_log, "slots", "--json")).json["transactions_checked"] == 60


async def test_a_trade_that_ingest_missed_is_found_by_its_reserves_alone(live_log: LiveLog) -> None:
    events = market(60)
    curves = [event for event in events if isinstance(event, CurveTraded)]
    mint = max({it.mint for it in curves}, key=lambda mint: sum(it.mint == mint for it in curves))
    missed = [it for it in curves if it.mint == mint][3]
    await append(live_log, certified([it for it in events if it is not missed]))
    assert (await audit(live_log, "slots")).code == 0, "nobody told the certificates"
    found = await audit(live_log, "reserves", "--json")
    assert (found.code, found.json["verdict"]) == (3, "not proven")
    (broken,) = found.json["worst"]
    assert (broken["cause"], broken["mint"]) == ("missing", mint)
    assert broken["after"]["slot"] <= missed.pos.slot <= broken["before"]["slot"]
    alone = await audit(live_log, "reserves", "--mint", mint)
    assert alone.code == 3
    assert f"missing: curve of {mint}" in alone.out
    assert broken["before"]["signature"] in alone.out
    other = await audit(live_log, "reserves", "--json", "--mint", curves[0].mint)
    assert other.json["events"] < found.json["events"]


async def test_gaps_are_said_as_text_in_so_many_rows(live_log: LiveLog) -> None:
    held = CertifiedLog()
    for slot in range(10, 60, 5):
        held.append(curve_traded(slot, "mint"))
        held.seal(slot)
        held.gap(slot + 1, slot + 4)
    await append(live_log, held)
    slots = await audit(live_log, "slots", "--rows", "3")
    assert slots.code == 3
    assert slots.out.startswith("incomplete: from slot 10 to 55: 40 slots without proof")
    assert "11 to 14" in slots.out
    assert "and 7 more spans" in slots.out


async def test_a_log_that_contradicts_itself_is_damaged(live_log: LiveLog) -> None:
    held = CertifiedLog()
    held.append(created(10, "mint"))
    held.seal(10, decoded=2)
    await append(live_log, held)
    slots = await audit(live_log, "slots")
    assert slots.code == 4
    assert slots.out.startswith("damaged: ")
    assert "it counts 2 events, the log holds 1" in slots.out


async def test_a_message_that_is_no_event_is_damage_for_both(live_log: LiveLog) -> None:
    odd = Entry(subject="pump.curve.traded.mint", id="odd", payload=b'{"kind":"curve.traded.9"}')
    await live_log.appender.append([entry(created(1, "mint")), odd])
    slots = await audit(live_log, "slots", "--json")
    assert (slots.code, slots.json["problems"][0]["sequence"]) == (4, 2)
    assert (await audit(live_log, "reserves")).code == 4


async def test_what_cannot_be_judged_counts_when_it_is_asked_for(live_log: LiveLog) -> None:
    first = curve_traded(2, "mint")
    second = curve_traded(
        3,
        "mint",
        virtual_quote_reserves=40_000_000_000,
        virtual_token_reserves=1_005_000_000_000_000,
        real_quote_reserves=2_000_000_000,
        real_token_reserves=725_100_000_000_000,
    )
    await append(live_log, certified([created(1, "mint"), first, second]))
    plain = await audit(live_log, "reserves", "--json")
    assert (plain.code, plain.json["breaks"]) == (0, {"repriced": 1})
    assert (await audit(live_log, "reserves", "--strict")).code == 3


@pytest.mark.parametrize("command", ["slots", "reserves"])
async def test_a_server_that_is_not_there_is_said(command: str) -> None:
    ended = await audit(None, command, "--url", "nats://127.0.0.1:1")
    assert ended.code == 1
    assert "Error: nats://127.0.0.1:1 could not be reached" in ended.err
    assert "Traceback" not in ended.err


async def test_what_is_no_mint_is_refused_in_a_sentence() -> None:
    ended = await audit(None, "reserves", "--mint", "pump.>", "--url", "nats://127.0.0.1:1")
    assert ended.code == 2
    assert "'pump.>' is no address; a mint is 32 bytes in base58" in ended.err
