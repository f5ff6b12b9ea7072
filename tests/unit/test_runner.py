"""The loop that runs read models: from the checkpoint on, once each, whatever stops beside it."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from curvetape.testing.events import curve_traded, recorded
from curvetape.testing.forks import abandoned, confirmed, trade
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.memory_store import MemoryStore
from domain.log import LogShorterError, Recorded, SequenceGapError
from projections.projection import (
    CheckpointMovedError,
    PoisonEventError,
    StoreRefusedError,
    TakenBackError,
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

    async def save(
        self, changes: list[int], *, seen: int, reached: int, reread_after: int | None = None
    ) -> None:
        if reached > 4:
            raise StoreRefusedError("sequences", "the disk is full")
        await super().save(changes, seen=seen, reached=reached, reread_after=reread_after)


class Deaf:
    """Takes the first cancellation for its own, as nats-py's requests do at times."""

    heard = 0

    async def wait(self, wait_s: float) -> None:
        try:
            await asyncio.sleep(wait_s)
        except asyncio.CancelledError:
            self.heard += 1
            if self.heard > 1:
                raise


class DeafLog(Deaf, MemoryLog):
    """Has more for ever."""

    async def read(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Recorded]]:
        while True:
            yield [Recorded(after + 1, curve_traded(after + 1, "m"))]
            after += 1
            await self.wait(0)


class DeafStore(Deaf, MemoryStore[list[int]]):
    """Takes a moment for each save."""

    async def save(
        self, changes: list[int], *, seen: int, reached: int, reread_after: int | None = None
    ) -> None:
        await super().save(changes, seen=seen, reached=reached, reread_after=reread_after)
        await self.wait(0.001)


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


@pytest.mark.parametrize("turns", range(12))
async def test_a_runner_ends_although_somebody_below_does_not_hear_that_it_was_cancelled(
    turns: int,
) -> None:
    for log in (DeafLog(), MemoryLog(EVENTS)):
        store = DeafStore("sequences")
        running = asyncio.create_task(Runner(log, [host(Sequences(), store)], batch_max=1).run())
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=5)
        assert done


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


async def test_a_read_model_takes_a_slot_when_it_is_decided() -> None:
    log = MemoryLog([trade(1), trade(2), trade(3), confirmed(1), abandoned(2, 1), trade(2, 1)])
    store = MemoryStore[list[int]]("sequences")
    await Runner(log, [host(Sequences(), store)]).run(follow=False)
    assert flat(store) == [1, 4, 5]
    assert (store.sequence, store.reread_after) == (6, 2)
    log.add(confirmed(2), confirmed(3))
    await Runner(log, [host(Sequences(), store)]).run(follow=False)
    assert flat(store) == [1, 4, 5, 6, 7, 3, 8]
    assert (store.sequence, store.reread_after) == (8, 8)


async def test_what_waits_costs_no_save_until_a_second_or_many_events_have_passed() -> None:
    now_s = 100.0
    store = MemoryStore[list[int]]("sequences")
    log = MemoryLog([confirmed(1)])
    runner = Runner(log, [host(Sequences(), store)], batch_max=5_000, clock_s=lambda: now_s)
    running = asyncio.create_task(runner.run())
    async with asyncio.timeout(10):
        await store.reached(1)
        log.add(trade(2, 1))
        await asyncio.sleep(0.05)
        log.add(trade(2, 2))
        await asyncio.sleep(0.05)
        assert (await runner.status())[0].sequence == 3
        assert store.sequence == 1
        log.add(*(trade(3, number) for number in range(4_998)))
        await store.reached(5_001)
        log.add(trade(2, 3))
        await asyncio.sleep(0.05)
        assert store.sequence == 5_001
        await store.reached(5_002)
    assert (store.sequence, store.reread_after, store.saved) == (5_002, 1, [[1], [], []])
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_events_that_wait_are_told_in_the_status_line() -> None:
    log = MemoryLog([confirmed(1), trade(2), trade(2, 1), trade(3)])
    runner = Runner(log, [host(Sequences(), MemoryStore[list[int]]("s"))], clock_s=lambda: 0.0)
    await runner.run(follow=False)
    (status,) = await runner.status()
    assert status.line == "sequences tail 4/4 lag 0 rate 4/s waits 3 events in 2 slots"


async def test_a_slot_with_an_event_that_cannot_be_applied_is_not_applied_in_part() -> None:
    store = MemoryStore[list[int]]("sequences")
    log = MemoryLog([trade(1), trade(2), trade(2, 1), confirmed(1), trade(3), confirmed(2)])
    for _ in range(2):
        with pytest.raises(ProjectionsStoppedError, match=r"sequence 3\): ValueError: bitter"):
            await Runner(log, [host(Sequences(poison=3), store)]).run(follow=False)
        assert flat(store) == [1, 4]
        assert store.sequence == 4
    await Runner(log, [host(Sequences(), store)]).run(follow=False)
    assert flat(store) == [1, 4, 2, 3, 6]


async def test_a_slot_taken_back_too_late_stops_until_the_read_model_is_rebuilt() -> None:
    log = MemoryLog([trade(1), confirmed(1), trade(2), abandoned(1, 1), confirmed(2)])
    store, other = MemoryStore[list[int]]("one"), MemoryStore[list[int]]("other")
    hosted = [host(Sequences("one"), store), host(Sequences("other"), other)]
    with pytest.raises(ProjectionsStoppedError, match=r"one: slot 1 was taken back.*other: slot 1"):
        await Runner(log, hosted).run(follow=False)
    assert (flat(store), store.sequence) == ([1, 2], 3)
    with pytest.raises(ProjectionsStoppedError, match="curvetape projections rebuild"):
        await Runner(log, hosted).run(follow=False)
    store.empty()
    with pytest.raises(ProjectionsStoppedError) as caught:
        await Runner(log, hosted).run(follow=False)
    assert [error.name for error in caught.value.errors] == ["other"]
    assert flat(store) == [2, 4, 3, 5]


async def test_a_read_model_that_is_past_a_late_retraction_does_not_wait_for_more() -> None:
    log = MemoryLog([trade(1), confirmed(1), abandoned(1, 1), confirmed(2)])
    ahead, behind = MemoryStore[list[int]]("ahead", checkpoint=4), MemoryStore[list[int]]("behind")
    hosted = [host(Sequences("ahead"), ahead), host(Sequences("behind"), behind)]
    async with asyncio.timeout(5):
        with pytest.raises(ProjectionsStoppedError) as caught:
            await Runner(log, hosted).run(follow=True)
    (error,) = caught.value.errors
    assert isinstance(error, TakenBackError)
    assert (error.name, error.taken_back.sequence) == ("behind", 3)


async def test_too_many_waiting_events_stop_every_read_model() -> None:
    store = MemoryStore[list[int]]("sequences")
    log = MemoryLog([confirmed(1), trade(2), trade(2, 1), trade(3), confirmed(2)])
    short = Runner(log, [host(Sequences(), store)], batch_max=2, waiting_events_max=2)
    with pytest.raises(ProjectionsStoppedError, match="3 events wait for their slots"):
        await short.run()
    assert (store.sequence, store.reread_after) == (4, 1)
    await Runner(log, [host(Sequences(), store)], batch_max=2).run(follow=False)
    assert flat(store) == [1, 2, 3, 5]


async def test_a_log_that_ends_before_any_checkpoint_is_refused_though_less_is_read_again() -> None:
    store = MemoryStore[list[int]]("sequences", checkpoint=6)
    store.reread_after = 1
    with pytest.raises(LogShorterError, match="after sequence 6, but the log ends at 4"):
        await Runner(MemoryLog(EVENTS[:4]), [host(Sequences(), store)]).run()


def test_recorded_numbers_events_from_where_it_is_told() -> None:
    assert [each.sequence for each in recorded(EVENTS[:2], after=5)] == [6, 7]
