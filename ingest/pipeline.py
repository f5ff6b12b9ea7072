"""The loop of ingest: what the source hands over is decoded, deduplicated and made durable."""

import asyncio
from collections.abc import Sequence

import msgspec

from domain.chain import BlockMeta, ChainUpdate, RawTransaction, SlotsMissed
from domain.events import GapDetected, encode
from domain.log import Appended, Appender, Entry
from domain.position import Position
from ingest.seen import Seen
from ingest.source import Source
from ingest.transaction import entries

QUEUE_BATCHES_MAX = 8
"""Decoded batches that may wait for the log; when it is full the source is no longer read."""
APPEND_ENTRIES_MAX = 5_000
RESUME_MARGIN_SLOTS = 32
"""How far behind the newest appended slot a stream resumes: slots may interleave, and what came
twice is dropped by its id."""


class Progress(msgspec.Struct):
    """What ingest has done since it started."""

    slot: int = 0
    """The highest slot seen."""
    transactions: int = 0
    failed: int = 0
    events: int = 0
    """Events that are durable in the log."""
    duplicates: int = 0
    conflicting: int = 0
    """Events and dead letters whose id was already there with another content."""
    dead: int = 0
    """Letters that are durable in `DEAD`: what of our programs could not become an event."""
    tails: dict[str, int] = msgspec.field(default_factory=dict)
    """Events with bytes behind the longest layout known, by event and version."""


class _Decoded(msgspec.Struct):
    """A batch on its way to the log."""

    entries: list[Entry]
    dead: list[Entry]
    slot: int


class Pipeline:
    """Reads one source into the log; ends when the source does, fails when the log does."""

    def __init__(
        self, *, log: Appender, dead_letters: Appender, seen: Seen, appended_slot: int | None
    ) -> None:
        self.progress = Progress()
        self._log = log
        self._dead_letters = dead_letters
        self._seen = seen
        self._appended_slot = appended_slot
        self._decoded: asyncio.Queue[_Decoded | None] = asyncio.Queue(QUEUE_BATCHES_MAX)

    def resume_slot(self) -> int | None:
        """Where a stream has to start so that nothing is missed; None for an empty log."""
        if self._appended_slot is None:
            return None
        return max(0, self._appended_slot - RESUME_MARGIN_SLOTS)

    async def run(self, source: Source) -> None:
        """Until the source ends; reading and decoding go on while the log syncs."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(source))
            tasks.create_task(self._write())

    async def _read(self, source: Source) -> None:
        async for updates in source.batches():
            decoded = self._decode(updates)
            if decoded.entries or decoded.dead:
                await self._decoded.put(decoded)
        await self._decoded.put(None)

    def _decode(self, updates: Sequence[ChainUpdate]) -> _Decoded:
        progress = self.progress
        batch = _Decoded(entries=[], dead=[], slot=0)
        for update in updates:
            if isinstance(update, RawTransaction):
                found = entries(update)
                progress.transactions += 1
                progress.failed += update.failed
                for kind, count in found.tails.items():
                    progress.tails[kind] = progress.tails.get(kind, 0) + count
                self._take_new(found.entries, batch.entries)
                self._take_new(found.dead, batch.dead)
                slot = update.slot
            elif isinstance(update, BlockMeta):
                slot = update.slot
            elif isinstance(update, SlotsMissed):
                self._take_new([gap(update)], batch.entries)
                slot = update.to_slot
            batch.slot = max(batch.slot, slot)
        progress.slot = max(progress.slot, batch.slot)
        return batch

    def _take_new(self, found: Sequence[Entry], into: list[Entry]) -> None:
        for entry in found:
            if entry.id in self._seen:
                self.progress.duplicates += 1
            else:
                self._seen.add(entry.id)
                into.append(entry)

    async def _write(self) -> None:
        while (batch := await self._gather()) is not None:
            # Dead letters first: a slot counts as appended only when all of it is safe.
            if batch.dead:
                self.progress.dead += self._counted(await self._dead_letters.append(batch.dead))
            if batch.entries:
                self.progress.events += self._counted(await self._log.append(batch.entries))
            self._appended_slot = max(self._appended_slot or 0, batch.slot)

    def _counted(self, appended: Appended) -> int:
        self.progress.duplicates += appended.duplicates
        self.progress.conflicting += len(appended.conflicting)
        return appended.written

    async def _gather(self) -> _Decoded | None:
        """What waits, together: while one append syncs, the next one grows."""
        batch = await self._decoded.get()
        if batch is None:
            return None
        while len(batch.entries) < APPEND_ENTRIES_MAX and not self._decoded.empty():
            more = self._decoded.get_nowait()
            if more is None:
                self._decoded.put_nowait(None)
                break
            batch.entries += more.entries
            batch.dead += more.dead
            batch.slot = max(batch.slot, more.slot)
        return batch


def gap(missed: SlotsMissed) -> Entry:
    """The event that says which slots no source could give us."""
    event = GapDetected(
        id=f"gap:{missed.from_slot}-{missed.to_slot}",
        pos=Position(missed.from_slot, 0, 0, 0),
        received_at_ns=missed.received_at_ns,
        from_slot=missed.from_slot,
        to_slot=missed.to_slot,
        reason=missed.reason,
    )
    return Entry(subject=event.subject, id=event.id, payload=encode(event))
