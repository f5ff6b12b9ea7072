"""`curvetape archive` seals a real log, survives `kill -9`, and finds what was tampered with."""

import asyncio
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from adapters.archive import chain
from adapters.archive.folder import FolderStore
from curvetape.testing.archives import stored, unsealed
from curvetape.testing.certified import CertifiedLog, certified
from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog
from curvetape.testing.simulated import first_blocks, views
from domain.archive import ArchiveStore
from domain.events import AnyEvent
from domain.log import Entry, Stored
from ingest.transaction import translated

APPEND_MAX = 500
KILLS = 8


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "curvetape", "archive", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def archive(*arguments: str) -> Ended:
    process = await start(*arguments)
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def append(log: LiveLog, held: CertifiedLog) -> list[Stored]:
    entries = [
        Entry(subject=event.subject, id=f"{sequence}", payload=payload)
        for sequence, payload, event in held
    ]
    for at in range(0, len(entries), APPEND_MAX):
        await log.appender.append(entries[at : at + APPEND_MAX])
    return stored(held)


def market(blocks: int) -> list[AnyEvent]:
    return [
        event
        for block, _ in first_blocks(60)[:blocks]
        for tx in views(block)
        if not tx.failed
        for event in translated(tx).events
    ]


def content(store: ArchiveStore) -> Sequence[Stored]:
    return [
        it
        for manifest in chain.manifests(store)
        for it in unsealed(chain.content_of(store, manifest))
    ]


def unfinished(folder: Path) -> list[Path]:
    return list(folder.rglob(".unfinished-*"))


async def until_sealed(folder: Path, messages: int) -> None:
    while len(content(FolderStore(folder))) < messages:  # noqa: ASYNC110  # another process's work
        await asyncio.sleep(0.1)


async def test_a_log_is_sealed_listed_verified_and_fetched(
    live_log: LiveLog, tmp_path: Path
) -> None:
    log = await append(live_log, certified(market(30)))
    at = ["--archive", str(tmp_path / "archive")]
    server = ["--url", live_log.server.url]
    few = await archive("seal", *at, *server)
    assert (few.code, few.out) == (0, "")
    assert "nothing to seal yet; --rest seals what does not fill a segment" in few.err
    done = await archive("seal", *at, *server, "--events", "700", "--rest")
    assert done.code == 0, done.err
    assert content(FolderStore(tmp_path / "archive")) == log
    listed = await archive("list", *at, "--json")
    assert [it["first_sequence"] for it in listed.json] == list(range(1, len(log), 700))
    assert "bytes/message" in (await archive("list", *at)).out
    verified = await archive("verify", *at)
    assert (verified.code, verified.out.splitlines()[-1]) == (
        0,
        f"whole: {len(listed.json)} segments up to sequence {len(log):,}",
    )
    copy = tmp_path / "copy"
    assert (await archive("fetch", *at, str(copy))).code == 0
    assert content(FolderStore(copy)) == log
    again = await archive("fetch", *at, str(copy))
    assert again.out == f"fetched 0 of {len(listed.json)} segments into {copy}\n"
    first = listed.json[0]["slots"]["first"]
    some = await archive("fetch", *at, str(tmp_path / "some"), "--to-slot", str(first))
    assert some.out == f"fetched 1 of 1 segments into {tmp_path / 'some'}\n"


async def test_what_was_tampered_with_is_damaged(live_log: LiveLog, tmp_path: Path) -> None:
    await append(live_log, certified(market(20)))
    at = ["--archive", str(tmp_path)]
    await archive("seal", *at, "--url", live_log.server.url, "--events", "300", "--rest")
    (_, second, *_) = chain.manifests(FolderStore(tmp_path))
    (tmp_path / second.file).write_bytes(b"PAR1")
    (tmp_path / "segments" / "left.parquet").write_bytes(b"PAR1")
    verified = await archive("verify", *at, "--json")
    assert verified.code == 4
    assert [it["name"] for it in verified.json["damaged"]] == [second.file]
    assert verified.json["unlisted"] == ["segments/left.parquet"]
    (tmp_path / second.name).unlink()
    broken = await archive("verify", *at)
    assert broken.code == 4
    assert "does not follow sequence 300" in broken.err


async def test_a_sealer_that_is_killed_anywhere_goes_on_where_it_was(
    live_log: LiveLog, tmp_path: Path
) -> None:
    log = await append(live_log, certified(market(40)))
    at = ["--archive", str(tmp_path), "--url", live_log.server.url]
    store = FolderStore(tmp_path)
    chance = random.Random(1)
    for _ in range(KILLS):
        process = await start("seal", *at, "--events", "50", "--rest")
        await asyncio.sleep(0.8 + chance.random())
        if process.returncode is None:
            process.kill()
        await process.communicate()
        held = content(store)
        assert held == log[: len(held)], "a segment is there whole or not at all"
    assert (await archive("seal", *at, "--events", "50", "--rest")).code == 0
    assert content(store) == log
    assert unfinished(tmp_path) == []
    assert (await archive("verify", "--archive", str(tmp_path))).code == 0


async def test_a_sealer_that_follows_seals_what_comes_and_keeps_others_out(
    live_log: LiveLog, tmp_path: Path
) -> None:
    at = ["--archive", str(tmp_path), "--url", live_log.server.url, "--events", "20"]
    following = await start("seal", *at, "--follow")
    try:
        await append(live_log, certified([curve_traded(slot, "mint") for slot in range(1, 31)]))
        async with asyncio.timeout(30):
            await until_sealed(tmp_path, 60)
        other = await archive("seal", *at)
        assert other.code == 1
        assert f"another sealer writes to {tmp_path}" in other.err
    finally:
        following.terminate()
        _, err = await following.communicate()
    assert following.returncode == 0, err.decode()


async def test_bad_input_is_refused_in_a_sentence(live_log: LiveLog, tmp_path: Path) -> None:
    odd = await archive("list", "--archive", "ftp://host/path")
    assert (odd.code, "ftp://host/path is no archive's address" in odd.err) == (2, True)
    gone = await archive("seal", "--archive", str(tmp_path), "--url", "nats://127.0.0.1:1")
    assert (gone.code, "could not be reached" in gone.err) == (1, True)
    assert (await archive("seal", "--url", live_log.server.url)).code == 2
