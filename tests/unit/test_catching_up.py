"""Whoever brings a read model up to date is told how far it is, how fast, and for how long."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from curvetape import catching_up
from curvetape.catching_up import catch_up, pace
from curvetape.testing.events import curve_traded
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.memory_store import MemoryStore
from domain.log import Recorded
from projections.projection import host
from projections.trades import Changes, Trades

EVENTS = [curve_traded(slot, "m") for slot in range(1, 11)]


class HeldLog(MemoryLog):
    """Goes on behind its first half once something was said."""

    def __init__(self) -> None:
        super().__init__(EVENTS)
        self.said: list[str] = []
        self._heard = asyncio.Event()

    def say(self, line: str) -> None:
        self.said.append(line)
        self._heard.set()

    async def read(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Recorded]]:
        async for batch in super().read(after=after, batch_max=batch_max, follow=follow):
            if batch[0].sequence > len(EVENTS) // 2:
                await self._heard.wait()
            yield batch


@pytest.mark.parametrize(
    ("done", "total", "took_s", "told"),
    [
        (3_000, 10_000, 2.0, "1,500/s, 5 s to go"),
        (10_000, 10_000, 4.0, "2,500/s, 0 s to go"),
        (0, 10_000, 4.0, "0/s, no rate yet"),
        (0, 10_000, 0.0, "0/s, no rate yet"),
    ],
)
def test_a_pace_is_a_rate_and_what_is_left(done: int, total: int, took_s: float, told: str) -> None:
    assert pace(done, total, took_s) == told


async def test_it_is_said_how_far_a_read_model_is_until_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catching_up, "STATUS_WAIT_S", 0.05)
    monkeypatch.setattr(catching_up, "TOLD_EVENTS_MIN", len(EVENTS) - 1)
    log, store = HeldLog(), MemoryStore[Changes]("trades")
    hosted = host(Trades(), store)
    await catch_up(log, hosted, len(EVENTS), log.say, name="trades part 2/4", batch_max=1)
    assert store.sequence == len(EVENTS)
    assert " of 10 (" in log.said[0]
    assert log.said[0].startswith("trades part 2/4: ")
    assert log.said[0].endswith(("s to go", "no rate yet"))
    assert log.said[-1].startswith("trades part 2/4: 10 events in ")
    said = list(log.said)
    await catch_up(log, hosted, len(EVENTS), log.say, name="trades part 2/4", batch_max=1)
    assert log.said == said, "it is there already"
