"""Runners side by side: what one of them waits for, or stops at, is no matter of the others."""

import asyncio
from collections.abc import Sequence

import pytest

from curvetape.testing.events import curve_traded, recorded
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.memory_store import MemoryStore
from domain.log import LogShorterError, Recorded
from projections.projection import StoreRefusedError, host
from projections.runner import ProjectionsStoppedError, Runner
from projections.runners import Runners

EVENTS = [curve_traded(slot, "m") for slot in range(1, 11)]


class Sequences:
    """A core whose changes are the sequences that it was given."""

    version = 1

    def __init__(self, name: str) -> None:
        self.name = name

    def apply(self, batch: Sequence[Recorded]) -> list[int]:
        return [each.sequence for each in batch]


class AwayStore(MemoryStore[list[int]]):
    """Waits for a server that does not come back before it is told to."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.back = asyncio.Event()

    async def save(
        self, changes: list[int], *, seen: int, reached: int, reread_after: int | None = None
    ) -> None:
        await self.back.wait()
        await super().save(changes, seen=seen, reached=reached, reread_after=reread_after)


class FullStore(MemoryStore[list[int]]):
    """Refuses everything."""

    async def save(
        self, changes: list[int], *, seen: int, reached: int, reread_after: int | None = None
    ) -> None:
        raise StoreRefusedError("full", "there is no room")


def log() -> MemoryLog:
    return MemoryLog([each.event for each in recorded(EVENTS)])


def runner(log: MemoryLog, store: MemoryStore[list[int]], name: str) -> Runner:
    return Runner(log, [host(Sequences(name), store)], batch_max=2)


def saved(store: MemoryStore[list[int]]) -> list[int]:
    return [sequence for changes in store.saved for sequence in changes]


async def test_all_of_them_project_the_whole_log_once() -> None:
    stores = [MemoryStore[list[int]](name) for name in "ab"]
    both = Runners(*(runner(log(), store, name) for store, name in zip(stores, "ab", strict=True)))
    await both.run(follow=False)
    for store in stores:
        assert saved(store) == list(range(1, 11))
    assert [(it.name, it.lag) for it in await both.status()] == [("a", 0), ("b", 0)]


async def test_a_store_that_is_away_keeps_no_other_runner_waiting() -> None:
    shared, quick, away = log(), MemoryStore[list[int]]("quick"), AwayStore("away")
    both = Runners(runner(shared, quick, "quick"), runner(shared, away, "away"))
    running = asyncio.create_task(both.run(follow=False))
    await asyncio.wait_for(quick.reached(10), 5)
    assert saved(away) == []
    away.back.set()
    await running
    assert saved(away) == saved(quick)


async def test_another_runner_that_has_stopped_lets_the_first_go_on() -> None:
    shared, going = log(), MemoryStore[list[int]]("going")
    both = Runners(runner(shared, going, "going"), runner(shared, FullStore("full"), "full"))
    with pytest.raises(ProjectionsStoppedError, match="no room"):
        await both.run(follow=False)
    assert saved(going) == list(range(1, 11))
    assert [it.state for it in await both.status()] == ["tail", "stopped"]


async def test_all_of_it_ends_when_the_first_runner_has_stopped() -> None:
    shared = log()
    both = Runners(
        runner(shared, FullStore("full"), "full"),
        runner(shared, MemoryStore[list[int]]("going"), "going"),
    )
    with pytest.raises(ProjectionsStoppedError, match="no room"):
        await asyncio.wait_for(both.run(), 5)


async def test_an_error_of_the_log_ends_all_of_it() -> None:
    shared = log()
    both = Runners(
        runner(shared, MemoryStore[list[int]]("a"), "a"),
        runner(shared, MemoryStore[list[int]]("b", checkpoint=99), "b"),
    )
    with pytest.raises(LogShorterError):
        await asyncio.wait_for(both.run(), 5)


async def test_stopping_it_stops_all_of_them() -> None:
    shared = log()
    stores = [MemoryStore[list[int]](name) for name in "ab"]
    both = Runners(*(runner(shared, store, "ab") for store in stores))
    running = asyncio.create_task(both.run())
    for store in stores:
        await asyncio.wait_for(store.reached(10), 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
