"""What a killed runner or a killed Valkey leaves behind of leaderboards: all or nothing."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import pytest

from adapters.embedded.valkey import ValkeyServer
from adapters.valkey.client import Valkey
from adapters.valkey.leaderboards import LeaderboardStore
from adapters.valkey.reads import ValkeyLeaderboards
from curvetape.testing.forks import abandoned, confirmed, trade
from curvetape.testing.leaderboards import valkey_of
from curvetape.testing.memory_log import MemoryLog
from domain.events import AnyEvent
from projections.leaderboards import Leaderboards
from projections.projection import host
from projections.ranking import Standing
from projections.runner import Runner
from projections.windows import WINDOWS_S

SLOTS = 60
BATCH_MAX = 7
QUESTIONS_MAX = 60
"""A batch asks the server four times or five."""


@pytest.fixture
async def valkey(valkey_server: ValkeyServer) -> AsyncIterator[Valkey]:
    async with valkey_of(valkey_server) as opened:
        yield opened


def slots_that_interleave() -> list[AnyEvent]:
    """Slots of 10 trades of two tokens, each decided two slots late; every fifth dies first."""
    log: list[AnyEvent] = []
    for slot in range(1, SLOTS + 3):
        if slot <= SLOTS:
            log += (trade(slot, number, mint=f"m{number % 2}") for number in range(10))
        if (decided := slot - 2) > 0:
            if decided % 5 == 0:
                log.append(abandoned(decided, 10))
                log += (trade(decided, number, mint=f"m{number % 2}") for number in range(10))
            log.append(confirmed(decided))
    return log


def runner(log: MemoryLog, valkey: Valkey) -> Runner:
    hosted = host(Leaderboards(), LeaderboardStore(valkey))
    return Runner(log, [hosted], batch_max=BATCH_MAX)


async def boards(valkey: Valkey, log: list[AnyEvent]) -> list[Standing]:
    """Every window's tokens, at the end of the log."""
    reads, end_s = ValkeyLeaderboards(valkey), trade(SLOTS).block_time_s
    return [
        each
        for window in WINDOWS_S
        for each in await reads.board("trades", window, at_s=end_s, limit=10)
    ]


async def counted(valkey: Valkey, log: list[AnyEvent]) -> None:
    """Every trade that counts is there, once."""
    found = await boards(valkey, log)
    assert {(each.mint, each.trades) for each in found} == {
        (mint, 5 * SLOTS) for mint in ("m0", "m1")
    }
    assert len(found) == 2 * len(WINDOWS_S)
    assert (await LeaderboardStore(valkey).checkpoint()).sequence == len(log)


Moment: TypeAlias = Literal["before it is asked", "while it answers", "once it has answered"]
MOMENTS: tuple[Moment, ...] = get_args(Moment)


class Killing(Valkey):
    """Has whoever uses it killed at one of its questions to the server."""

    def __init__(self, valkey: Valkey, *, after: int, moment: Moment) -> None:
        super().__init__(valkey._client)
        self.victim: asyncio.Task[None] | None = None
        self._left = after
        self._moment = moment

    async def run(self, script: str, keys: Sequence[str], *arguments: str | bytes) -> Any:
        self._left -= 1
        if self._left:
            return await super().run(script, keys, *arguments)
        assert self.victim is not None
        if self._moment == "while it answers":
            self.victim.cancel()
        if self._moment != "before it is asked":
            await super().run(script, keys, *arguments)
        self.victim.cancel()
        return await asyncio.Event().wait()


async def test_a_runner_that_is_killed_again_and_again_counts_every_trade_once(
    valkey: Valkey,
) -> None:
    events, chance, kills = slots_that_interleave(), random.Random(1), 0
    log = MemoryLog(events)
    while True:
        killing = Killing(
            valkey, after=chance.randint(1, QUESTIONS_MAX), moment=chance.choice(MOMENTS)
        )
        killing.victim = asyncio.create_task(runner(log, killing).run(follow=False))
        await asyncio.wait((killing.victim,))
        if not killing.victim.cancelled():
            await killing.victim
            break
        kills += 1
    assert kills > len(MOMENTS)
    await counted(valkey, events)


async def test_a_server_killed_on_the_way_changes_nothing_in_the_end(server_folder: Path) -> None:
    """The kill comes while batches are being saved; the runner waits and goes on by itself."""
    events = slots_that_interleave()
    server = ValkeyServer(server_folder)
    await server.start()
    try:
        async with Valkey.at(server.url, application="test") as valkey:
            store = LeaderboardStore(valkey)
            running = asyncio.create_task(runner(MemoryLog(events), valkey).run(follow=False))
            while (await store.checkpoint()).sequence < len(events) // 3:
                assert not running.done()
                await asyncio.sleep(0.001)
            server.kill()
            await server.start()
            await running
            await counted(valkey, events)
    finally:
        await server.stop()


async def test_a_second_runner_on_the_same_rows_stops_and_spoils_nothing(valkey: Valkey) -> None:
    events = slots_that_interleave()
    ended = await asyncio.gather(
        *(runner(MemoryLog(events), valkey).run(follow=False) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in ended) == ["NoneType", "ProjectionsStoppedError"]
    await counted(valkey, events)
