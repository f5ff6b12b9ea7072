"""A retry of dead letters may die at any moment: the next completes it, and nothing is twice."""

import asyncio

import pytest

from adapters.jetstream.connection import Connection
from adapters.jetstream.letters import delete
from curvetape.testing import next_year
from curvetape.testing.log import Dying, LiveLog
from curvetape.testing.pipelines import ListSource, audited, one_a_batch, pipeline, reading, whole
from curvetape.testing.retries import WINDOW_S, events_of, forgetful, left, retry
from domain.chain import Block
from domain.events import ProgramEvent
from domain.log import LogUnavailableError

BLOCKS = 6


async def ingested(live_log: LiveLog) -> list[Block]:
    """A chain with letters in the log of a server that soon forgets ids."""
    await forgetful(live_log)
    blocks = next_year.chain(BLOCKS)
    await (await pipeline(live_log)).run(reading(ListSource(*one_a_batch(blocks))))
    return blocks


async def logged(live_log: LiveLog) -> list[str]:
    return sorted(it.id for it in await whole(live_log) if isinstance(it, ProgramEvent))


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("at", [1, 2])
async def test_a_retry_that_dies_leaves_letters_and_is_completed_by_the_next(
    live_log: LiveLog,
    monkeypatch: pytest.MonkeyPatch,
    at: int,
    share: float,
) -> None:
    blocks = await ingested(live_log)
    letters = next_year.letters(blocks)
    next_year.learn(monkeypatch.setitem)
    with pytest.raises(LogUnavailableError):
        await retry(live_log, log=Dying(live_log.appender, at=at, share=share))
    assert len(await left(live_log)) == letters, "no letter goes before its event is certified"
    assert (await audited(live_log)).verdict in ("complete", "incomplete")
    await asyncio.sleep(2 * WINDOW_S)
    assert {it.outcome for it in await retry(live_log)} <= {"appended", "known"}
    assert (await left(live_log), await logged(live_log)) == ([], events_of(blocks))
    report = await audited(live_log)
    assert (report.verdict, report.unknown, report.problems) == ("complete", 0, ())


@pytest.mark.parametrize("deleted", [0, 1, 5])
async def test_a_retry_that_dies_while_it_deletes_appends_nothing_the_next_time(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch, deleted: int
) -> None:
    blocks = await ingested(live_log)
    letters = next_year.letters(blocks)
    next_year.learn(monkeypatch.setitem)
    calls = iter(range(deleted))

    async def dying(connection: Connection, sequence: int) -> bool:
        if next(calls, None) is None:
            raise LogUnavailableError("the process died")
        return await delete(connection, sequence)

    with monkeypatch.context() as dies:
        dies.setattr("curvetape.retrying.delete", dying)
        with pytest.raises(LogUnavailableError):
            await retry(live_log)
    before = await whole(live_log)
    await asyncio.sleep(2 * WINDOW_S)
    outcomes = await retry(live_log)
    assert [it.outcome for it in outcomes] == ["known"] * (letters - deleted)
    assert (await left(live_log), await whole(live_log)) == ([], before)
    assert (await audited(live_log)).unknown == 0


async def test_two_retries_at_once_append_each_event_once(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = next_year.chain(BLOCKS)
    await (await pipeline(live_log)).run(reading(ListSource(*one_a_batch(blocks))))
    next_year.learn(monkeypatch.setitem)
    await asyncio.gather(retry(live_log), retry(live_log))
    assert (await left(live_log), await logged(live_log)) == ([], events_of(blocks))
    report = await audited(live_log)
    assert (report.verdict, report.unknown, report.problems) == ("complete", 0, ())
