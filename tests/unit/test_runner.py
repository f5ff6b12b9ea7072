"""The loop that runs read models: from the checkpoint on, once each, whatever stops beside it."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from curvetape.testing.events import curve_traded, recorded
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.memory_store import MemoryStore
from domain.log import Recorded, SequenceGapError
from projections.projection import (
    CheckpointMovedError,
    PoisonEventError,
    StoreRefusedError,
    host,
)
from projections.runner import ProjectionsStoppedError, Runner

EVENTS = [curve_traded(slot, "m") for slot in range(1, 11)]


class Sequences:
    """A core whose changes are the sequences that it was given; it chokes on one of them."""

    version = 1

    def __init__(self, name: str = "sequences", *, poison: int | None = None) -> None:
        self.name = name
        self._poison = poison

    def apply(self, batch: Sequence[Recorded]) -> list[int]:
        sequences = [each.sequence for each in batch]
        if self._poison in sequences:
            raise ValueError("bitter")
        return sequences


class RefusingStore(MemoryStore[list[int]]):
    """Takes what it has room for, then refuses like a full disk."""

    async def save(self, changes: list[int], *, seen: int, reached: int) -> None:
        if reached > 4:
            raise StoreRefusedError("sequences", "the disk is full")
        await super().save(changes, seen=seen, reached=reached)


class HoledLog(MemoryLog):
    """Loses its third event."""

    async def read(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Recorded]]:
        async for batch in super().read(after=after, batch_max=batch_max, follow=follow):
            yield [each for each in batch if each.sequence != 3]


def flat(store: MemoryStore[list[int]]) -> list[int]:
    return [sequence for changes in store.saved for sequence in changes]


@pytest.mark.parametrize("batch_max", [1, 2, 7, 500])
async def test_every_event_is_applied_once_in_any_batching(batch_max: int) -> None:
    store = MemoryStore[list[int]]("sequences")
    runner = Runner(MemoryLog(EVENTS), [host(Sequences(), store)], batch_max=batch_max)
    await runner.run(follow=False)
    assert flat(store) == list(range(1, 11))
    assert max(map(len, store.saved)) <= batch_max


async def test_a_read_model_that_is_ahead_skips_what_it_has() -> None:
    ahead, behind = MemoryStore[list[int]]("a", checkpoint=7), MemoryStore[list[int]]("b")
    hosted = [host(Sequences("a"), ahead), host(Sequences("b"), behind)]
    await Runner(MemoryLog(EVENTS), hosted, batch_max=4).run(follow=False)
    assert flat(ahead) == [8, 9, 10]
    assert flat(behind) == list(range(1, 11))


async def test_a_replay_from_the_checkpoint_adds_nothing() -> None:
    store = MemoryStore[list[int]]("sequences", checkpoint=10)
    await Runner(MemoryLog(EVENTS), [host(Sequences(), store)]).run(follow=False)
    assert store.saved == []


async def test_an_event_that_cannot_be_applied_stops_its_read_model_right_before_it() -> None:
    poisoned, sound = MemoryStore[list[int]]("poisoned"), MemoryStore[list[int]]("sound")
    runner = Runner(
        MemoryLog(EVENTS),
        [host(Sequences("poisoned", poison=6), poisoned), host(Sequences("sound"), sound)],
        batch_max=4,
    )
    with pytest.raises(ProjectionsStoppedError, match="ValueError: bitter") as caught:
        await runner.run(follow=False)
    (error,) = caught.value.errors
    assert isinstance(error, PoisonEventError)
    assert (error.name, error.sequence, error.event_id) == ("poisoned", 6, EVENTS[5].id)
    assert flat(poisoned) == [1, 2, 3, 4, 5]
    assert flat(sound) == list(range(1, 11))
    stopped, going = await runner.status()
    assert (stopped.state, stopped.sequence, stopped.lag) == ("stopped", 5, 5)
    assert stopped.reason is not None
    assert stopped.reason in stopped.line
    assert (going.state, going.sequence, going.lag, going.reason) == ("tail", 10, 0, None)


async def test_a_store_that_refuses_stops_its_read_model_and_no_other() -> None:
    full, sound = RefusingStore("full"), MemoryStore[list[int]]("sound")
    runner = Runner(
        MemoryLog(EVENTS),
        [host(Sequences("full"), full), host(Sequences("sound"), sound)],
        batch_max=2,
    )
    with pytest.raises(ProjectionsStoppedError, match="the disk is full"):
        await runner.run(follow=False)
    assert flat(full) == [1, 2, 3, 4]
    assert flat(sound) == list(range(1, 11))


async def test_a_runner_with_nothing_left_to_run_ends_although_it_follows_the_log() -> None:
    runner = Runner(
        MemoryLog(EVENTS), [host(Sequences(poison=6), MemoryStore[list[int]]("sequences"))]
    )
    async with asyncio.timeout(5):
        with pytest.raises(ProjectionsStoppedError):
            await runner.run(follow=True)


async def test_a_second_runner_stops_when_the_first_has_moved_on() -> None:
    """Both start from the same checkpoint; the store lets only one of them go on."""
    store = MemoryStore[list[int]]("sequences")
    log = MemoryLog(EVENTS[:4])
    first, second = (Runner(log, [host(Sequences(), store)]) for _ in range(2))
    with pytest.raises(ProjectionsStoppedError) as caught:
        await asyncio.gather(first.run(follow=False), second.run(follow=False))
    assert isinstance(caught.value.errors[0], CheckpointMovedError)
    assert flat(store) == [1, 2, 3, 4]


async def test_what_arrives_later_is_projected_by_a_runner_that_follows() -> None:
    store = MemoryStore[list[int]]("sequences")
    log = MemoryLog(EVENTS[:2])
    runner = Runner(log, [host(Sequences(), store)])
    running = asyncio.create_task(runner.run())
    async with asyncio.timeout(5):
        await store.reached(2)
        log.add(*EVENTS[2:])
        await store.reached(10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert flat(store) == list(range(1, 11))


async def test_a_hole_in_the_log_is_never_passed_over() -> None:
    store = MemoryStore[list[int]]("sequences")
    runner = Runner(HoledLog(EVENTS), [host(Sequences(), store)])
    with pytest.raises(SequenceGapError, match="expected sequence 3, received 4"):
        await runner.run(follow=False)
    assert store.saved == []


async def test_status_counts_what_passed_in_the_last_seconds() -> None:
    now_s = 100.0
    store = MemoryStore[list[int]]("sequences")
    runner = Runner(MemoryLog(EVENTS), [host(Sequences(), store)], clock_s=lambda: now_s)
    (before,) = await runner.status()
    assert (before.state, before.sequence, before.lag) == ("starting", 0, 10)
    await runner.run(follow=False)
    now_s = 105.0
    (after,) = await runner.status()
    assert after.line == "sequences tail 10/10 lag 0 rate 2/s"
    now_s = 200.0
    assert (await runner.status())[0].rate_per_s == 0


def test_recorded_numbers_events_from_where_it_is_told() -> None:
    assert [each.sequence for each in recorded(EVENTS[:2], after=5)] == [6, 7]
