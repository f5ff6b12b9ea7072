"""The one way to append to slots that have their certificate: read them, append, amend."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import msgspec

from adapters.jetstream.connection import Connection
from adapters.jetstream.moment import NS_PER_S, sequence_before
from adapters.jetstream.reader import JetStreamLog
from domain.certificate import payload_digest
from domain.events import SlotConfirmed, decode, encode
from domain.log import Appender, Entry, LogError, OutpacedError, UndecodableError
from ingest.amend import Addition, Books, amended, objection
from ingest.ledger import Held, again
from ingest.recovery import Recovery
from ingest.votes import Link

MARGIN_S = 3_600
"""How long before something was received its slot may have been looked at at the earliest; clocks
of two machines may differ by it as well."""
READ_BATCH_MAX = 5_000
STATUS_WAIT_S = 5.0
CHUNK_ENTRIES_MAX = 1_000
"""Events that are appended, and then certified, together: what the server takes in one batch."""
CHUNK_SLOTS_MAX = 200
LOOK_BACK_MESSAGES = 100_000
TRIES_MAX = 200
"""How often a certificate is made anew because ingest was quicker with its own."""

Say = Callable[[str], None]


class Amender:
    """Knows what the log holds of some slots, and adds to them; one at a time on a log."""

    def __init__(
        self,
        connection: Connection,
        slots: Collection[int],
        *,
        say: Say,
        prices: Collection[str] = (),
        ingest_stopped: bool = False,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """With `ingest_stopped` the newest slots may be amended, too.

        `prices` are ids of prices to look out for in whatever slot.
        """
        self.books = Books(slots, prices=prices)
        self._slots = slots
        self._connection = connection
        self._log = JetStreamLog(connection)
        self._say = say
        self._ingest_stopped = ingest_stopped
        self._now_ns = now_ns
        self._gaps: list[tuple[Link, Link]] = []
        self._read_until = 0

    async def read(self, *, since_ns: int) -> None:
        """Read what the log holds of the slots, none of which was known before `since_ns`.

        First the certificates, which say where their events begin, then all from there on.
        """
        recovery = Recovery()
        async for batch in self._log.read_stored(
            after=0, batch_max=READ_BATCH_MAX, follow=False, subjects=["pump.gap.>"]
        ):
            recovery.take_gaps(decode(stored.payload) for stored in batch)
        self._gaps = recovery.gaps
        margin_ns = MARGIN_S * NS_PER_S
        after = await sequence_before(self._connection, "PUMP", since_ns - margin_ns)
        await self._walk(after, ["pump.slot.*"])
        begins = [
            first for slot in self._slots if (first := self.books[slot].first_sequence) is not None
        ]
        if begins:
            self.books.begin_again()
            await self._walk(min(begins) - 1, ())

    def objection(self, slot: int) -> str | None:
        """Why nothing may be appended to a slot; None if it may."""
        book = self.books[slot]
        is_recent = not self._ingest_stopped and self.books.is_recent(book)
        return objection(book, self._gaps, self.books.newest_slot, is_recent=is_recent)

    async def amend(self, log: Appender, additions: Iterable[Addition]) -> int:
        """Append events and amend their slots' certificates; how many events were new.

        When it returns, all is durable and certified. Only for slots without an objection; an
        event that the log holds already is not appended again. Raises `LogError`.
        """
        added = 0
        for chunk in _chunks(additions):
            added += await self._append_events(log, chunk)
            await self._append_certificates(log, chunk)
        return added

    async def _append_events(self, log: Appender, chunk: Sequence[Addition]) -> int:
        fresh: list[tuple[Entry, Held, Addition]] = []
        for addition in chunk:
            book = self.books[addition.slot]
            for entry, held in addition.entries:
                if held.id not in book.events:
                    known_by = msgspec.structs.replace(entry, id=book.entry_id(held.id))
                    fresh.append((known_by, held, addition))
        if not fresh:
            return 0
        written = await log.append([entry for entry, _, _ in fresh])
        for place, (entry, held, addition) in enumerate(fresh):
            book, sequence = self.books[addition.slot], written.sequences[place]
            if place in written.conflicts:
                # The event's own id stands for the same transaction in another slot.
                other = again(held.id, book.slot, book.attempt)
                if other == entry.id:
                    raise LogError(f"{entry.id} is in the log with another content")
                retried = msgspec.structs.replace(entry, id=other)
                (sequence,) = (await log.append([retried])).sequences
            if (payload := written.held.get(entry.id)) is not None:
                held.digest = payload_digest(payload)
            held.sequence = sequence
            book.events[held.id] = held
        return len(fresh)

    async def _append_certificates(self, log: Appender, chunk: Sequence[Addition]) -> None:
        for _ in range(TRIES_MAX):
            made = self._made(chunk)
            newest = self.books.newest
            assert newest is not None, "what is amended has a certificate"
            follows: int | None = newest.sequence
            entries = []
            for certificate in made:
                entries.append(
                    Entry(
                        subject=certificate.subject,
                        id=certificate.id,
                        payload=encode(certificate),
                        follows=follows,
                    )
                )
                follows = None
            try:
                appended = await log.append(entries)
            except OutpacedError:
                await self._walk(self._read_until, ())
                continue
            for entry, sequence in zip(entries, appended.sequences, strict=True):
                self.books.take(sequence, entry.payload)
            return
        raise LogError(
            f"another writer was quicker with its certificate {TRIES_MAX} times in a row; the "
            "events are in the log and count once this is done again"
        )

    def _made(self, chunk: Sequence[Addition]) -> list[SlotConfirmed]:
        newest = self.books.newest
        previous = None if newest is None else newest.hash
        made = []
        for addition in chunk:
            certificate = amended(
                self.books[addition.slot],
                addition,
                previous=previous,
                received_at_ns=self._now_ns(),
            )
            previous = certificate.hash
            made.append(certificate)
        return made

    async def _walk(self, after: int, subjects: Sequence[str]) -> None:
        """Hand the log as it is now to the books, from `after + 1` on, and tell how it goes."""
        last = await self._log.last_sequence()
        told_s = time.monotonic()
        self._read_until = max(self._read_until, after)
        async for batch in self._log.read_stored(
            after=after, batch_max=READ_BATCH_MAX, follow=False, subjects=subjects
        ):
            for stored in batch:
                try:
                    self.books.take(stored.sequence, stored.payload)
                except msgspec.DecodeError as error:
                    raise UndecodableError(stored.sequence, stored.payload, str(error)) from error
            self._read_until = batch[-1].sequence
            if time.monotonic() - told_s >= STATUS_WAIT_S:
                told_s = time.monotonic()
                self._say(f"at sequence {self._read_until:,} of {last:,}")


async def certificates_behind(
    connection: Connection, sequence: int
) -> list[tuple[int, SlotConfirmed]]:
    """The log's certificates behind a sequence, each with its own; raises `LogError`."""
    found: list[tuple[int, SlotConfirmed]] = []
    async for batch in JetStreamLog(connection).read_stored(
        after=sequence,
        batch_max=READ_BATCH_MAX,
        follow=False,
        subjects=[SlotConfirmed.subject_root],
    ):
        for stored in batch:
            certificate = decode(stored.payload)
            assert isinstance(certificate, SlotConfirmed), "the subject has one kind"
            found.append((stored.sequence, certificate))
    return found


async def newest_in_order(connection: Connection, before: int) -> tuple[int, SlotConfirmed]:
    """The highest slot's certificate up to a sequence at which a slot was amended.

    A long amendment is many messages, so it is looked for ever further back.
    """
    span = LOOK_BACK_MESSAGES
    while True:
        after = max(0, before - span)
        first = [
            each for each in await certificates_behind(connection, after) if each[1].revision == 1
        ]
        if first:
            return max(first, key=lambda each: each[1].slot)
        assert after, "what was amended was sealed before"
        span *= 4


def _chunks(additions: Iterable[Addition]) -> Iterator[list[Addition]]:
    chunk: list[Addition] = []
    size = 0
    for addition in additions:
        full = size + len(addition.entries) > CHUNK_ENTRIES_MAX or len(chunk) == CHUNK_SLOTS_MAX
        if chunk and full:
            yield chunk
            chunk, size = [], 0
        chunk.append(addition)
        size += len(addition.entries)
    if chunk:
        yield chunk
