"""A slot may be amended while ingest runs: one chain of certificates, whoever adds to it."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from curvetape.cli.audit_walk import slot_report
from curvetape.ingesting import recovered
from curvetape.letters import Choice
from curvetape.testing import next_year
from curvetape.testing.blocks import block
from curvetape.testing.log import LiveLog
from curvetape.testing.pipelines import (
    NAME,
    ListSource,
    audited,
    one_a_batch,
    pipeline,
    reading,
    whole,
)
from curvetape.testing.retries import retry
from curvetape.testing.waiting import until
from domain.chain import ChainUpdate
from domain.events import ProgramReported, SlotConfirmed
from domain.log import OutpacedError
from ingest.certificates import AmendedError
from ingest.mux import Mux
from ingest.pipeline import Pipeline
from projections.audit.slot_report import SlotReport

BLOCKS = 4
RACES = 10
SLOT_S = 0.002


class LiveSource:
    """Hands over what it is told to, when it is told to."""

    def __init__(self) -> None:
        self.name = NAME
        self._queue: asyncio.Queue[Sequence[ChainUpdate] | None] = asyncio.Queue()

    def send(self, *updates: ChainUpdate) -> None:
        self._queue.put_nowait(updates)

    def end(self) -> None:
        self._queue.put_nowait(None)

    async def batches(self) -> AsyncIterator[Sequence[ChainUpdate]]:
        while (batch := await self._queue.get()) is not None:
            yield batch


async def sealed(loop: Pipeline, slot: int) -> None:
    async def is_sealed() -> bool:
        return loop.progress.sealed_slot >= slot

    await until(is_sealed)


def running(loop: Pipeline, source: LiveSource) -> asyncio.Task[None]:
    return asyncio.create_task(loop.run(Mux([source], say=lambda _: None)))


async def chained(live_log: LiveLog) -> list[SlotConfirmed]:
    """All certificates, each of which names the one before it."""
    found = [it for it in await whole(live_log) if isinstance(it, SlotConfirmed)]
    assert [it.previous for it in found] == [None, *(it.hash for it in found[:-1])]
    return found


async def audited_twice(live_log: LiveLog) -> SlotReport:
    """What `audit slots` says, which walks again for what was amended late."""
    return await slot_report(live_log.log, from_slot=0)


async def test_ingest_goes_on_behind_an_amendment_between_two_of_its_seals(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(BLOCKS)
    count = next_year.letters(blocks[:3])
    loop, source = await pipeline(live_log), LiveSource()
    task = running(loop, source)
    source.send(*blocks[:3])
    await sealed(loop, blocks[2].slot)
    next_year.learn(monkeypatch.setitem)
    outcomes = await retry(live_log)
    assert [it.outcome for it in outcomes] == ["appended"] * count
    source.send(*blocks[3:])
    source.end()
    await task
    certificates = await chained(live_log)
    assert [it.revision for it in certificates] == [1, 1, 1, 2, 2, 1, 1]
    report = await audited(live_log)
    assert (report.verdict, report.unknown, report.problems) == ("complete", 0, ())


async def test_amendments_and_seals_that_race_end_in_one_chain(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(RACES)
    count = next_year.letters(blocks)
    loop, source = await pipeline(live_log), LiveSource()
    task = running(loop, source)
    source.send(*blocks)
    await sealed(loop, blocks[-1].slot)
    next_year.learn(monkeypatch.setitem)
    stop = asyncio.Event()

    async def go_on() -> None:
        slot = blocks[-1].slot
        while not stop.is_set():
            slot += 1
            source.send(block(slot, slot - 1))
            await asyncio.sleep(SLOT_S)
        source.end()

    going = asyncio.create_task(go_on())
    ended = []
    for each in blocks[1:]:
        ended += await retry(live_log, choice=Choice(slots=(each.slot, each.slot)))
    stop.set()
    await asyncio.gather(going, task)
    assert [it.outcome for it in ended] == ["appended"] * count
    certificates = await chained(live_log)
    revisions = [it.revision for it in certificates]
    assert revisions.count(2) == RACES
    mixed = revisions[revisions.index(2) :]
    assert 1 in mixed[: len(mixed) - mixed[::-1].index(2)], "ingest sealed in between"
    report = await audited_twice(live_log)
    assert (report.verdict, report.unknown, report.problems) == ("complete", 0, ())


async def test_of_two_ingests_on_one_log_the_second_one_stops(live_log: LiveLog) -> None:
    blocks = next_year.chain(BLOCKS)
    first, second = await pipeline(live_log), await pipeline(live_log)
    await first.run(reading(ListSource(*one_a_batch(blocks))))
    with pytest.raises(ExceptionGroup) as caught:
        await second.run(reading(ListSource(*one_a_batch(blocks))))
    (error,) = caught.value.exceptions
    assert isinstance(error, OutpacedError)
    assert "one ingest may write to a log at a time" in str(error)
    report = await audited(live_log)
    assert (report.verdict, report.slots, report.problems) == ("complete", BLOCKS + 1, ())


async def test_an_ingest_that_another_one_and_an_amendment_outpaced_stops_as_well(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(BLOCKS)
    second = await pipeline(live_log)
    await (await pipeline(live_log)).run(reading(ListSource(*one_a_batch(blocks))))
    next_year.learn(monkeypatch.setitem)
    await retry(live_log)
    with pytest.raises(ExceptionGroup) as caught:
        await second.run(reading(ListSource(*one_a_batch(blocks))))
    assert isinstance(caught.value.exceptions[0], OutpacedError)
    assert (await audited(live_log)).verdict == "complete"


async def test_ingest_does_not_revise_a_slot_that_was_amended(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who says that no ingest runs while one does makes it stop, and breaks nothing."""
    blocks = next_year.chain(BLOCKS)
    loop, source = await pipeline(live_log), LiveSource()
    task = running(loop, source)
    part = block(blocks[2].slot, blocks[1].slot, blocks[2].transactions[:-1])
    source.send(*blocks[:2], part)
    await sealed(loop, part.slot)
    next_year.learn(monkeypatch.setitem)
    await retry(live_log)
    source.send(blocks[3])
    await sealed(loop, blocks[3].slot)
    source.send(blocks[2])
    source.end()
    with pytest.raises(ExceptionGroup) as caught:
        await task
    assert isinstance(caught.value.exceptions[0], AmendedError)


async def test_a_start_goes_on_behind_its_last_seal_and_not_where_a_slot_was_amended(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curvetape.ingesting.TAIL_EVENTS", 2)
    monkeypatch.setattr("curvetape.amending.LOOK_BACK_MESSAGES", 3)
    blocks = next_year.chain(BLOCKS)
    await (await pipeline(live_log)).run(reading(ListSource(*one_a_batch(blocks))))
    next_year.learn(monkeypatch.setitem)
    await retry(live_log)
    recovery = await recovered(live_log.connection)
    assert recovery.start == (blocks[-1].slot, blocks[-1].meta.blockhash)
    assert recovery.certified is not None
    assert recovery.certified.slot < blocks[-1].slot or recovery.certified.sequence == (
        await live_log.log.last_sequence()
    )
    more = block(blocks[-1].slot + 1, blocks[-1].slot)
    await (await pipeline(live_log)).run(reading(ListSource([more])))
    report = await audited(live_log)
    assert (report.verdict, report.last_slot, report.problems) == ("complete", more.slot, ())


async def test_what_is_amended_counts_with_the_amendment(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(1)
    await (await pipeline(live_log)).run(reading(ListSource(*one_a_batch(blocks))))
    next_year.learn(monkeypatch.setitem)
    await retry(live_log)
    events = await whole(live_log)
    added = [at for at, it in enumerate(events) if isinstance(it, ProgramReported)]
    *_, last = events
    assert isinstance(last, SlotConfirmed)
    assert (last.revision, last.last_sequence) == (2, len(events) - 1)
    assert max(added) == len(events) - 2
