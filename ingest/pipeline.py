"""The loop of ingest: what sources hand over is planned, decoded, made durable and certified."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from domain.cancellation import go_on
from domain.certificate import payload_digest
from domain.chain import ChainUpdate, RawTransaction
from domain.events import SlotConfirmed
from domain.log import Appended, Appender, Entry, OutpacedError
from ingest import transaction
from ingest.certificates import Certificates, taken_back
from ingest.plan import Planner, Provisional, Seal, Step, TakeBack
from ingest.progress import Progress
from ingest.seen import Seen
from ingest.settle import Round, Settler, Writing
from ingest.slots import Sealed
from ingest.transaction import Batch

QUEUE_BATCHES_MAX = 8
"""Decoded batches that may wait for the log; when it is full no source is read."""
ROUND_ENTRIES_MAX = 5_000
AMENDED_TRIES_MAX = 50
"""How often certificates are made anew because somebody amended a slot at that moment."""
DEAD_IDS = 20_000
"""Ids of dead letters that are remembered, so that each is kept once."""

Decoding: TypeAlias = Callable[[Sequence[RawTransaction]], Awaitable[Sequence[Batch]]]

Others: TypeAlias = Callable[[int], Awaitable[Sequence[tuple[int, SlotConfirmed]]]]


class Updates(Protocol):
    """Several sources read at once, see `ingest.mux`."""

    def batches(self) -> AsyncIterator[tuple[str, Sequence[ChainUpdate]]]:
        """Who sent it, and what; empty batches as time passes."""
        ...


class _Planned(msgspec.Struct):
    """Steps whose transactions are being decoded."""

    steps: list[Step]
    decoded: Awaitable[Sequence[Batch]]


class Pipeline:
    """Reads sources into the log; ends when they do, fails when the log does."""

    def __init__(
        self,
        *,
        log: Appender,
        dead_letters: Appender,
        planner: Planner,
        certificates: Certificates,
        dead_seen: Seen | None = None,
        priced_s: int = 0,
        decode: Decoding | None = None,
        keep_raw: Callable[[Sequence[Sealed]], Awaitable[None]] | None = None,
        others: Others | None = None,
        clock_s: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`keep_raw` is given proven blocks before their certificates are appended.

        `others` reads the certificates behind a sequence: what another writer has added.
        """
        self.progress = Progress()
        self.planner = planner
        self._log = log
        self._dead_letters = dead_letters
        self._certificates = certificates
        self._dead_seen = dead_seen or Seen(DEAD_IDS)
        self._decode = decode or _inline
        self._keep_raw = keep_raw
        self._others = others
        self._clock_s = clock_s
        self._now_ns = now_ns
        self._settler = Settler(
            self.progress, decode=transaction.entries, now_ns=now_ns, priced_s=priced_s
        )
        self._planned: asyncio.Queue[_Planned | None] = asyncio.Queue(QUEUE_BATCHES_MAX)
        self._sealing: list[Seal | Writing] = []
        self._aside: _Planned | None = None
        """What was taken from the queue and has to wait for the next round."""

    async def run(self, updates: Updates) -> None:
        """Until the sources end; reading and decoding go on while the log syncs."""
        go_on()  # a cancellation while ingest was starting
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(updates))
            tasks.create_task(self._write())

    async def _read(self, updates: Updates) -> None:
        async for source, batch in updates.batches():
            steps = self.planner.plan(source, batch, self._clock_s())
            self._note(batch)
            if steps:
                decoding = asyncio.ensure_future(self._decode(_to_decode(steps)))
                await self._planned.put(_Planned(steps, decoding))
        await self._planned.put(None)

    def _note(self, batch: Sequence[ChainUpdate]) -> None:
        progress, planner = self.progress, self.planner
        progress.slot = max((update.slot for update in batch), default=progress.slot)
        progress.duplicates = planner.known
        progress.late_prices = planner.late_prices
        progress.gaps = planner.slots.gaps

    async def _write(self) -> None:
        going_on = True
        while going_on or self._sealing:
            go_on()
            going_on, work = await self._gather() if going_on else (False, Round())
            sealing, self._sealing = self._sealing, work.seals
            # Dead letters first: a slot counts as proven only when all of it is safe.
            await self._write_dead(work.dead)
            await self._write_raw(work.seals)
            await self._append(sealing, work.writings)

    async def _gather(self) -> tuple[bool, Round]:
        """What waits, together: while one append syncs, the next one grows.

        The certificates of the last round are not held up when nothing else waits.
        """
        work = Round()
        while len(work.writings) < ROUND_ENTRIES_MAX:
            is_idle = self._aside is None and self._planned.empty()
            if is_idle and (self._sealing or work.writings or work.seals or work.dead):
                break
            planned, self._aside = self._aside, None
            if planned is None:
                planned = await self._planned.get()
            if planned is None:
                return False, work
            if work.seals and _revises(planned.steps):
                # What a better copy adds stands behind the certificate that it is not part of.
                self._aside = planned
                break
            batches = iter(await planned.decoded)
            self._settler.settle(planned.steps, batches, work)
        return True, work

    async def _write_dead(self, letters: list[Entry]) -> None:
        fresh = [letter for letter in letters if letter.id not in self._dead_seen]
        if fresh:
            self._dead_seen.update(letter.id for letter in fresh)
            appended = await self._dead_letters.append(fresh)
            self.progress.dead += appended.written
            self.progress.conflicting += len(appended.conflicting)

    async def _write_raw(self, sealing: Sequence[Seal | Writing]) -> None:
        if self._keep_raw is not None and (seals := _seals(sealing)):
            await self._keep_raw([seal.sealed for seal in seals])

    async def _append(
        self, sealing: list[Seal | Writing], writings: list[Writing | TakeBack]
    ) -> None:
        """Certificates of what the last round appended, then this round's entries.

        What takes events back comes only when it is known which of them the log holds.
        """
        part: list[Writing] = []
        for writing in writings:
            if isinstance(writing, TakeBack):
                await self._append_part(sealing, part)
                sealing, part = [], [self._taking(writing)]
            else:
                part.append(writing)
        await self._append_part(sealing, part)

    def _taking(self, step: TakeBack) -> Writing:
        held = sum(each.sequence is not None for each in step.page.events())
        self.progress.abandoned += 1
        self.progress.retracted += held
        now_ns = self._now_ns()
        return Writing(taken_back(step.slot, step.page, step.reason, held, received_at_ns=now_ns))

    async def _append_part(self, sealing: list[Seal | Writing], writings: list[Writing]) -> None:
        if not sealing and not writings:
            return
        made, appended = await self._append_behind_others(sealing, writings)
        if made:
            places = [at for at, each in enumerate(sealing) if isinstance(each, Seal)]
            self._certificates.appended(made[-1], appended.sequences[places[-1]])
            self.progress.certificates += len(made)
            highest = max(certificate.slot for certificate in made)
            self.progress.sealed_slot = max(self.progress.sealed_slot, highest)
        await self._note_places(writings, appended, len(sealing))

    async def _append_behind_others(
        self, sealing: list[Seal | Writing], writings: list[Writing]
    ) -> tuple[list[SlotConfirmed], Appended]:
        """Certificates and entries together; made anew where a slot was amended in between.

        Raises `OutpacedError` where another ingest writes to the log.
        """
        tries = 0
        while True:
            tries += 1
            made = [
                self._certificates.make(seal.sealed, seal.page, received_at_ns=self._now_ns())
                for seal in _seals(sealing)
            ]
            certified = iter(self._certificates.entries(made))
            entries = [
                next(certified) if isinstance(each, Seal) else each.entry for each in sealing
            ]
            entries += [writing.entry for writing in writings]
            try:
                return made, await self._log.append(entries)
            except OutpacedError:
                if self._others is None or tries == AMENDED_TRIES_MAX:
                    raise
                others = await self._others(self._certificates.sequence)
                if not self._certificates.stand_behind(others):
                    raise

    async def _note_places(self, writings: list[Writing], appended: Appended, before: int) -> None:
        again = []
        for place, writing in enumerate(writings, before):
            if writing.held is None:
                continue
            if place in appended.conflicts:
                again.append(writing.under_another_id())
                continue
            self.progress.events += 1
            writing.held.sequence = appended.sequences[place]
            if (payload := appended.held.get(writing.entry.id)) is not None:
                writing.held.digest = payload_digest(payload)
        if again:
            taken = set(appended.conflicting)
            assert not taken.intersection(writing.entry.id for writing in again), "ids are new"
            later = await self._log.append([writing.entry for writing in again])
            await self._note_places(again, later, 0)


def _to_decode(steps: Sequence[Step]) -> list[RawTransaction]:
    return [job.tx for step in steps if isinstance(step, Provisional | Seal) for job in step.jobs]


def _revises(steps: Sequence[Step]) -> bool:
    return any(isinstance(step, Seal) and step.sealed.revision > 1 for step in steps)


def _seals(sealing: Sequence[Seal | Writing]) -> list[Seal]:
    return [each for each in sealing if isinstance(each, Seal)]


async def _inline(transactions: Sequence[RawTransaction]) -> Sequence[Batch]:
    return [transaction.entries(tx) for tx in transactions]
