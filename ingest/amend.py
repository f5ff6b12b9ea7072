"""Certificates amended: a slot that is sealed gets events that could not be read before; pure.

Whoever appends to a slot that has its certificate appends the events first and then a further
revision of the certificate, which covers the old events and the new ones. So what is not proven
counts for nobody at any moment, and a writer that dies in between can do it again.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from domain.certificate import events_digest, payload_digest, sealed
from domain.events import ProgramEvent, SlotAbandoned, SlotConfirmed, SolPriced, decode
from domain.log import Entry
from ingest.certificates import certificate_id
from ingest.ledger import Held, again
from ingest.recovery import Certified
from ingest.slots import REMEMBERED_SLOTS
from ingest.votes import Link

RECENT_CERTIFICATES = REMEMBERED_SLOTS
"""A running ingest may still revise the slots of the log's newest certificates, so many of them."""

_SLOT = re.compile(rb'"pos":\[(\d+),')
_WHEN = re.compile(rb'"(?:received_at_ns|block_time_s)":\d+')
_BLOCK_TIME = re.compile(rb'"block_time_s":(\d+)')
_CERTIFICATE = b'{"kind":"slot.confirmed"'
_PRICE = b'{"kind":"sol.priced"'


class BookEntry(Held):
    """An event of a slot in the log."""

    content: bytes = b""
    """See `content_digest`."""
    block_time_s: int = 0


class Book(msgspec.Struct):
    """What the log holds of one slot."""

    slot: int
    events: dict[str, Held] = {}
    """By id, those that nothing took back."""
    certificate: SlotConfirmed | None = None
    """The newest one."""
    sealed_at: int = 0
    """The certificate's sequence."""
    ordinal: int = 0
    """Which of all certificates read it was."""
    attempt: int = 0
    """How often the slot's events have been taken back."""

    @property
    def first_sequence(self) -> int | None:
        """Where reading has to begin for all of the slot; None where it has no certificate."""
        if self.certificate is None:
            return None
        first = self.certificate.first_sequence
        return self.sealed_at if first is None else first

    def covers(self, event_id: str) -> bool:
        """Whether the certificate counts an event."""
        held = self.events.get(event_id)
        return held is not None and (held.sequence or 0) < self.sealed_at

    @property
    def uncovered(self) -> list[str]:
        """Events that were appended after the certificate: the amendment did not come to an end."""
        return [event_id for event_id in self.events if not self.covers(event_id)]

    def entry_id(self, event_id: str) -> str:
        """The id under which the log takes an event of the slot."""
        return again(event_id, self.slot, self.attempt) if self.attempt else event_id


class Books:
    """Takes the log in sequence, and keeps what is about some slots."""

    def __init__(self, slots: Iterable[int], *, prices: Collection[str] = ()) -> None:
        """`prices` are ids of prices to look out for, whatever slot they were read in."""
        self._books = {slot: Book(slot) for slot in slots}
        self._prices = {event_id.encode() for event_id in prices}
        self.prices: set[str] = set()
        """Those of the prices that the log holds."""
        self.newest: Certified | None = None
        """The last certificate that was read."""
        self.newest_slot = 0
        """The highest slot with a certificate."""
        self._certificates = 0

    def __getitem__(self, slot: int) -> Book:
        return self._books[slot]

    def __iter__(self) -> Iterator[Book]:
        return iter(self._books.values())

    def begin_again(self) -> None:
        """Prepare for reading from an earlier sequence than what was read."""
        self._certificates = 0

    def take(self, sequence: int, payload: bytes) -> None:
        """Read the log's next message; `msgspec.DecodeError` if it is none that is known here."""
        found = _SLOT.search(payload)
        slot = -1 if found is None else int(found[1])
        if payload.startswith(_CERTIFICATE):
            self._certificates += 1
            event = decode(payload)
            assert isinstance(event, SlotConfirmed), "its kind says so"
            self.newest = Certified(event.hash, sequence, slot)
            self.newest_slot = max(self.newest_slot, slot)
            if (book := self._books.get(slot)) is not None:
                book.certificate, book.sealed_at = event, sequence
                book.ordinal = self._certificates
            return
        if self._prices and payload.startswith(_PRICE):
            self._look_out(payload)
        if (book := self._books.get(slot)) is not None:
            _take(book, sequence, payload)

    def is_recent(self, book: Book) -> bool:
        """Whether a running ingest may still revise the slot by itself."""
        return self._certificates - book.ordinal < RECENT_CERTIFICATES

    def _look_out(self, payload: bytes) -> None:
        for event_id in self._prices:
            if event_id in payload:
                self.prices.add(event_id.decode())


class Addition(msgspec.Struct):
    """What a sealed slot gets."""

    slot: int
    entries: list[tuple[Entry, Held]]
    """Events under their own ids, and where to note their places."""
    resolved: list[str] = []
    """Ids of the events that were dead letters, or of letters that were about no event: the
    certificate counts them until it counts the events."""
    letters: int = 0
    """How many letters there are that were not known before."""
    unknown: int | None = None
    """How many letters the slot has now, where that is known; it goes before the two above."""


def objection(
    book: Book, gaps: Sequence[tuple[Link, Link]], newest_slot: int, *, is_recent: bool
) -> str | None:
    """Why nothing may be appended to a slot, as a sentence; None if it may."""
    slot = book.slot
    if book.certificate is not None:
        if is_recent:
            return (
                f"slot {slot} is one of the newest {RECENT_CERTIFICATES}, which a running ingest "
                "may still revise; try again in some minutes, or with --ingest-stopped while none "
                "runs"
            )
        return None
    for before, until in gaps:
        if before.slot < slot <= until.slot:
            return (
                f"slot {slot} is in an open gap, {before.slot + 1} to {until.slot}, and not "
                "proven yet; try again once ingest has filled it"
            )
    if book.attempt:
        return f"slot {slot} died with its fork, so what it did never happened"
    if slot > newest_slot:
        return f"slot {slot} is not proven yet; try again once ingest has sealed it"
    return (
        f"slot {slot} has no certificate: it died with its fork, or is from before the log's "
        "first certificate"
    )


def amended(
    book: Book, addition: Addition, *, previous: str | None, received_at_ns: int
) -> SlotConfirmed:
    """The next revision of a slot's certificate, over all events that the book holds."""
    certificate = book.certificate
    assert certificate is not None, "only what is sealed is amended"
    held = sorted(book.events.values(), key=lambda each: (each.pos, each.id))
    sequences = [each.sequence for each in held if each.sequence is not None]
    assert len(sequences) == len(held), "a certificate comes after all that it covers"
    unknown = addition.unknown
    if unknown is None:
        resolved = sum(not book.covers(event_id) for event_id in addition.resolved)
        unknown = max(0, certificate.unknown - resolved + addition.letters)
    return sealed(
        msgspec.structs.replace(
            certificate,
            id=certificate_id(certificate.slot, certificate.revision + 1),
            received_at_ns=received_at_ns,
            decoded=len(held),
            unknown=unknown,
            first_sequence=min(sequences, default=None),
            last_sequence=max(sequences, default=None),
            events_digest=events_digest(each.digest for each in held),
            revision=certificate.revision + 1,
            previous=previous,
        )
    )


def content_digest(payload: bytes) -> bytes:
    """Stands for all that an event says but its times."""
    return payload_digest(_WHEN.sub(b"", payload, count=2))


def block_time_of(payload: bytes) -> int:
    """The block time that an event says; 0 where it says none."""
    found = _BLOCK_TIME.search(payload)
    return 0 if found is None else int(found[1])


def _take(book: Book, sequence: int, payload: bytes) -> None:
    event = decode(payload)
    if isinstance(event, SlotAbandoned):
        book.events.clear()
        book.certificate, book.sealed_at = None, 0
        book.attempt = max(book.attempt, event.attempt)
    elif isinstance(event, ProgramEvent | SolPriced):
        book.events[event.id] = BookEntry(
            event.id,
            event.pos,
            payload_digest(payload),
            sequence,
            content_digest(payload),
            block_time_of(payload),
        )
