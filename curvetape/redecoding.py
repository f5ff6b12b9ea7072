"""`RAW` decoded with today's decoder and compared with the log, piece by piece."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from adapters.jetstream.connection import Connection
from adapters.jetstream.known import stored_payload
from adapters.jetstream.patience import patiently
from curvetape.amending import Amender
from curvetape.raw_reading import raw_parts, transactions
from domain.log import Appender
from ingest.amend import Addition
from ingest.ledger import Held
from ingest.raw import Gathered, RawPart
from ingest.redecode import Compared, Redecoded, changes, compared, redecoded

PIECE_EVENTS_MAX = 100_000
"""Events that are decoded, held and compared together; for each piece the log is read once."""
PIECE_SLOTS_MAX = 5_000
OPEN_SLOTS_MAX = 64
"""Slots whose parts may still come; a block's parts follow each other, but for a revision."""
DETAILS_MAX = 1_000
"""Differences that are described; all are counted."""

Say = Callable[[str], None]


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event about which the log and today's decoder differ, or a whole slot."""

    slot: int
    what: str
    id: str = ""
    sequence: int | None = None
    """Where the log holds it."""
    fields: dict[str, tuple[Any, Any]] = {}
    """What the log says, and what the decoder says today."""
    why: str = ""
    """Why it was not appended, where that was asked for."""


class Report(msgspec.Struct):
    """What was compared, and what was found."""

    slots: int = 0
    """Slots that were compared."""
    events: int = 0
    unsealed: int = 0
    """Slots of RAW that have no certificate (yet); they are not compared."""
    partial: int = 0
    """Slots of which RAW has dropped a part already."""
    missing: int = 0
    """Events that the log lacks."""
    appended: int = 0
    """Those of them that it has now."""
    only_in_log: int = 0
    changed: int = 0
    other_blocks: int = 0
    """Slots for which another block was sealed than RAW holds."""
    details: list[Difference] = []

    @property
    def differs(self) -> bool:
        """Whether anything is left that differs."""
        left = self.missing - self.appended
        return bool(left or self.only_in_log or self.changed or self.other_blocks)


class Redecoding:
    """One run over a range of slots."""

    def __init__(
        self,
        connection: Connection,
        *,
        say: Say,
        ingest_stopped: bool = False,
        piece_events_max: int = PIECE_EVENTS_MAX,
    ) -> None:
        self.report = Report()
        self._connection = connection
        self._say = say
        self._ingest_stopped = ingest_stopped
        self._piece_events_max = piece_events_max

    async def run(self, first: int, last: int, *, log: Appender | None) -> Report:
        """Compare all that `RAW` has of the slots; append what is missing where there is a log."""
        piece: list[Redecoded] = []
        since_ns, size, began_s = 0, 0, time.monotonic()
        async for parts in self._wholes(first, last):
            block = redecoded(parts[0].slot, parts[0].blockhash, transactions(parts))
            received_at_ns = parts[0].received_at_ns
            since_ns = min(since_ns, received_at_ns) if piece else received_at_ns
            piece.append(block)
            size += len(block.entries)
            if size >= self._piece_events_max or len(piece) == PIECE_SLOTS_MAX:
                await self._compare(piece, since_ns, log)
                rate = self.report.events / (time.monotonic() - began_s)
                self._say(
                    f"at slot {block.slot}: {self.report.slots:,} slots with "
                    f"{self.report.events:,} events compared, {rate:,.0f} events/s"
                )
                piece, size = [], 0
        if piece:
            await self._compare(piece, since_ns, log)
        return self.report

    async def _wholes(self, first: int, last: int) -> AsyncIterator[list[RawPart]]:
        """The blocks of a range, each once it cannot be added to any more."""
        gathered: dict[int, Gathered] = {}
        async for part in raw_parts(self._connection):
            if not first <= part.slot <= last:
                continue
            gathered.setdefault(part.slot, Gathered()).take(part)
            if len(gathered) > OPEN_SLOTS_MAX:
                oldest = next(iter(gathered))
                if (whole := self._whole(gathered.pop(oldest))) is not None:
                    yield whole
        for each in gathered.values():
            if (whole := self._whole(each)) is not None:
                yield whole

    def _whole(self, gathered: Gathered) -> list[RawPart] | None:
        whole = gathered.whole()
        self.report.partial += whole is None
        return whole

    async def _compare(
        self, piece: Sequence[Redecoded], since_ns: int, log: Appender | None
    ) -> None:
        report = self.report
        amender = Amender(
            self._connection,
            [block.slot for block in piece],
            say=self._say,
            ingest_stopped=self._ingest_stopped,
        )
        await amender.read(since_ns=since_ns)
        additions = []
        for block in piece:
            book = amender.books[block.slot]
            if book.certificate is None:
                report.unsealed += 1
                continue
            report.slots += 1
            report.events += len(block.entries)
            found = compared(block, book)
            why = amender.objection(block.slot) or "" if log is not None else ""
            await self._note(found, why)
            if found.other_block or why:
                continue
            if found.missing or book.uncovered:
                additions.append(Addition(block.slot, found.missing, unknown=block.letters))
        if log is not None:
            report.appended += await amender.amend(log, additions)

    async def _note(self, found: Compared, why: str) -> None:
        report, slot = self.report, found.slot
        report.missing += len(found.missing)
        report.only_in_log += len(found.only_in_log)
        report.other_blocks += found.other_block
        if found.other_block:
            self._describe(Difference(slot, "another block was sealed than RAW holds"))
        for _, held in found.missing:
            self._describe(Difference(slot, "missing in the log", held.id, why=why))
        for held in found.only_in_log:
            self._describe(Difference(slot, "only in the log", held.id, held.sequence))
        for entry, held in found.changed:
            fields = changes(await self._held(held), entry.payload)
            if fields:  # an older version may have written the same in other words
                report.changed += 1
                self._describe(Difference(slot, "different", held.id, held.sequence, fields))

    async def _held(self, held: Held) -> bytes:
        sequence = held.sequence
        assert sequence is not None, "it was read from the log"
        return await patiently(
            self._connection, lambda: stored_payload(self._connection, "PUMP", sequence)
        )

    def _describe(self, difference: Difference) -> None:
        if len(self.report.details) < DETAILS_MAX:
            self.report.details.append(difference)
