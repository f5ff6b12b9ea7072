"""`curvetape dead` and `curvetape redecode` as people and scripts use them, also killed."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply, states
from curvetape.cli import main
from curvetape.definitions import definitions
from curvetape.letters import filed
from curvetape.testing import next_year
from curvetape.testing.log import LiveLog
from curvetape.testing.pipelines import ListSource, audited, one_a_batch, pipeline, reading, whole
from curvetape.testing.retries import bury, events_of
from curvetape.testing.waiting import until
from domain.chain import Block
from domain.events import ProgramEvent
from ingest.raw import RawKeeper
from ingest.transaction import entries

BLOCKS = 4
LEARNED = """
from operator import setitem
from curvetape.cli import main
from curvetape.testing import next_year
next_year.learn(setitem)
main()
"""
"""The command line of a version that knows the event."""


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def start(
    log: LiveLog, arguments: Sequence[str], *, learned: bool
) -> asyncio.subprocess.Process:
    program = ["-c", LEARNED] if learned else ["-m", "curvetape"]
    environment = os.environ | {
        "CURVETAPE_NATS_URL": log.server.url,
        "CURVETAPE_NATS_MONITOR_URL": log.server.monitor_url,
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, *program, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )


async def curvetape(log: LiveLog, *arguments: str, learned: bool = False) -> Ended:
    process = await start(log, arguments, learned=learned)
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def ingest(live_log: LiveLog, blocks: Sequence[Block]) -> None:
    await (await pipeline(live_log)).run(reading(ListSource(*one_a_batch(blocks))))


async def count_of(live_log: LiveLog, stream: str) -> int:
    found = await states(live_log.connection)
    return next(it.messages for it in found if it.stream == stream)


async def test_letters_are_listed_and_shown_with_their_bytes(live_log: LiveLog) -> None:
    blocks = next_year.chain(BLOCKS)
    await ingest(live_log, blocks)
    count = next_year.letters(blocks)
    listed = await curvetape(live_log, "dead", "list", "--limit", "2")
    assert listed.code == 0
    assert f"and {count - 2} more" in listed.out
    assert f"{count} unknown_event" in listed.out
    found = (await curvetape(live_log, "dead", "list", "--json")).json
    assert (found["count"], found["reasons"]) == (count, {"unknown_event": count})
    first = found["letters"][0]
    assert first["has_transaction"]
    assert "transaction" not in first
    slot = first["slot"]
    of_slot = await curvetape(live_log, "dead", "list", "--slot", f"{slot}..{slot}", "--json")
    assert {it["slot"] for it in of_slot.json["letters"]} == {slot}
    other = ("--program", "nobody", "--json")
    assert (await curvetape(live_log, "dead", "list", *other)).json["count"] == 0
    shown = (await curvetape(live_log, "dead", "show", first["id"], "--json")).json
    assert shown["transaction_hex"]
    assert shown["data_hex"]
    assert shown["decoded"][0]["signature"] == first["signature"]
    assert any(it.get("reason") == "unknown_event" for it in shown["decoded"])
    text = await curvetape(live_log, "dead", "show", f"#{first['sequence']}")
    assert f"transaction_hex: {shown['transaction_hex']}" in text.out
    assert "log_messages" in text.out


async def test_what_is_not_there_or_not_meant_is_said(live_log: LiveLog) -> None:
    nothing = await curvetape(live_log, "dead", "list")
    assert (nothing.code, nothing.out) == (0, "no dead letters\n")
    missing = await curvetape(live_log, "dead", "show", "#7")
    assert missing.code == 1
    assert "there is no dead letter '#7'" in missing.err
    gone = await curvetape(live_log, "dead", "retry", "#7")
    assert gone.code == 1
    assert "there is no such letter" in gone.err
    raw = await curvetape(live_log, "redecode")
    assert raw.code == 1
    assert "set CURVETAPE_RAW_HOURS" in raw.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("dead", "retry"), "say which letters"),
        (("dead", "retry", "--all", "--slot", "7"), "say which letters"),
        (("dead", "list", "--slot", "9..7"), "the lower slot comes first"),
        (("dead", "list", "--slot", "a..b"), "is no slot"),
        (("redecode", "--from-slot", "9", "--to-slot", "7"), "is before --from-slot 9"),
    ],
)
def test_what_cannot_be_meant_is_said_at_once(arguments: Sequence[str], sentence: str) -> None:
    url = ("--url", "nats://127.0.0.1:1")
    result = CliRunner().invoke(main, [*arguments, *url])
    assert result.exit_code == 2
    assert sentence in result.output


async def test_letters_of_read_models_are_shown_as_they_are(live_log: LiveLog) -> None:
    payload = b'{"id":"dead:tokens:17","reason":"unfit","error":"[no] row","sequence":17}'
    await bury(live_log, "dead.project.tokens", payload)
    listed = await curvetape(live_log, "dead", "list")
    assert "[no] row" in listed.out
    shown = await curvetape(live_log, "dead", "show", "dead:tokens:17")
    assert "error: [no] row" in shown.out
    tried = await curvetape(live_log, "dead", "retry", "--all")
    assert tried.code == 3
    assert "not a letter of ingest's" in tried.out


async def test_a_dry_run_changes_nothing_and_a_retry_does(live_log: LiveLog) -> None:
    blocks = next_year.chain(BLOCKS)
    await ingest(live_log, blocks)
    count = next_year.letters(blocks)
    today = await curvetape(live_log, "dead", "retry", "--all", "--ingest-stopped")
    assert today.code == 3
    assert f"{count} still are no event" in today.out
    before = await live_log.log.last_sequence()
    retry = ("dead", "retry", "--reason", "unknown_event", "--ingest-stopped")
    dry = await curvetape(live_log, *retry, "--dry-run", "--json", learned=True)
    assert dry.code == 0
    assert [it["outcome"] for it in dry.json["letters"]] == ["appended"] * count
    assert await live_log.log.last_sequence() == before
    done = await curvetape(live_log, *retry, learned=True)
    assert (done.code, done.err) == (0, "")
    assert f"{count} were appended and deleted" in done.out
    assert await count_of(live_log, "DEAD") == 0
    assert (await curvetape(live_log, "audit", "slots")).code == 0


@pytest.mark.parametrize("deleted", [0, 1, 40])
async def test_a_killed_retry_leaves_every_letter_or_its_event_and_no_event_twice(
    live_log: LiveLog, deleted: int
) -> None:
    """Killed as soon as the log grows, or so many letters are gone."""
    blocks = next_year.chain(30)
    await ingest(live_log, blocks)
    count, before = await count_of(live_log, "DEAD"), await live_log.log.last_sequence()
    arguments = ("dead", "retry", "--all", "--ingest-stopped")
    process = await start(live_log, arguments, learned=True)

    async def is_under_way() -> bool:
        if not deleted:
            return await live_log.log.last_sequence() > before
        return await count_of(live_log, "DEAD") <= count - deleted

    await until(is_under_way)
    process.kill()
    await process.communicate()
    letters = {it.id async for it in filed(live_log.connection)}
    held = {it.id for it in await whole(live_log) if isinstance(it, ProgramEvent)}
    gone = set(expected_letters(blocks)) - letters
    assert {letter.removeprefix("dead:").partition("@")[0] for letter in gone} <= held
    assert (await curvetape(live_log, *arguments, learned=True)).code == 0
    assert await count_of(live_log, "DEAD") == 0
    report = await audited(live_log)
    assert (report.verdict, report.unknown, report.problems) == ("complete", 0, ())
    ids = [it.id for it in await whole(live_log) if isinstance(it, ProgramEvent)]
    assert len(ids) == len(set(ids)) == len(events_of(blocks)) + count


def expected_letters(blocks: Sequence[Block]) -> list[str]:
    return [entry.id for it in blocks for tx in it.transactions for entry in entries(tx).dead]


async def test_raw_blocks_are_redecoded_with_exit_codes_that_tell(live_log: LiveLog) -> None:
    await apply(live_log.connection, load(definitions() / "streams.toml", raw_hours=1))
    raw_log = await JetStreamAppender.open(
        live_log.connection, stream="RAW", monitor_urls=live_log.server.monitor_url
    )
    blocks = next_year.chain(BLOCKS)
    loop = await pipeline(live_log)
    loop._keep_raw = RawKeeper(raw_log).keep
    await loop.run(reading(ListSource(*one_a_batch(blocks))))
    raw_log.close()
    count = next_year.letters(blocks)
    redecode = partial(curvetape, live_log, "redecode")
    same = await redecode()
    assert (same.code, same.err) == (0, "")
    assert f"{BLOCKS + 1} slots" in same.out
    differs = await redecode("--json", learned=True)
    assert (differs.code, differs.json["missing"]) == (3, count)
    waits = await redecode("--apply", learned=True)
    assert waits.code == 3
    assert "a running ingest may still revise" in waits.out
    applied = await redecode("--apply", "--ingest-stopped", learned=True)
    assert applied.code == 0
    assert f"{count} missing in the log, {count} of them appended" in applied.out
    assert (await curvetape(live_log, "audit", "slots")).code == 0


async def test_streams_knows_of_raw_where_a_setting_asks_for_it(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURVETAPE_RAW_HOURS", "2")
    assert "RAW" in (await curvetape(live_log, "streams", "diff")).out
    assert "RAW created" in (await curvetape(live_log, "streams", "apply")).out
    assert (await curvetape(live_log, "streams", "diff")).code == 0
