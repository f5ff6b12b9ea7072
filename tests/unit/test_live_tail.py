"""The reader of the log's end goes on after it was lost, and notices when it hears nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from api.live import tail as tail_module
from api.live.rooms import Rooms
from api.live.tail import Tail
from curvetape.testing.events import curve_traded
from curvetape.testing.waiting import until
from domain.events import encode
from domain.log import LogShorterError, LogUnavailableError, Stored


class Log:
    """A log whose readers can be made to hear nothing, or to be lost."""

    def __init__(self) -> None:
        self.stored: list[Stored] = []
        self.deaf = False
        self.away = False
        self.shorter_by = 0
        self.readers = 0
        self.grows_while_asked = False
        self.asked = 0

    def add(self, payload: bytes) -> None:
        self.stored.append(Stored(len(self.stored) + 1, payload))

    async def first_sequence(self) -> int:
        return 1

    async def last_sequence(self) -> int:
        self.asked += 1
        last = len(self.stored) - self.shorter_by
        if self.grows_while_asked:
            self.add(encode(curve_traded(last, "mint")))
            await asyncio.sleep(0.02)  # the answer takes longer than the event
        return last

    async def read_stored(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Stored]]:
        assert follow
        self.readers += 1
        deaf, self.deaf = self.deaf, False
        while True:
            await asyncio.sleep(0.001)
            if self.away:
                self.away = False
                raise LogUnavailableError("it is away")
            if not deaf and (found := self.stored[after : after + batch_max]):
                after = found[-1].sequence
                yield found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "LOOK_S", 0.02)
    monkeypatch.setattr(tail_module, "RETRY_S", 0.01)


async def heard(log: Log) -> Rooms:
    """The rooms once they have heard all of a log."""
    rooms = Rooms(floor=0, stale=lambda *_: None)
    tail = Tail(log, rooms)
    running = asyncio.create_task(tail.run())

    async def all_of_it() -> bool:
        return running.done() or rooms.sequence == len(log.stored)

    try:
        await until(all_of_it)
        if running.done():
            running.result()
        assert not tail.deaf
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return rooms


def trades(count: int) -> Log:
    log = Log()
    for number in range(count):
        log.add(encode(curve_traded(number, "mint")))
    return log


async def test_a_reader_that_hears_nothing_is_replaced() -> None:
    log = trades(3)
    log.deaf = True
    rooms = await heard(log)
    assert log.readers == 2
    assert len(rooms.since("token:mint", 0) or ()) == 3


async def test_a_log_that_was_away_is_read_on() -> None:
    log = trades(3)
    log.away = True
    rooms = await heard(log)
    assert log.readers == 2
    assert len(rooms.since("token:mint", 0) or ()) == 3


async def test_what_cannot_be_decoded_is_passed_over() -> None:
    log = trades(1)
    log.add(b"{")
    log.add(encode(curve_traded(9, "mint")))
    rooms = await heard(log)
    assert [it.sequence for it in rooms.since("token:mint", 0) or ()] == [1, 3]


async def test_a_log_that_became_shorter_is_another_one() -> None:
    log = trades(3)
    rooms = Rooms(floor=3, stale=lambda *_: None)
    log.shorter_by = 1
    with pytest.raises(LogShorterError):
        await asyncio.wait_for(Tail(log, rooms).run(), 5)


async def test_a_log_that_grows_while_its_end_is_asked_for_is_the_same_one() -> None:
    log = trades(3)
    log.grows_while_asked = True
    rooms = Rooms(floor=3, stale=lambda *_: None)
    running = asyncio.create_task(Tail(log, rooms).run())

    async def asked() -> bool:
        return running.done() or log.asked > 3

    try:
        await until(asked)
        assert not running.done()
        assert log.readers == 1
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert rooms.sequence > 5
