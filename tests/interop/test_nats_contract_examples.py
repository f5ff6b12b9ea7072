"""The example readers print the same proven trades from our log, as the user who may only read."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply
from curvetape.definitions import definitions
from curvetape.testing.certified import CertifiedLog, Message
from curvetape.testing.checkout import ROOT
from curvetape.testing.events import completion_traded, created, curve_traded, pool_traded
from curvetape.testing.guarded import GuardedNats, guarded_nats_in
from curvetape.testing.node import NODE, SCRIPTS
from curvetape.testing.servers import nats_in
from domain.events import encode
from domain.log import Entry
from domain.position import Position
from domain.programs import WRAPPED_SOL

EXAMPLES = ROOT / "docs" / "examples"
GO = shutil.which("go")
LANGUAGES = ["python", "typescript", *(["go"] if GO else [])]
"""Go's example is run where there is a Go toolchain."""

RUN_WAIT_S_MAX = 60.0
BUILD_WAIT_S_MAX = 300.0
U64_MAX = 2**64 - 1


async def run(
    command: Sequence[str | Path], *, url: str = "", folder: Path, wait_s_max: float
) -> tuple[int, list[str], str]:
    """A program's exit code, the lines that it printed, and its complaint."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "NATS_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(wait_s_max):
            printed, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, printed.decode().splitlines(), said.decode()


@pytest.fixture(params=LANGUAGES)
async def command(request: pytest.FixtureRequest, tmp_path: Path) -> Sequence[str | Path]:
    """How an example is run, from a folder that has its packages."""
    if request.param == "python":
        return [sys.executable, EXAMPLES / "python" / "trades.py"]
    if request.param == "typescript":
        return [NODE, with_packages(tmp_path) / "trades.ts"]
    assert GO is not None
    build: list[str | Path] = [GO, "build", "-o", tmp_path / "trades", "."]
    code, _, said = await run(build, folder=EXAMPLES / "go", wait_s_max=BUILD_WAIT_S_MAX)
    assert code == 0, said
    return [tmp_path / "trades"]


def with_packages(folder: Path) -> Path:
    """The TypeScript example in a folder whose packages are those that the tests have pinned."""
    assert (SCRIPTS / "node_modules").is_dir(), "run `make test`, which installs tests/npm"
    for file in (EXAMPLES / "typescript").iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    (folder / "node_modules").symlink_to(SCRIPTS / "node_modules")
    return folder


@pytest.fixture
async def guarded(server_folder: Path) -> AsyncIterator[GuardedNats]:
    async with guarded_nats_in(server_folder / "nats") as server:
        yield server


async def append(server: GuardedNats, messages: Sequence[Message]) -> None:
    """Append as ingest; what has the same id as something before is told apart by its sequence."""
    async with await Connection.open(server.url_of("ingest")) as connection:
        appender = await JetStreamAppender.open(connection, monitor_urls=server.monitor_url)
        appended = await appender.append(
            [
                Entry(subject=event.subject, id=f"{event.id}@{sequence}", payload=payload)
                for sequence, payload, event in messages
            ]
        )
        appender.close()
    assert appended.written == len(messages)


def at(slot: int, tx: int, inner: int = 0) -> dict[str, object]:
    return {"pos": Position(slot, tx, 2, inner), "id": f"s{slot}-{tx}:2.{inner}"}


def log_with_a_fork() -> CertifiedLog:
    """Trades of the token `m` and of others, some on a fork, some with the largest amounts."""
    log = CertifiedLog()
    # More than one answer holds.
    log.append(*(curve_traded(1, "other", **at(1, tx)) for tx in range(1_200)))
    log.append(
        created(1, "m", **at(1, 1_300)),
        # As learnt, not as on the chain.
        curve_traded(1, "m", **at(1, 1_302, 10), user="third"),
        curve_traded(1, "m", **at(1, 1_302, 9), user="second", token_amount=U64_MAX),
        curve_traded(1, "m", **at(1, 1_301), side="sell", user="first"),
    )
    log.seal(1)
    log.append(curve_traded(2, "m", **at(2, 1), user="dies with its fork"))
    log.append(curve_traded(3, "m", **at(3, 1), user="is taken back, once"))
    log.abandon(2)
    log.abandon(3)
    log.append(
        curve_traded(3, "m", **at(3, 2), user="landed"),
        completion_traded(3, "m", **at(3, 3), quote_amount=2**53 + 1),
    )
    log.seal(3)
    log.append(
        pool_traded(4, "m", **at(4, 1), base_amount=U64_MAX, quote_amount=1),
        pool_traded(
            4, "m", **at(4, 2), base_mint=WRAPPED_SOL, quote_mint="m", base_amount=5, quote_amount=7
        ),
    )
    log.append(curve_traded(5, "m", **at(5, 1), user="waits"))
    log.seal(4)
    return log


EXPECTED = [
    "1.1301.2.0 curve sell 34000000000000 for 1000000000 by first s1-1301:2.0",
    f"1.1302.2.9 curve buy {U64_MAX} for 1000000000 by second s1-1302:2.9",
    "1.1302.2.10 curve buy 34000000000000 for 1000000000 by third s1-1302:2.10",
    "3.2.2.0 curve buy 34000000000000 for 1000000000 by landed s3-2:2.0",
    "3.3.2.0 completion buy 1200000000000 for 9007199254740993 by trader s3-3:2.0",
    f"4.1.2.0 pool buy {U64_MAX} for 1 by trader s4-1:2.0",
    "4.2.2.0 pool sell 7 for 5 by trader s4-2:2.0",
]
EXPECTED_LATER = [
    "5.1.2.0 curve buy 34000000000000 for 1000000000 by waits s5-1:2.0",
    "6.1.2.0 curve buy 34000000000000 for 1000000000 by trader s6-1:2.0",
]


async def test_an_example_prints_each_proven_trade_once_also_after_a_pause(
    guarded: GuardedNats, command: Sequence[str | Path], tmp_path: Path
) -> None:
    url = guarded.url_of("integrator")
    read = [*command, "--state", tmp_path / "state.json", "m"]
    log = log_with_a_fork()
    await append(guarded, log.messages)
    assert await run(read, url=url, folder=tmp_path, wait_s_max=RUN_WAIT_S_MAX) == (0, EXPECTED, "")
    before = len(log.messages)
    log.append(curve_traded(6, "m", **at(6, 1)))
    log.seal(5)
    log.seal(6)
    await append(guarded, log.messages[before:])
    later = await run(read, url=url, folder=tmp_path, wait_s_max=RUN_WAIT_S_MAX)
    assert later == (0, EXPECTED_LATER, "")
    again = await run(read, url=url, folder=tmp_path, wait_s_max=RUN_WAIT_S_MAX)
    assert again == (0, [], "")


async def test_an_example_waits_at_the_end_for_what_comes(
    guarded: GuardedNats, command: Sequence[str | Path], tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        "--follow",
        "m",
        cwd=tmp_path,
        env={**os.environ, "NATS_URL": guarded.url_of("integrator")},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        await append(guarded, log_with_a_fork().messages)
        async with asyncio.timeout(RUN_WAIT_S_MAX):
            printed = [(await process.stdout.readline()).decode().rstrip() for _ in EXPECTED]
    finally:
        process.kill()
        await process.communicate()
    assert printed == EXPECTED


async def test_an_example_counts_events_from_before_there_were_certificates_at_once(
    guarded: GuardedNats, command: Sequence[str | Path], tmp_path: Path
) -> None:
    event = curve_traded(1, "m", **at(1, 1))
    await append(guarded, [(1, encode(event), event)])
    code, printed, _ = await run(
        [*command, "m"],
        url=guarded.url_of("integrator"),
        folder=tmp_path,
        wait_s_max=RUN_WAIT_S_MAX,
    )
    assert (code, len(printed)) == (0, 1)


async def test_an_example_stops_where_something_that_counted_is_taken_back(
    guarded: GuardedNats, command: Sequence[str | Path], tmp_path: Path
) -> None:
    log = CertifiedLog()
    log.append(curve_traded(1, "m", **at(1, 1)))
    log.seal(1)
    log.abandon(1)
    await append(guarded, log.messages)
    code, printed, said = await run(
        [*command, "m"],
        url=guarded.url_of("integrator"),
        folder=tmp_path,
        wait_s_max=RUN_WAIT_S_MAX,
    )
    assert (code, len(printed)) == (1, 1)
    assert said == "trades: slot 1 was taken back after its proof; read it all again\n"


async def test_an_example_stops_at_a_version_that_it_does_not_know(
    guarded: GuardedNats, command: Sequence[str | Path], tmp_path: Path
) -> None:
    event = curve_traded(1, "m", **at(1, 1))
    newer = encode(event).replace(b'"curve.traded"', b'"curve.traded.2"')
    await append(guarded, [(1, newer, event)])
    code, _, said = await run(
        [*command, "m"],
        url=guarded.url_of("integrator"),
        folder=tmp_path,
        wait_s_max=RUN_WAIT_S_MAX,
    )
    assert (code, said) == (1, "trades: curve.traded.2 is newer than this program\n")


async def test_an_example_notices_a_hole_and_another_log(
    server_folder: Path, command: Sequence[str | Path], tmp_path: Path
) -> None:
    """A stream that lets messages be deleted stands in for one that has lost some."""
    async with nats_in(server_folder / "nats") as server:
        async with await Connection.open(server.url) as connection:
            defined = load(definitions() / "streams.toml")
            await apply(
                connection, [msgspec.structs.replace(it, deny_delete=False) for it in defined]
            )
            appender = await JetStreamAppender.open(connection, monitor_urls=server.monitor_url)
            trades = [curve_traded(slot, "m", **at(slot, 1)) for slot in (1, 2, 3)]
            await appender.append(
                [Entry(subject=it.subject, id=it.id, payload=encode(it)) for it in trades]
            )
            appender.close()
            await connection.jetstream.delete_msg("PUMP", 2)
        code, printed, said = await run(
            [*command, "m"], url=server.url, folder=tmp_path, wait_s_max=RUN_WAIT_S_MAX
        )
        assert (code, len(printed)) == (1, 1)
        assert said == "trades: sequence 3 came where 2 was expected\n"
        state = tmp_path / "ahead.json"
        state.write_text('{"position": 4, "waiting": {}}')
        code, printed, said = await run(
            [*command, "--state", state, "m"],
            url=server.url,
            folder=tmp_path,
            wait_s_max=RUN_WAIT_S_MAX,
        )
        assert (code, printed) == (1, [])
        assert said == "trades: the log ends at 3, before 4: another log?\n"


async def test_an_example_says_so_when_it_may_not_read(
    guarded: GuardedNats, command: Sequence[str | Path], tmp_path: Path
) -> None:
    url = guarded.url.replace("://", "://integrator:wrong@")
    code, printed, said = await run(
        [*command, "m"], url=url, folder=tmp_path, wait_s_max=RUN_WAIT_S_MAX
    )
    assert (code, printed) == (1, [])
    assert "authorization" in said.lower()


async def test_the_typescript_example_has_the_types_of_its_client(tmp_path: Path) -> None:
    folder = with_packages(tmp_path)
    compiler = SCRIPTS / "node_modules" / "typescript" / "bin" / "tsc"
    code, printed, _ = await run([NODE, compiler], folder=folder, wait_s_max=RUN_WAIT_S_MAX)
    assert (code, printed) == (0, [])


def test_the_examples_use_the_versions_that_are_tested() -> None:
    wanted = msgspec.json.decode((EXAMPLES / "typescript" / "package.json").read_bytes())
    tested = msgspec.json.decode((SCRIPTS / "package.json").read_bytes())["dependencies"]
    assert {tested[name] for name in wanted["dependencies"]} == set(wanted["dependencies"].values())
    pinned = re.search(
        r"^(nats-py==\S+) ", (ROOT / "requirements" / "run.txt").read_text(), re.MULTILINE
    )
    assert pinned is not None
    assert f"pip install {pinned[1]}\n" in (EXAMPLES / "README.md").read_text()
