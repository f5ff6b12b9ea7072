"""What every log promises its readers: in memory, on a server, and with an archive in front."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from adapters.archive.folder import FolderStore
from adapters.archive.log import ArchivedLog
from curvetape.archiving import Archiving
from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.memory_log import MemoryLog
from domain.events import AnyEvent, CurveTraded
from domain.log import EventLog, Recorded

Add = Callable[[Sequence[AnyEvent]], Awaitable[None]]


@pytest.fixture(params=["memory", "jetstream", "archived"])
async def log(
    request: pytest.FixtureRequest, live_log: LiveLog, tmp_path: Path
) -> AsyncIterator[tuple[EventLog, Add]]:
    if request.param == "memory":
        memory = MemoryLog()

        async def add(events: Sequence[AnyEvent]) -> None:
            memory.add(*events)

        yield memory, add
    else:

        async def append(events: Sequence[AnyEvent]) -> None:
            await live_log.appender.append(entries(events))

        if request.param == "jetstream":
            yield live_log.log, append
            return
        store = FolderStore(tmp_path)

        async def append_and_seal(events: Sequence[AnyEvent]) -> None:
            await append(events)
            await Archiving(live_log.log, store, print, events_max=10).once()

        yield ArchivedLog(store, live_log.log), append_and_seal


def trades(count: int, *, first: int = 1) -> list[CurveTraded]:
    return [curve_traded(number, "mint") for number in range(first, first + count)]


async def test_a_log_counts_its_events_from_one(log: tuple[EventLog, Add]) -> None:
    events, add = log
    assert await events.last_sequence() == 0
    await add(trades(12))
    assert await events.last_sequence() == 12


async def test_a_log_hands_out_what_follows_in_sequence(log: tuple[EventLog, Add]) -> None:
    events, add = log
    written = trades(25)
    await add(written)
    batches = [it async for it in events.read(after=5, batch_max=4, follow=False)]
    assert all(1 <= len(batch) <= 4 for batch in batches)
    assert [it for batch in batches for it in batch] == [
        Recorded(sequence, written[sequence - 1]) for sequence in range(6, 26)
    ]


async def test_a_log_ends_where_it_ends_unless_it_is_followed(log: tuple[EventLog, Add]) -> None:
    events, add = log
    await add(trades(3))
    assert [it async for it in events.read(after=3, batch_max=4, follow=False)] == []
    following = events.read(after=3, batch_max=4)
    waiting = asyncio.ensure_future(anext(following))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await add(trades(1, first=4))
    async with asyncio.timeout(5):
        assert [it.sequence for it in await waiting] == [4]
