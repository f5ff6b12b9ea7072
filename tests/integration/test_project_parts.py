"""`curvetape project --part` in processes of their own, on one log and one database."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from adapters.embedded.valkey import ValkeyServer
from adapters.postgres.pool import NO_CONNECTIONS
from curvetape.bootstrap import read_models
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.history import as_it_came
from curvetape.testing.leaderboards import database_url
from curvetape.testing.log import LiveLog
from curvetape.testing.waiting import until
from domain.log import Entry
from projections.partitioning import can_be_divided

PARTS = 3
WAIT_S_MAX = 60.0
DIVIDED = [it.projection.name for it in read_models(NO_CONNECTIONS) if can_be_divided(it)]
WHOLE = ["sol_prices", "slots", "leaderboards"]


@pytest.fixture
def environment(
    live_log: LiveLog, postgres_dsn: str, valkey_server: ValkeyServer
) -> Mapping[str, str]:
    return {
        "CURVETAPE_NATS_URL": live_log.server.url,
        "CURVETAPE_NATS_MONITOR_URL": live_log.server.monitor_url,
        "CURVETAPE_POSTGRES_DSN": postgres_dsn,
        "CURVETAPE_REDIS_URL": database_url(valkey_server),
        "CURVETAPE_PROJECT_BATCH_MAX": "40",
    }


async def append(live_log: LiveLog, held: CertifiedLog, *, after: int, until_: int) -> None:
    sent = [
        Entry(subject=event.subject, id=str(sequence), payload=payload)
        for sequence, payload, event in held
        if after < sequence <= until_
    ]
    for at in range(0, len(sent), 500):
        await live_log.appender.append(sent[at : at + 500])


@asynccontextmanager
async def command(
    environment: Mapping[str, str], *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "curvetape", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """The exit code of a command that ends by itself, and what it said."""
    async with command(environment, *arguments) as process:
        out, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode()


async def begun(process: asyncio.subprocess.Process) -> bool:
    """Whether a replica has found its checkpoints: its first status lines say where it is."""
    assert process.stdout is not None
    return b" tail " in await process.stdout.readline()


async def standing(environment: Mapping[str, str]) -> Mapping[str, tuple[int, list[int]]]:
    """Each read model's sequence, and those of its parts."""
    code, said = await ended(environment, "projections", "list", "--json")
    if code:
        return {}
    found = map(json.loads, said.splitlines())
    return {it["name"]: (it["served"]["sequence"], it["served"]["parts"]) for it in found}


async def test_replicas_of_which_one_is_killed_and_one_is_there_twice_end_in_the_rows_of_one(
    live_log: LiveLog, environment: Mapping[str, str]
) -> None:
    held = as_it_came()
    length = len(held.messages)
    await append(live_log, held, after=0, until_=900)

    async def all_at(sequence: int) -> bool:
        found = await standing(environment)
        return found == {
            **dict.fromkeys(DIVIDED, (sequence, [sequence] * PARTS)),
            **dict.fromkeys(WHOLE, (sequence, [])),
        }

    async with AsyncExitStack() as stack:
        replicas = [
            await stack.enter_async_context(
                command(environment, "project", "--part", f"{part}/{PARTS}")
            )
            for part in range(1, PARTS + 1)
        ]
        await until(lambda: all_at(900), wait_s_max=WAIT_S_MAX)
        replicas[1].send_signal(signal.SIGKILL)
        twin = await stack.enter_async_context(command(environment, "project", "--part", "3/3"))
        await until(lambda: begun(twin), wait_s_max=WAIT_S_MAX)
        await append(live_log, held, after=900, until_=length)

        async def without_part_2() -> bool:
            return (await standing(environment))["trades"] == (900, [length, 900, length])

        await until(without_part_2, wait_s_max=WAIT_S_MAX)
        replicas[1] = await stack.enter_async_context(
            command({**environment, "CURVETAPE_PROJECT_PART": "2/3"}, "project")
        )
        await until(lambda: all_at(length), wait_s_max=WAIT_S_MAX)
        assert [it.returncode for it in replicas[:2]] == [None, None]
        rivals = [replicas[2], twin]
        for process in (*replicas, twin):
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        said = [(await it.communicate())[0].decode() for it in rivals]
    assert any("another runner of part 3/3 is at work" in it for it in said), said
    for name in [*DIVIDED, *WHOLE]:
        code, told = await ended(environment, "projections", "verify", name)
        assert code == 0, told
    code, told = await ended(environment, "projections", "list")
    assert f"part 2/3  at sequence {length:,}" in told
    code, told = await ended(environment, "projections", "repartition", *DIVIDED, "--parts", "2")
    assert code == 0, told
    assert f"trades: 2 parts, each at sequence {length:,}" in told
    code, told = await ended(environment, "project", "--part", "1/3", "--only", "trades", "--once")
    assert code == 1
    assert "it is divided into 2 parts, and this runner takes part 1/3" in told
    code, told = await ended(environment, "project", "--part", "2/2", "--once")
    assert code == 0, told


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--part", "5/4"], "a part was '5/4'; say which of how many, as in 2/4"),
        (["--part", "half"], "CURVETAPE_PROJECT_PART"),
        (["--part", "2/4", "--only", "sol_prices"], "hosted by part 1/4 as a whole"),
        (["--part", "2/4", "--only", "leaderboards"], "hosted by part 1/4 as a whole"),
        (["--only", "candels"], "there is no projection 'candels'; there are candles, trades"),
    ],
)
async def test_what_cannot_be_hosted_is_refused_in_a_sentence(
    environment: Mapping[str, str], arguments: Sequence[str], sentence: str
) -> None:
    code, said = await ended(environment, "project", "--once", *arguments)
    assert code != 0
    assert sentence in said
