"""Replays the log: segments first, then the stream, of both only what is asked for."""

import asyncio
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeAlias, TypeVar

import msgspec
import pyarrow as pa

from adapters.archive import chain
from adapters.archive.decisions import Decisions
from adapters.archive.log import StoredLog, check_same
from adapters.archive.output import Order, Output
from adapters.archive.rows import decoded, tabled
from adapters.archive.selection import Selection, reads
from domain.archive import ArchiveError, ArchiveStore, Manifest
from domain.events import SlotAbandoned
from domain.log import Stored

READ_BATCH_MAX = 4_096
WAITING_EVENTS_MAX = 2_000_000
"""Messages of the stream that are held, at most, until they are decided, or to be sorted."""
STATUS_WAIT_S = 5.0
ABANDONED = "pump.slot.abandoned"

THREADS = min(4, os.cpu_count() or 1)
"""How many blocks of an archive are made at a time; each takes about 0.2 GB."""

M = TypeVar("M")
Read: TypeAlias = Callable[[], list[pa.Table]]
Say = Callable[[str], None]


class TooMuchToHoldError(ArchiveError):
    """The stream alone has more than may be held to be replayed as it was asked for."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"more than {WAITING_EVENTS_MAX:,} messages of the stream would have to be held {why}; "
            "seal them first, with `curvetape archive seal`"
        )


class Replay(Generic[M]):
    """One replay; the archive or the stream may be missing, but not both."""

    def __init__(
        self,
        store: ArchiveStore | None,
        log: StoredLog | None,
        selection: Selection,
        output: Output[M],
        say: Say,
    ) -> None:
        self._store = store
        self._log = log
        self._selection = selection
        self._output = output
        self._say = say
        self._said = time.monotonic()
        self._abandoned: dict[int, int] = {}
        self._sealed = 0
        self.events = 0

    async def run(self, *, order: Order = "log", follow: bool = False) -> int:
        """Replay all that is asked for; how many events that was. Raises `LogError`."""
        segments = [] if self._store is None else chain.manifests(self._store)
        if self._log is not None and segments:
            assert self._store is not None, "segments come from a store"
            await check_same(self._store, segments[-1], self._log)
        self._sealed = segments[-1].last_sequence if segments else 0
        await self._learn_abandoned(segments, follow=follow)
        if order == "chain":
            await self._by_place(segments)
        else:
            await self._by_sequence(segments)
            async for tables in self._tail(follow=follow):
                self._write(tables)
        self._output.close()
        return self.events

    async def _learn_abandoned(self, segments: Sequence[Manifest], *, follow: bool) -> None:
        """Note every retraction, since it may be of events that counted when they were sealed.

        When following, those to come are unknown; they are shown when they come.
        """
        for segment in segments:
            self._abandoned.update({it.slot: it.sequence for it in segment.abandoned})
        if self._log is None:
            return
        async for batch in self._log.read_stored(
            after=self._sealed, batch_max=READ_BATCH_MAX, follow=False, subjects=[ABANDONED]
        ):
            for message in batch:
                event = decoded(message)
                assert isinstance(event, SlotAbandoned), "its subject says so"
                self._abandoned[event.slot] = message.sequence

    async def _by_sequence(self, segments: Sequence[Manifest]) -> None:
        """Blocks one after the other; the next ones are made while one is written."""
        pending: deque[asyncio.Future[tuple[int, M] | None]] = deque()
        loop = asyncio.get_running_loop()

        async def write_one() -> None:
            if (found := await pending.popleft()) is not None:
                events, made = found
                # In a thread of its own, since whoever reads may be slow.
                await loop.run_in_executor(None, self._output.write, made)
                self.events += events

        with ThreadPoolExecutor(THREADS, thread_name_prefix="replay") as threads:
            try:
                for segment in segments:
                    for read in await loop.run_in_executor(threads, self._reads, segment):
                        if len(pending) >= THREADS:
                            await write_one()
                        pending.append(loop.run_in_executor(threads, self._made, read))
                while pending:
                    await write_one()
            finally:
                for each in pending:
                    each.cancel()

    def _reads(self, segment: Manifest) -> Sequence[Read]:
        return list(self._of(segment, self._selection))

    def _made(self, read: Read) -> tuple[int, M] | None:
        tables = read()
        return (sum(map(len, tables)), self._output.make(tables)) if tables else None

    def _of(self, segment: Manifest, selection: Selection) -> Iterator[Read]:
        if not selection.may_hold(segment):
            return
        assert self._store is not None, "segments come from a store"
        late = {
            slot: at
            for slot, at in self._abandoned.items()
            if at > segment.last_sequence and segment.slots.first <= slot <= segment.slots.last
        }
        self._tell(segment.first_sequence)
        yield from reads(chain.content_of(self._store, segment), selection, late)

    async def _by_place(self, segments: Sequence[Manifest]) -> None:
        """Stretches of slots one after the other, each gathered from wherever it is."""
        rest: list[pa.Table] = []
        held = 0
        async for tables in self._tail(follow=False):
            rest += tables
            held += sum(map(len, tables))
            if held > WAITING_EVENTS_MAX:
                raise TooMuchToHoldError("to be sorted")
        first = self._selection.from_slot
        for last in [*sorted({it.slots.last for it in segments}), None]:
            part = _within(self._selection, first, last)
            if part is not None:
                tables = [
                    it for segment in segments for read in self._of(segment, part) for it in read()
                ]
                tables += [picked for it in rest if len(picked := part.picked(it, {}))]
                self._write(tables)
                await asyncio.sleep(0)
            first = max(first, 0 if last is None else last + 1)

    async def _tail(self, *, follow: bool) -> AsyncIterator[list[pa.Table]]:
        """What is selected of the stream, in the order of the log, once it is decided."""
        if self._log is None:
            return
        waiting: list[tuple[int, list[pa.Table]]] = []
        decisions, held = Decisions(), 0
        async for batch in self._log.read_stored(
            after=self._sealed, batch_max=READ_BATCH_MAX, follow=follow
        ):
            last, tables = _noted(batch, decisions)
            waiting.append((last, tables))
            held += len(batch)
            undecided = decisions.undecided
            edge = last if undecided is None or self._selection.uncounted else undecided[1] - 1
            while waiting and waiting[0][0] <= edge:
                last, tables = waiting.pop(0)
                held -= sum(map(len, tables))
                if found := self._counted(tables, decisions):
                    yield found
            if held > WAITING_EVENTS_MAX:
                raise TooMuchToHoldError("until a slot is decided")
            self._tell(last)
        for _, tables in waiting:
            if found := self._counted(tables, decisions):
                yield found

    def _counted(self, tables: Sequence[pa.Table], decisions: Decisions) -> list[pa.Table]:
        picked = (self._selection.picked(decisions.judged(it), self._abandoned) for it in tables)
        return [it for it in picked if len(it)]

    def _write(self, tables: Sequence[pa.Table]) -> None:
        if tables:
            self._output.write(self._output.make(tables))
            self.events += sum(map(len, tables))

    def _tell(self, sequence: int) -> None:
        if time.monotonic() - self._said >= STATUS_WAIT_S:
            self._said = time.monotonic()
            self._say(f"at sequence {sequence:,}, {self.events:,} events so far")


def _noted(batch: Sequence[Stored], decisions: Decisions) -> tuple[int, list[pa.Table]]:
    events = [decoded(message) for message in batch]
    for message, event in zip(batch, events, strict=True):
        decisions.note(message.sequence, event)
    return batch[-1].sequence, tabled(batch, events)


def _within(selection: Selection, first: int, last: int | None) -> Selection | None:
    """The selection within slots `first` to `last` only; None where that is nothing."""
    to_slot = selection.to_slot
    if last is not None:
        to_slot = last if to_slot is None else min(to_slot, last)
    if to_slot is not None and to_slot < first:
        return None
    return msgspec.structs.replace(selection, from_slot=first, to_slot=to_slot)
