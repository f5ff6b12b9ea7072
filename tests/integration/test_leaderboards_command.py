"""`curvetape projections` and `audit models` look after leaderboards as after the others."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from adapters.archive.folder import FolderStore
from adapters.embedded.valkey import ValkeyServer
from adapters.valkey.client import Valkey
from adapters.valkey.generations import Generations
from curvetape.archiving import Archiving
from curvetape.bootstrap import projecting
from curvetape.config import Settings
from curvetape.testing.events import created, curve_traded
from curvetape.testing.leaderboards import database_url, valkey_of
from curvetape.testing.log import LiveLog, entries
from domain.events import AnyEvent
from projections.leaderboards import Leaderboards

EVENTS: Sequence[AnyEvent] = [
    created(1, "mint1"),
    *(curve_traded(slot, f"mint{slot % 2}") for slot in range(2, 60)),
]


@pytest.fixture
async def valkey(valkey_server: ValkeyServer) -> AsyncIterator[Valkey]:
    async with valkey_of(valkey_server) as opened:
        yield opened


@pytest.fixture
async def configured(live_log: LiveLog, postgres_dsn: str, valkey_server: ValkeyServer) -> Settings:
    await live_log.appender.append(entries(EVENTS))
    return Settings(
        nats_url=live_log.server.url,
        nats_monitor_url=live_log.server.monitor_url,
        postgres_dsn=postgres_dsn,
        redis_url=database_url(valkey_server),
    )


async def project(settings: Settings) -> None:
    async with projecting(settings) as runners:
        await runners.run(follow=False)


async def curvetape(settings: Settings, *arguments: str) -> tuple[int, str, str]:
    environment = {
        **os.environ,
        "CURVETAPE_NATS_URL": settings.nats_url or "",
        "CURVETAPE_POSTGRES_DSN": settings.postgres_dsn or "",
        "CURVETAPE_REDIS_URL": settings.redis_url or "",
        "CURVETAPE_ARCHIVE_URL": settings.archive_url or "",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "curvetape", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_spoilt_leaderboards_are_found_built_anew_and_served(
    configured: Settings, valkey: Valkey
) -> None:
    await project(configured)
    keys = await Generations(valkey, "leaderboards").keys("served")
    await valkey.one("HDEL", keys.cards, "mint1")
    code, out, _ = await curvetape(configured, "projections", "verify", "leaderboards", "--json")
    found = json.loads(out)
    assert (code, found["verdict"]) == (4, "different")
    cards = found["models"][0]["tables"][0]
    assert (cards["name"], cards["rows"], cards["rows_replayed"]) == ("cards", 1, 2)
    code, out, _ = await curvetape(configured, "audit", "models")
    assert code == 4
    assert "missing: cards, mint mint1" in out
    code, _, err = await curvetape(configured, "projections", "rebuild", "leaderboards")
    assert code == 0, err
    assert "leaderboards is served from its new generation, at sequence 59" in err
    code, out, _ = await curvetape(configured, "projections", "verify", "leaderboards")
    assert code == 0, out
    code, out, err = await curvetape(configured, "audit", "models")
    assert code == 0, out + err
    assert "and leaderboards hold exactly what a replay of the log gives" in out
    code, out, _ = await curvetape(configured, "projections", "list")
    assert code == 0
    version = f"version {Leaderboards.version}"
    listed = out.partition(f"leaderboards, {version}")[2]
    assert f"previous  {version}, at sequence 59" in listed
    code, _, err = await curvetape(configured, "projections", "rollback", "leaderboards")
    assert code == 0, err
    code, _, _ = await curvetape(configured, "projections", "verify", "leaderboards")
    assert code == 4


async def test_an_archive_fills_what_is_built_anew(
    configured: Settings, live_log: LiveLog, valkey: Valkey, tmp_path: Path
) -> None:
    await project(configured)
    await Archiving(live_log.log, FolderStore(tmp_path), print, events_max=20).once()
    keys = await Generations(valkey, "leaderboards").keys("served")
    await valkey.one("HDEL", keys.cards, "mint1")
    archived = msgspec.structs.replace(configured, archive_url=str(tmp_path))
    code, _, err = await curvetape(archived, "projections", "rebuild", "leaderboards")
    assert code == 0, err
    assert re.search(r"leaderboards: \d\d sealed events in", err), err
    code, out, _ = await curvetape(configured, "projections", "verify", "leaderboards")
    assert code == 0, out


async def test_a_build_waits_to_be_served_and_nothing_is_left_to_retry(
    configured: Settings, valkey: Valkey
) -> None:
    await project(configured)
    code, _, err = await curvetape(
        configured, "projections", "rebuild", "leaderboards", "--no-promote"
    )
    assert code == 0, err
    code, _, err = await curvetape(configured, "projections", "promote", "leaderboards")
    assert code == 0, err
    assert "at sequence 59" in err
    code, out, err = await curvetape(configured, "projections", "status", "--json")
    assert code == 0, err
    found = {it["name"]: it["served"]["sequence"] for it in map(json.loads, out.splitlines())}
    assert found["leaderboards"] == 59
    code, out, _ = await curvetape(configured, "projections", "retry", "leaderboards")
    assert (code, out) == (0, "leaderboards: 0 applied, 0 still parked\n")


@pytest.mark.parametrize(
    ("redis", "arguments", "said"),
    [
        ("", ["rebuild", "leaderboards"], "set CURVETAPE_REDIS_URL"),
        ("", ["verify", "leaderboards"], "set CURVETAPE_REDIS_URL"),
        ("redis://127.0.0.1:1/0", ["list"], "CURVETAPE_REDIS_URL did not answer"),
        ("redis://127.0.0.1:1/0", ["retry", "leaderboards"], "did not answer"),
        (
            "redis://127.0.0.1:1/0",
            ["rebuild", "leaderboards", "--mint", "m", "--into", "there"],
            "in PostgreSQL only",
        ),
    ],
)
async def test_what_cannot_be_done_is_said(
    configured: Settings, redis: str, arguments: list[str], said: str
) -> None:
    elsewhere = Settings(nats_url=configured.nats_url, postgres_dsn=configured.postgres_dsn)
    await project(elsewhere)
    given = Settings(
        nats_url=configured.nats_url, postgres_dsn=configured.postgres_dsn, redis_url=redis or None
    )
    code, _, err = await curvetape(given, "projections", *arguments)
    assert code != 0
    assert said in " ".join(err.split())
    assert "Traceback" not in err
