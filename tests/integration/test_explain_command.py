"""`curvetape explain` says of a transaction where it is, what it made and what that moved."""

import asyncio
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from solders.signature import Signature

from adapters.archive.folder import FolderStore
from adapters.postgres.candles import CandleStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import open_pool
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from curvetape.testing.archives import sealed, stored
from curvetape.testing.certified import CertifiedLog, Message, certified
from curvetape.testing.events import created, curve_traded
from curvetape.testing.log import LiveLog
from domain.events import AnyEvent, SlotConfirmed
from domain.log import Entry
from projections.candles import Candles
from projections.projection import host
from projections.reads import INTERVALS_S
from projections.runner import Runner
from projections.tokens import Tokens
from projections.trades import Trades


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def explain(*arguments: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "curvetape", "explain", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


def signature(number: int) -> str:
    return str(Signature(bytes([number]) * 64))


def log_of_launches() -> CertifiedLog:
    """Slot 20 launches a token and buys it at once, and is taken back once before."""
    launch: list[AnyEvent] = [
        created(20, "mint", id=f"{signature(20)}:1.0"),
        curve_traded(20, "mint", id=f"{signature(20)}:2.0"),
    ]
    held = certified(
        curve_traded(slot, "other", id=f"{signature(slot)}:2.0") for slot in range(1, 20)
    )
    held.append(*launch)
    held.abandon(20)
    held.append(*launch)
    held.seal(20)
    for slot in range(21, 30):
        held.append(curve_traded(slot, "mint", id=f"{signature(slot)}:2.0"))
        held.seal(slot)
    held.append(curve_traded(30, "mint", id=f"{signature(30)}:2.0"))
    return held


async def append(log: LiveLog, messages: Iterable[Message]) -> None:
    await log.appender.append(
        [
            Entry(subject=event.subject, id=f"{sequence}", payload=payload)
            for sequence, payload, event in messages
        ]
    )


async def project(dsn: str, log: LiveLog) -> None:
    await migrate(dsn)
    pool = await open_pool(dsn, connections_max=1)
    hosted = [
        host(Candles(), CandleStore(pool)),
        host(Trades(), TradeStore(pool)),
        host(Tokens(), TokenStore(pool)),
    ]
    await Runner(log.log, hosted, batch_max=50).run(follow=False)
    await pool.close()


async def test_a_transaction_is_explained_from_archive_stream_and_read_models(
    live_log: LiveLog, postgres_dsn: str, tmp_path: Path
) -> None:
    held = log_of_launches()
    await append(live_log, held)
    await project(postgres_dsn, live_log)
    (segment, *_) = sealed(FolderStore(tmp_path), stored(held)[:41], events_max=41)
    done = await explain(
        *("--archive", str(tmp_path), "--url", live_log.server.url, "--postgres", postgres_dsn),
        *("--json", signature(20)),
    )
    assert done.code == 0, done.err
    found = done.json
    assert (found["place"]["slot"], found["place"]["signer"]) == (20, "signer20")
    assert [
        (it["sequence"], it["event"]["kind"], it["state"], it["found_in"]) for it in found["events"]
    ] == [
        (39, "token.created", "taken back", segment.file),
        (40, "curve.traded", "taken back", segment.file),
        (42, "token.created", "counts", "stream"),
        (43, "curve.traded", "counts", "stream"),
    ]
    certificate = held.messages[43][2]
    assert isinstance(certificate, SlotConfirmed)
    assert found["certificate"]["hash"] == certificate.hash
    assert found["certificate_sequence"] == 44
    assert sorted(it["interval_s"] for it in found["candles"]) == sorted(INTERVALS_S.values())
    assert all(it["now"]["buys"] >= 1 for it in found["candles"])
    (token,) = found["tokens"]
    assert (token["mint"], token["now"]["trades"]) == ("mint", 10)
    assert list(token["ranked_by"]) == ["created", "last_trade", "market_cap", "volume", "trades"]
    assert token["ranked_by"]["trades"] == 10


async def test_an_explanation_for_the_eye_needs_no_read_models(tmp_path: Path) -> None:
    held = log_of_launches()
    sealed(FolderStore(tmp_path), stored(held), events_max=25)
    done = await explain("--archive", str(tmp_path), signature(5))
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == f"transaction {signature(5)}"
    assert "event curve.traded at 2.0, counts, price 2.98364e-05" in lines
    assert any(line.startswith("certificate ") for line in lines)
    assert lines[-1] == "read models were not asked; give --postgres"


async def test_what_is_not_decided_yet_is_said(live_log: LiveLog) -> None:
    await append(live_log, log_of_launches())
    found = (await explain("--url", live_log.server.url, "--json", signature(30))).json
    assert [it["state"] for it in found["events"]] == ["not decided"]
    assert (found["certificate"], found["candles"], found["tokens"]) == (None, [], [])


async def test_a_transaction_that_the_log_does_not_have_is_said(tmp_path: Path) -> None:
    sealed(FolderStore(tmp_path), stored(log_of_launches()))
    done = await explain("--archive", str(tmp_path), signature(99))
    assert done.code == 3
    assert f"no event of {signature(99)} is in the log" in done.err


@pytest.mark.parametrize("arguments", [["nonsense"], [signature(1)]])
async def test_bad_input_is_refused(arguments: list[str]) -> None:
    done = await explain(*arguments)
    assert done.code == 2
    assert "is no signature" in done.err or "give --archive" in done.err
