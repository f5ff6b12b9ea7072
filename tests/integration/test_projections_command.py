"""`curvetape projections` shows the read models, builds them anew, swaps and compares them."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence

import asyncpg
import pytest

from adapters.jetstream.appender import JetStreamAppender
from curvetape.bootstrap import projecting
from curvetape.config import Settings
from curvetape.letters import filed
from curvetape.testing.events import created, curve_traded
from curvetape.testing.log import LiveLog
from domain.events import AnyEvent, encode
from domain.log import Entry, Recorded
from projections.tokens import Changes, Tokens

EVENTS: Sequence[AnyEvent] = [
    created(1, "mint1"),
    *(curve_traded(slot, f"mint{slot % 2}") for slot in range(2, 60)),
]


async def projections(live_log: LiveLog, dsn: str, *arguments: str) -> tuple[int, str, str]:
    environment = {
        **os.environ,
        "CURVETAPE_NATS_URL": live_log.server.url,
        "CURVETAPE_POSTGRES_DSN": dsn,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "curvetape", "projections", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def project(live_log: LiveLog, dsn: str) -> None:
    settings = Settings(
        nats_url=live_log.server.url,
        nats_monitor_url=live_log.server.monitor_url,
        postgres_dsn=dsn,
    )
    async with projecting(settings) as runner:
        await runner.run(follow=False)


async def append(appender: JetStreamAppender, events: Sequence[AnyEvent]) -> None:
    await appender.append(
        [Entry(subject=it.subject, id=it.id, payload=encode(it)) for it in events]
    )


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_spoilt_read_model_is_found_built_anew_and_served(
    live_log: LiveLog, postgres_dsn: str
) -> None:
    await append(live_log.appender, EVENTS)
    await project(live_log, postgres_dsn)
    await execute(postgres_dsn, "update candle_rows set close = close * 2 where interval_s = 60")
    code, out, _ = await projections(live_log, postgres_dsn, "verify", "candles", "--json")
    assert (code, json.loads(out)["verdict"]) == (4, "different")
    code, _, err = await projections(live_log, postgres_dsn, "rebuild", "candles")
    assert code == 0, err
    assert "candles is served from its new generation, at sequence 59" in err
    code, out, _ = await projections(live_log, postgres_dsn, "verify", "candles", "--json")
    assert (code, json.loads(out)["verdict"]) == (0, "equal")
    code, out, _ = await projections(live_log, postgres_dsn, "list")
    assert code == 0
    assert "candles, version 3, log at 59" in out
    assert "previous  version 3, at sequence 59" in out
    code, _, err = await projections(live_log, postgres_dsn, "rollback", "candles")
    assert code == 0, err
    code, _, _ = await projections(live_log, postgres_dsn, "verify", "candles")
    assert code == 4


async def test_a_build_waits_to_be_served_and_is_brought_up_to_date_first(
    live_log: LiveLog, postgres_dsn: str
) -> None:
    await append(live_log.appender, EVENTS[:30])
    await project(live_log, postgres_dsn)
    code, _, err = await projections(live_log, postgres_dsn, "rebuild", "tokens", "--no-promote")
    assert code == 0, err
    assert "curvetape projections promote tokens" in err
    await append(live_log.appender, EVENTS[30:])
    await project(live_log, postgres_dsn)
    code, _, err = await projections(live_log, postgres_dsn, "promote", "tokens")
    assert code == 0, err
    assert "at sequence 59" in err
    code, out, _ = await projections(live_log, postgres_dsn, "verify", "tokens")
    assert code == 0, out


async def test_status_measures_twice_and_says_who_was_refused(
    live_log: LiveLog, postgres_dsn: str
) -> None:
    await append(live_log.appender, EVENTS)
    await project(live_log, postgres_dsn)
    code, out, err = await projections(live_log, postgres_dsn, "status", "--json")
    assert code == 0, err
    found = {it["name"]: it for it in map(json.loads, out.splitlines())}
    assert {it["served"]["sequence"] for it in found.values()} == {59}
    assert {it["rate_per_s"] for it in found.values()} == {0.0}
    await execute(postgres_dsn, "update checkpoints set refused = 'no' where name = 'tokens'")
    code, out, _ = await projections(live_log, postgres_dsn, "status")
    assert code == 1
    assert "refused" in out


async def test_what_could_not_be_applied_is_shown_in_dead_and_applied_by_a_retry(
    live_log: LiveLog, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = curve_traded(60, "mint1")
    await append(live_log.appender, [*EVENTS, bad])
    apply = Tokens.apply

    def choke(self: Tokens, batch: Sequence[Recorded]) -> Changes:
        if any(each.event.id == bad.id for each in batch):
            raise ValueError("bitter")
        return apply(self, batch)

    monkeypatch.setattr(Tokens, "apply", choke)
    await project(live_log, postgres_dsn)
    _, out, _ = await projections(live_log, postgres_dsn, "list")
    assert "parked    1 events" in out
    letters = [it async for it in filed(live_log.connection)]
    assert [(it.fields["projection"], it.fields["event_id"]) for it in letters] == [
        ("tokens", bad.id)
    ]
    code, out, _ = await projections(live_log, postgres_dsn, "verify", "tokens", "--json")
    assert (code, json.loads(out)["verdict"]) == (4, "different")
    code, out, err = await projections(live_log, postgres_dsn, "retry", "tokens")
    assert (code, out) == (0, "tokens: 1 applied, 0 still parked\n"), err
    code, _, _ = await projections(live_log, postgres_dsn, "verify", "tokens")
    assert code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rebuild", "candels"], "there are candles, trades, tokens, portfolios, search, holders"),
        (["rebuild", "candles", "--until-slot", "5"], "--into"),
        (["rebuild", "candles", "--into", "mine"], "--into"),
        (["promote", "candles"], "rebuild it first"),
        (["rollback", "candles"], "rebuild it first"),
    ],
)
async def test_what_cannot_be_done_is_said(
    live_log: LiveLog, postgres_dsn: str, arguments: list[str], said: str
) -> None:
    await append(live_log.appender, EVENTS[:3])
    await project(live_log, postgres_dsn)
    code, _, err = await projections(live_log, postgres_dsn, *arguments)
    assert code != 0
    assert said in " ".join(err.split())
    assert "Traceback" not in err


async def test_only_the_search_index_can_be_mended(live_log: LiveLog) -> None:
    for name in ("candles", "search"):  # no CURVETAPE_MEILI_URL here
        code, _, err = await projections(live_log, "postgresql://nowhere", "verify", name, "--mend")
        assert code == 2
        assert "CURVETAPE_MEILI_URL" in err
