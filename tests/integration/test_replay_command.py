"""`curvetape replay` writes the log once more, across archive and stream, whole or in part."""

import asyncio
import csv
import io
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

from adapters.archive.folder import FolderStore
from curvetape.testing.archives import numbered, sealed, stored
from curvetape.testing.certified import CertifiedLog, Message, certified
from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog
from curvetape.testing.simulated import first_blocks, views
from domain.events import AnyEvent, CurveTraded, PoolTraded, SlotAbandoned, TokenCreated
from domain.log import Entry
from ingest.transaction import translated

APPEND_MAX = 500


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[bytes]:
        return self.out.splitlines()


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "curvetape", "replay", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )


async def replay(*arguments: str) -> Ended:
    process = await start(*arguments)
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out, err.decode())


async def append(log: LiveLog, messages: Iterable[Message]) -> None:
    entries = [
        Entry(subject=event.subject, id=f"{sequence}", payload=payload)
        for sequence, payload, event in messages
    ]
    for at in range(0, len(entries), APPEND_MAX):
        await log.appender.append(entries[at : at + APPEND_MAX])


def market() -> list[AnyEvent]:
    return [
        event
        for block, _ in first_blocks(60)[:30]
        for tx in views(block)
        if not tx.failed
        for event in translated(tx).events
    ]


def forked() -> CertifiedLog:
    """A log with what was taken back, at once and late, and with an end that is not decided."""
    log = CertifiedLog()
    for slot in range(10, 40):
        log.append(
            *(
                curve_traded(slot, f"mint{number % 3}", id=f"{slot}:{number}.0")
                for number in range(4)
            )
        )
        if slot % 7 == 0:
            log.abandon(slot)
            log.append(curve_traded(slot, "mint0", id=f"{slot}:9.0"))
        log.seal(slot)
    log.abandon(12)
    log.append(curve_traded(40, "mint0"))
    return log


def counting(log: Iterable[Message]) -> list[bytes]:
    """What counts of `forked`: nothing that is taken back behind it, or waits at its end."""
    messages = list(log)
    taken_back = {
        event.slot: sequence for sequence, _, event in messages if isinstance(event, SlotAbandoned)
    }
    return [
        payload
        for sequence, payload, event in messages
        if not event.provisional
        or (event.pos.slot < 40 and sequence > taken_back.get(event.pos.slot, 0))
    ]


@pytest.mark.parametrize("sealed_messages", [0, 50, 100, 140])
async def test_what_counts_is_replayed_wherever_the_archive_ends(
    sealed_messages: int, live_log: LiveLog, tmp_path: Path
) -> None:
    log = forked()
    await append(live_log, log)
    sealed(FolderStore(tmp_path), stored(log)[:sealed_messages], events_max=25)
    at = ["--archive", str(tmp_path), "--url", live_log.server.url]
    everything = await replay(*at, "--all")
    assert everything.code == 0, everything.err
    assert everything.lines == [payload for _, payload, _ in log]
    some = await replay(*at)
    assert some.lines == counting(log)
    by_place = await replay(*at, "--order", "chain")
    assert sorted(by_place.lines) == sorted(some.lines)
    places = [json.loads(line)["pos"] for line in by_place.lines]
    assert places == sorted(places)


SELECTIONS: list[tuple[list[str], Callable[[AnyEvent, str, str], bool]]] = [
    (["--mint", "MINT"], lambda event, mint, _: getattr(event, "mint", None) == mint),
    (
        ["--wallet", "USER"],
        lambda event, _, user: user in (getattr(event, "user", ""), getattr(event, "signer", "")),
    ),
    (["--kind", "token.created"], lambda event, _, __: isinstance(event, TokenCreated)),
    (
        ["--kind", "pool.traded", "--kind", "curve.traded"],
        lambda event, _, __: isinstance(event, CurveTraded | PoolTraded),
    ),
    (
        ["--from-slot", "461400005", "--to-slot", "461400009"],
        lambda event, _, __: 461400005 <= event.pos.slot <= 461400009,
    ),
    (
        ["--mint", "MINT", "--kind", "curve.traded", "--to-slot", "461400020"],
        lambda event, mint, _: (
            isinstance(event, CurveTraded) and event.mint == mint and event.pos.slot <= 461400020
        ),
    ),
    (["--kind", "gap.filled"], lambda _, __, ___: False),
]


@pytest.mark.parametrize("given", SELECTIONS, ids=[" ".join(it[0]) for it in SELECTIONS])
async def test_a_part_is_replayed_from_archive_and_stream(
    given: tuple[list[str], Callable[[AnyEvent, str, str], bool]],
    live_log: LiveLog,
    tmp_path: Path,
) -> None:
    events = market()
    log = certified(events)
    await append(live_log, log)
    sealed(FolderStore(tmp_path), stored(log)[: len(log.messages) * 2 // 3], events_max=300)
    trades = [it for it in events if isinstance(it, CurveTraded)]
    mint = max({it.mint for it in trades}, key=lambda mint: sum(it.mint == mint for it in trades))
    user = trades[5].user
    arguments, wanted = given
    named = [{"MINT": mint, "USER": user}.get(it, it) for it in arguments]
    done = await replay("--archive", str(tmp_path), "--url", live_log.server.url, *named)
    assert done.code == 0, done.err
    assert done.lines == [payload for _, payload, event in log if wanted(event, mint, user)]


async def test_a_moment_ends_a_replay(tmp_path: Path) -> None:
    log = certified(market())
    sealed(FolderStore(tmp_path), stored(log), events_max=300)
    times = [it.block_time_s for _, _, it in log if isinstance(it, CurveTraded)]
    moment = times[len(times) // 2]
    done = await replay(
        "--archive", str(tmp_path), "--kind", "curve.traded", "--until-time", str(moment)
    )
    assert len(done.lines) == sum(it <= moment for it in times)
    none = await replay(
        "--archive", str(tmp_path), "--until-time", "2001-01-01", "--kind", "pool.traded"
    )
    assert (none.code, none.out) == (0, b"")


async def test_every_format_has_the_same_events(tmp_path: Path) -> None:
    log = certified(market())
    at = ["--archive", str(tmp_path / "archive"), "--kind", "curve.traded"]
    sealed(FolderStore(tmp_path / "archive"), stored(log), events_max=300)
    expected = [(sequence, event) for sequence, _, event in log if isinstance(event, CurveTraded)]
    rows = list(csv.DictReader(io.StringIO((await replay(*at, "--format", "csv")).out.decode())))
    assert [int(row["sequence"]) for row in rows] == [sequence for sequence, _ in expected]
    assert [int(row["token_amount"]) for row in rows] == [it.token_amount for _, it in expected]
    header, *table = (await replay(*at, "--format", "table")).lines
    assert header.split()[:3] == [b"sequence", b"kind", b"slot"]
    assert [int(line.split()[0]) for line in table] == [sequence for sequence, _ in expected]
    path = tmp_path / "out.parquet"
    assert (await replay(*at, "--format", "parquet", "--output", str(path))).code == 0
    assert pq.read_table(path)["sequence"].to_pylist() == [sequence for sequence, _ in expected]
    empty = await replay(*at, "--mint", "nobody", "--format", "csv")
    assert empty.out.startswith(b'"sequence","kind"')


async def test_following_goes_on_from_the_archive_into_what_comes(
    live_log: LiveLog, tmp_path: Path
) -> None:
    log = certified([curve_traded(slot, "mint") for slot in range(1, 31)])
    messages = list(log)
    await append(live_log, messages[:40])
    sealed(FolderStore(tmp_path), stored(messages[:20]), events_max=10)
    following = await start("--archive", str(tmp_path), "--url", live_log.server.url, "--follow")
    assert following.stdout is not None
    try:
        async with asyncio.timeout(60):
            first = [(await following.stdout.readline()).rstrip() for _ in range(40)]
            await append(live_log, messages[40:])
            rest = [(await following.stdout.readline()).rstrip() for _ in range(20)]
    finally:
        following.terminate()
        await following.communicate()
    assert first + rest == [payload for _, payload, _ in messages]
    assert following.returncode == 0


async def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    sealed(FolderStore(tmp_path), stored(certified(market())), events_max=300)
    process = await start("--archive", str(tmp_path))
    assert process.stdout is not None
    line = await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]  # what `head -1` does
    assert process.stderr is not None
    err = await process.stderr.read()
    await process.wait()
    assert json.loads(line)["kind"]
    assert (process.returncode, b"Traceback" in err) == (0, False)


async def test_a_damaged_archive_is_said(tmp_path: Path) -> None:
    (made, *_) = sealed(FolderStore(tmp_path), numbered([curve_traded(1, "mint")]))
    (tmp_path / made.file).write_bytes(b"PAR1")
    done = await replay("--archive", str(tmp_path))
    assert done.code == 1
    assert "does not have the hash that its manifest names" in done.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give --archive, or --url, or both"),
        (["--archive", "x", "--follow"], "--follow needs a server"),
        (["--archive", "x", "--format", "parquet"], "parquet is written to a file"),
        (["--archive", "x", "--until-time", "yesterday"], "'yesterday' is no time"),
        (["--archive", "x", "--kind", "curve.sold"], "'curve.sold' is not one of"),
    ],
)
async def test_bad_input_is_refused_in_a_sentence(arguments: list[str], sentence: str) -> None:
    done = await replay(*arguments)
    assert (done.code, sentence in done.err) == (2, True)
