"""Our side, in a process of its own: fills a log once, and projects all of it in each round."""

import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from adapters.jetstream.connection import Connection
from adapters.jetstream.reader import JetStreamLog
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import NO_CONNECTIONS, open_pool
from bench.answering import answer_lines
from bench.append import events
from bench.append.ours import Appending
from bench.rebuild.history import EVENTS_PER_SLOT, History
from curvetape.bootstrap import read_models
from curvetape.config import Settings
from curvetape.garbage import seldom_collecting
from curvetape.testing.certified import CertifiedLog
from domain.events import AnyEvent
from projections.runner import Runner
from projections.settling import Settling

BATCH_MAX = Settings().project_batch_max


class Side:
    """The log, and databases that are made one after the other."""

    def __init__(self, url: str, monitor_url: str, dsn: str, file: Path) -> None:
        self._url = url
        self._monitor_url = monitor_url
        self._dsn = dsn
        self._file = file
        self._numbers = itertools.count(1)
        self._round_dsn = dsn

    async def answer(self, question: dict[str, Any]) -> object:
        """Fill the log, project it into a new database, or say what each part of it costs.

        What is asked one by one is measured one by one: a new database costs its server as much as
        many events do.
        """
        if question["ask"] == "fill":
            return await self._fill(question["count"])
        if question["ask"] == "prepare":
            return await self._prepare()
        if question["ask"] == "project":
            return await self._project()
        if question["ask"] == "rows":
            return await self._rows()
        return await self._parts()

    async def _fill(self, count: int) -> int:
        log = await Appending.open(self._url, self._monitor_url)
        try:
            return await log.append_all(_certified(History(events.read(self._file)), count))
        finally:
            await log.close()

    async def _prepare(self) -> str:
        """Make a new database the one of this round."""
        name = f"round_{next(self._numbers)}"
        connection = await asyncpg.connect(self._dsn)
        try:
            await connection.execute(f"create database {name}")
            self._round_dsn = self._dsn.replace("/curvetape?", f"/{name}?")
            await migrate(self._round_dsn)
            await connection.execute("checkpoint")  # what is left to write is no part of the round
        finally:
            await connection.close()
        return name

    async def _project(self) -> dict[str, Any]:
        pool = await open_pool(self._round_dsn)
        try:
            async with await Connection.open(self._url) as nats:
                log = JetStreamLog(nats)
                cpu_s, began_s = time.process_time(), time.perf_counter()
                await Runner(log, read_models(pool), batch_max=BATCH_MAX).run(follow=False)
                seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
                last = await log.last_sequence()
        finally:
            await pool.close()
        return {"events": last, "seconds": seconds, "cpu_s": cpu_s}

    async def _rows(self) -> dict[str, int]:
        connection = await asyncpg.connect(self._round_dsn)
        try:
            trades = await connection.fetchval("select count(*) from trades")
            candled = await connection.fetchval(
                "select sum(buys + sells)::bigint from candles where interval_s = 1"
            )
        finally:
            await connection.close()
        return {"trades": trades, "candled": candled}

    async def _parts(self) -> dict[str, float]:
        """Microseconds of this process's CPU an event, each part for itself."""
        spent: dict[str, float] = {}
        async with await Connection.open(self._url) as nats:
            began_s = time.process_time()
            batches = JetStreamLog(nats).read(after=0, batch_max=BATCH_MAX, follow=False)
            read = [batch async for batch in batches]
            spent["reading"] = time.process_time() - began_s
        settling, began_s = Settling(), time.process_time()
        stretches = [stretch for batch in read for stretch in settling.take(batch)]
        spent["settling"] = time.process_time() - began_s
        for hosted in read_models(NO_CONNECTIONS):
            core = hosted.projection
            began_s = time.process_time()
            for stretch in stretches:
                core.apply(stretch.events)
            spent[f"{core.name}_core"] = time.process_time() - began_s
        count = sum(map(len, read))
        return {name: cpu_s / count * 1e6 for name, cpu_s in spent.items()}


def _certified(history: History, count: int) -> Iterator[Sequence[AnyEvent]]:
    """Slot after slot, each with its certificate behind it."""
    log, done = CertifiedLog(), 0
    for first in range(0, count, EVENTS_PER_SLOT):
        (of_slot,) = history.parts(first, min(EVENTS_PER_SLOT, count - first))
        log.append(*of_slot)
        log.seal(of_slot[0].pos.slot)
        yield [event for _, _, event in log.messages[done:]]
        done = len(log.messages)


async def main(url: str, monitor_url: str, dsn: str, file: Path) -> None:
    """Until stdin ends."""
    with seldom_collecting():  # as `curvetape project` does
        await answer_lines(Side(url, monitor_url, dsn, file).answer)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])))
