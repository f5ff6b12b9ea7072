"""Our side: the product's own ingest, watched; also with a log that is written event by event."""

import asyncio
import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, ParamSpec, Self, TypeVar

import nats
import uvloop

from adapters.yellowstone.updates import Updates
from bench.answering import answer_lines
from curvetape.config import Settings
from curvetape.ingesting import Ingest, ingesting
from domain.chain import RawTransaction
from domain.log import Appended, Appender, Entry
from ingest.transaction import Batch

LOOK_S = 0.002
KEPT_APPENDS_MAX = 20_000
"""Appends of which it is remembered when they were durable."""
PUBLISHED_AT_ONCE_MAX = 1_000
"""Publications of single events that wait for their acknowledgements together."""

P = ParamSpec("P")
R = TypeVar("R")

_RECEIVED = re.compile(rb'"pos":\[(\d+),(\d+),.*?"received_at_ns":(\d+)')


class Side:
    """One running ingest, and what it used since it was last asked."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._ingest: Ingest | None = None
        self._running: asyncio.Task[None] | None = None
        self._stages: dict[str, float] = {}
        self._watch: Watched | None = None
        self._cpu_s = 0.0
        self._events = 0
        self._appends = 0

    async def answer(self, question: dict[str, Any]) -> object:
        """Do what is asked."""
        match question["ask"]:
            case "open":
                return await self._open(question["settings"], question["publish"])
            case "begin":
                self._stages.clear()
                self._cpu_s = time.process_time()
                self._events = self._opened.pipeline.progress.events
                self._appends = self._watched.appends
                return True
            case "until":
                return await self._until(question["slot"])
            case _:
                return self._watched.latencies(
                    {(slot, tx): at for slot, tx, at in question["sent"]}
                )

    @property
    def _opened(self) -> Ingest:
        assert self._ingest is not None, "it is opened first"
        return self._ingest

    @property
    def _watched(self) -> "Watched":
        assert self._watch is not None, "it is opened first"
        return self._watch

    async def _open(self, settings: dict[str, Any], publish: str) -> bool:
        """Run an ingest; `publish` is `batches`, the product's own way, or how else."""
        ingest = await self._stack.enter_async_context(
            ingesting(Settings(**settings), say=lambda what: print(what, file=sys.stderr))
        )
        pipeline = ingest.pipeline
        log: Appender = pipeline._log  # noqa: SLF001  # watched from outside
        if publish != "batches":
            log = await self._stack.enter_async_context(
                PublishedSingly(settings["nats_url"], awaited=publish == "awaited")
            )
        self._watch = pipeline._log = Watched(log)  # noqa: SLF001  # watched from outside
        self._time(Updates, "read", "parse")
        self._time(pipeline.planner, "plan", "plan")
        decode = pipeline._decode  # noqa: SLF001  # watched from outside

        async def decoded(transactions: Sequence[RawTransaction]) -> Sequence[Batch]:
            began_s = time.thread_time()
            try:
                return await decode(transactions)
            finally:
                self._count("decode", began_s)

        if not settings["ingest_workers"]:
            # Without workers it never waits, so all of the thread's time is its own.
            pipeline._decode = decoded  # noqa: SLF001  # watched from outside
        self._time(pipeline._settler, "settle", "settle")  # noqa: SLF001  # watched from outside
        self._ingest = ingest
        self._running = asyncio.create_task(ingest.run())
        return True

    def _time(self, owner: object, name: str, stage: str) -> None:
        """Count the CPU time of a function that never waits as that of a stage."""
        setattr(owner, name, self._timed(getattr(owner, name), stage))

    def _timed(self, work: Callable[P, R], stage: str) -> Callable[P, R]:
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            began_s = time.thread_time()
            try:
                return work(*args, **kwargs)
            finally:
                self._count(stage, began_s)

        return timed

    def _count(self, stage: str, began_s: float) -> None:
        used_s = time.thread_time() - began_s
        self._stages[stage] = self._stages.get(stage, 0.0) + used_s

    async def _until(self, slot: int) -> dict[str, Any]:
        """Wait for the durable certificate of a slot, which comes after all that it covers."""
        assert self._running is not None, "it is opened first"
        progress = self._opened.pipeline.progress
        while progress.sealed_slot < slot:
            if self._running.done():
                self._running.result()
                raise AssertionError("the ingest has ended")
            await asyncio.sleep(LOOK_S)
        return {
            "ended_s": time.monotonic(),
            "cpu_s": time.process_time() - self._cpu_s,
            "stages": dict(self._stages),
            "events": progress.events - self._events,
            "appends": self._watched.appends - self._appends,
        }

    async def close(self) -> None:
        """End the ingest."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self._stack.aclose()


class Watched:
    """A log that notes when each entry was durable."""

    def __init__(self, log: Appender) -> None:
        self._log = log
        self._acked: list[tuple[int, Sequence[Entry]]] = []
        self.appends = 0

    async def append(self, entries: Sequence[Entry]) -> Appended:
        """As the log behind it does."""
        self.appends += 1
        appended = await self._log.append(entries)
        self._acked.append((time.time_ns(), entries))
        del self._acked[:-KEPT_APPENDS_MAX]
        return appended

    def latencies(self, sent: dict[tuple[int, int], int]) -> dict[str, list[float]]:
        """Milliseconds to durable of the events of these transactions, and since when."""
        read: list[float] = []
        wire: list[float] = []
        for acked_ns, entries in self._acked:
            for entry in entries:
                if (
                    entry.id.startswith("slot:")
                    or (found := _RECEIVED.search(entry.payload)) is None
                ):
                    continue
                slot, tx, received_ns = map(int, found.groups())
                if (sent_ns := sent.get((slot, tx))) is not None:
                    read.append((acked_ns - received_ns) / 1e6)
                    wire.append((acked_ns - sent_ns) / 1e6)
        return {"since_read": read, "since_sent": wire}


class PublishedSingly:
    """The peer that writes: nats-py's JetStream publish, a message and an acknowledgement each."""

    def __init__(self, url: str, *, awaited: bool) -> None:
        self._url = url
        self._at_once_max = 1 if awaited else PUBLISHED_AT_ONCE_MAX

    async def __aenter__(self) -> Self:
        self._client = await nats.connect(self._url)
        self._jetstream = self._client.jetstream()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def append(self, entries: Sequence[Entry]) -> Appended:
        """Publish each entry; several wait together where they may."""
        sequences: list[int] = []
        for start in range(0, len(entries), self._at_once_max):
            part = entries[start : start + self._at_once_max]
            if len(part) == 1:
                acks = [await self._publish(part[0])]
            else:
                acks = await asyncio.gather(*map(self._publish, part))
            sequences += acks
        return Appended(
            last_sequence=sequences[-1],
            written=len(entries),
            duplicates=0,
            sequences=tuple(sequences),
        )

    async def _publish(self, entry: Entry) -> int:
        ack = await self._jetstream.publish(
            entry.subject, entry.payload, headers={"Nats-Msg-Id": entry.id}
        )
        return ack.seq


async def main() -> None:
    """Until stdin ends."""
    side = Side()
    try:
        await answer_lines(side.answer)
    finally:
        await side.close()


if __name__ == "__main__":
    uvloop.run(main())
