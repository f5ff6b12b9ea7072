"""What a core cannot apply is set aside, told and counted, and applied after a fix."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from curvetape.testing.events import curve_traded
from curvetape.testing.forks import confirmed, trade
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.memory_store import MemoryStore
from curvetape.unparking import unpark
from domain.events import AnyEvent
from domain.log import Entry, LogUnavailableError, Recorded
from projections import hosting
from projections.parking import Parked, ProjectLetter
from projections.projection import Hosted, PoisonEventError, ProjectionError, host
from projections.runner import ProjectionsStoppedError, Runner

EVENTS = [curve_traded(slot, f"mint{slot % 2}") for slot in range(1, 11)]


class Choosy:
    """A core whose changes are the sequences that it was given; it chokes on some of them."""

    name = "choosy"
    version = 3

    def __init__(self, *poison: int, holds: bool = False) -> None:
        self._poison = set(poison)
        self.holds_mints = holds

    def apply(self, batch: Sequence[Recorded]) -> list[int]:
        sequences = [each.sequence for each in batch]
        if self._poison.intersection(sequences):
            raise ValueError("bitter")
        return sequences


class Letters:
    """What was told."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    async def tell(self, letter: Entry) -> None:
        self.entries[letter.id] = letter


async def project(
    core: Choosy, store: MemoryStore[list[int]], letters: Letters, *, batch_max: int = 4
) -> Hosted:
    hosted = host(core, store)
    log = MemoryLog(EVENTS)
    await Runner(log, [hosted], batch_max=batch_max, tell=letters.tell).run(follow=False)
    return hosted


def flat(store: MemoryStore[list[int]]) -> list[int]:
    return [sequence for changes in store.saved for sequence in changes]


@pytest.mark.parametrize("batch_max", [1, 3, 100])
async def test_the_rest_goes_on_without_what_cannot_be_applied(batch_max: int) -> None:
    store, letters = MemoryStore[list[int]]("choosy"), Letters()
    await project(Choosy(3, 6), store, letters, batch_max=batch_max)
    assert flat(store) == [1, 2, 4, 5, 7, 8, 9, 10]
    assert store.sequence == 10
    assert [(it.sequence, it.mint, it.reason) for it in await store.parked()] == [
        (3, "mint1", "ValueError: bitter"),
        (6, "mint0", "ValueError: bitter"),
    ]
    assert set(letters.entries) == {"project:choosy.3:3", "project:choosy.3:6"}
    letter = letters.entries["project:choosy.3:3"]
    told = msgspec.json.decode(letter.payload, type=ProjectLetter)
    assert (letter.subject, told.event_id) == ("dead.project.choosy", EVENTS[2].id)
    assert told.payload


@pytest.mark.parametrize("batch_max", [1, 3, 100])
async def test_a_tokens_later_events_wait_where_order_matters(batch_max: int) -> None:
    store, letters = MemoryStore[list[int]]("choosy"), Letters()
    hosted = await project(Choosy(5, holds=True), store, letters, batch_max=batch_max)
    assert flat(store) == [1, 2, 3, 4, 6, 8, 10]
    assert [it.sequence for it in await store.parked()] == [5, 7, 9]
    still = await unpark(MemoryLog(EVENTS), hosted)
    assert (still.applied, [it.sequence for it in still.stayed]) == (0, [5, 7, 9])
    mended = await unpark(MemoryLog(EVENTS), host(Choosy(holds=True), store))
    assert (mended.applied, mended.stayed) == (3, ())
    assert flat(store)[-3:] == [5, 7, 9]


async def test_a_runner_that_lives_on_sees_that_a_token_was_released() -> None:
    store, letters, log = MemoryStore[list[int]]("choosy"), Letters(), MemoryLog(EVENTS[:5])
    core = Choosy(5, holds=True)
    runner = Runner(log, [host(core, store)], tell=letters.tell)
    running = asyncio.create_task(runner.run())
    await store.reached(5)
    await unpark(log, host(Choosy(holds=True), store))
    log.add(*EVENTS[5:])
    await store.reached(10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert sorted(flat(store)) == list(range(1, 11))
    assert await store.parked() == []


async def test_after_a_fix_only_what_the_core_takes_is_applied() -> None:
    store, letters = MemoryStore[list[int]]("choosy"), Letters()
    await project(Choosy(3, 6), store, letters)
    found = await unpark(MemoryLog(EVENTS), host(Choosy(6), store))
    assert (found.applied, [it.sequence for it in found.stayed]) == (1, [6])
    assert flat(store)[-1] == 3
    assert [it.sequence for it in await store.parked()] == [6]


async def test_a_crash_before_the_checkpoint_parks_nothing_twice() -> None:
    store, letters = MemoryStore[list[int]]("choosy"), Letters()
    await project(Choosy(3), store, letters)
    store.sequence = store.reread_after = 0
    store.saved.clear()
    await project(Choosy(3), store, letters)
    assert flat(store) == [1, 2, 4, 5, 6, 7, 8, 9, 10]
    assert len(await store.parked()) == len(letters.entries) == 1


async def test_what_a_crash_left_parked_is_applied_by_a_retry_alone() -> None:
    """The next program may be able to apply it, and meets it again."""
    store, letters = MemoryStore[list[int]]("choosy"), Letters()
    await project(Choosy(3), store, letters)
    store.sequence = store.reread_after = 0
    store.saved.clear()
    hosted = await project(Choosy(), store, letters)
    assert flat(store) == [1, 2, 4, 5, 6, 7, 8, 9, 10]
    assert (await unpark(MemoryLog(EVENTS), hosted)).applied == 1
    assert sorted(flat(store)) == list(range(1, 11))


@pytest.mark.parametrize("reached", [2, 4])
async def test_a_retry_leaves_alone_what_was_parked_and_not_passed(reached: int) -> None:
    """Whoever goes on where a runner was killed meets it again, so it would count twice."""
    events: list[AnyEvent] = [trade(1), confirmed(1), trade(2), trade(3), confirmed(2)]
    log, store = MemoryLog(events), MemoryStore[list[int]]("choosy")
    hosted = host(Choosy(), store)
    await Runner(MemoryLog(events[:reached]), [hosted]).run(follow=False)
    assert store.sequence == reached
    await store.park([Parked(sequence=3, event_id=events[2].id, mint="m", reason="bitter")])
    found = await unpark(log, hosted)
    assert (found.applied, [it.sequence for it in found.stayed]) == (0, [3])
    assert "has not passed it yet" in found.stayed[0].reason
    await Runner(log, [hosted], tell=Letters().tell).run(follow=False)
    assert (await unpark(log, hosted)).applied == 1
    assert sorted(flat(store)) == [1, 2, 3, 5]


async def test_with_too_many_the_read_model_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "PARKED_MAX", 2)
    store, letters = MemoryStore[list[int]]("choosy"), Letters()
    with pytest.raises(ProjectionsStoppedError) as stopped:
        await project(Choosy(3, 4, 8), store, letters)
    (error,) = stopped.value.errors
    assert isinstance(error, PoisonEventError)
    assert error.sequence == 8
    assert flat(store) == [1, 2, 5, 6, 7]


async def test_without_a_letter_nothing_is_set_aside() -> None:
    store = MemoryStore[list[int]]("choosy")

    async def refuse(_letter: Entry) -> None:
        raise LogUnavailableError("no server")

    runner = Runner(MemoryLog(EVENTS), [host(Choosy(3), store)], tell=refuse)
    with pytest.raises(ProjectionsStoppedError, match=r"could not be set aside: no server"):
        await runner.run(follow=False)
    assert await store.parked() == []
    assert store.sequence < 3
    assert isinstance(runner.stopped[0], ProjectionError)


async def test_what_waited_for_a_certificate_is_set_aside_as_well() -> None:
    log = MemoryLog([trade(1), trade(2), trade(2, 1), confirmed(1), trade(3), confirmed(2)])
    store, letters = MemoryStore[list[int]]("choosy"), Letters()
    await Runner(log, [host(Choosy(3), store)], tell=letters.tell).run(follow=False)
    assert flat(store) == [1, 4, 2, 6]
    assert [it.sequence for it in await store.parked()] == [3]
