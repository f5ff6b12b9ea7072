"""A slot's events as their certificate counts them: digests, sequences and signatures."""

import hashlib
from collections.abc import Collection, Iterator, Sequence

import msgspec
from solders.signature import Signature

from domain.certificate import events_digest, transactions_digest
from domain.events import AnyEvent, SlotConfirmed
from domain.position import LAST_TX, Position
from projections.audit.spans import Spans

UNDECIDED_EVENTS_MAX = 400_000
"""Events kept of slots that have no certificate yet; beyond, the slot that waits longest goes."""
SEALED_SLOTS_MAX = 600
"""Slots with a certificate whose events are kept, for a later revision of it; ingest does not
revise what lies further back."""


class Entry(msgspec.Struct, frozen=True, order=True, gc=False):
    """An event as far as a certificate speaks of it; entries sort by `(pos, id)`."""

    pos: Position
    id: str
    sequence: int
    digest: bytes


class Sealed(msgspec.Struct, frozen=True):
    """A certificate with the entries that it covers, and how many came after it."""

    certificate: SlotConfirmed
    entries: list[Entry]


class SlotEntries:
    """What has been seen of slots, bounded: what is let go of is known to be gone."""

    def __init__(self, keep: Collection[int]) -> None:
        self.gone = Spans()
        """Slots of which entries were let go of."""
        self.gone_events = 0
        """Events let go of without a certificate."""
        self._keep = frozenset(keep)
        self._undecided: dict[int, list[Entry]] = {}
        self._count = 0
        self._sealed: dict[int, Sealed] = {}

    def add(self, sequence: int, payload: bytes, event: AnyEvent) -> None:
        """The log's next event, which is one of the chain."""
        slot = event.pos.slot
        entry = Entry(event.pos, event.id, sequence, hashlib.sha256(payload).digest())
        entries = self._undecided.get(slot)
        if entries is None:
            self._undecided[slot] = [entry]
        else:
            entries.append(entry)
        self._count += 1
        if self._count > UNDECIDED_EVENTS_MAX:
            self._let_go()

    def seal(self, certificate: SlotConfirmed) -> tuple[list[Entry], SlotConfirmed | None]:
        """The slot's entries up to here, sorted, and its earlier certificate if that is known."""
        slot = certificate.slot
        entries = self._undecided.pop(slot, [])
        self._count -= len(entries)
        earlier = self._sealed.pop(slot, None)
        if earlier is not None:
            entries += earlier.entries
        entries.sort()
        self._sealed[slot] = Sealed(certificate, entries)
        if len(self._sealed) - len(self._keep) > SEALED_SLOTS_MAX:
            for oldest in self._sealed:
                if oldest not in self._keep:
                    del self._sealed[oldest]
                    self.gone.add(oldest, oldest)
                    break
        return entries, None if earlier is None else earlier.certificate

    def take_back(self, slot: int) -> int | None:
        """Drop the slot's entries; how many there were, None if some had been let go of."""
        entries = self._undecided.pop(slot, [])
        self._count -= len(entries)
        dropped = len(entries)
        if (sealed := self._sealed.get(slot)) is not None:
            dropped += len(sealed.entries)
            self._sealed[slot] = Sealed(sealed.certificate, [])
        return None if slot in self.gone else dropped

    def undecided(self) -> Iterator[tuple[int, int]]:
        """Slots with events that no certificate covers, and how many."""
        for slot, entries in self._undecided.items():
            yield slot, len(entries)

    def _let_go(self) -> None:
        for oldest in self._undecided:
            if oldest not in self._keep:
                entries = self._undecided.pop(oldest)
                self._count -= len(entries)
                self.gone_events += len(entries)
                self.gone.add(oldest, oldest)
                return


def disagreements(certificate: SlotConfirmed, entries: Sequence[Entry]) -> list[str]:
    """What a certificate says of its events that the log does not; empty if all is right."""
    sequences = [entry.sequence for entry in entries]
    first, last = min(sequences, default=None), max(sequences, default=None)
    found = []
    if certificate.decoded != len(entries):
        found.append(f"it counts {certificate.decoded} events, the log holds {len(entries)}")
    if (certificate.first_sequence, certificate.last_sequence) != (first, last):
        found.append(
            f"its events are said to be from sequence {certificate.first_sequence} to "
            f"{certificate.last_sequence}, they are from {first} to {last}"
        )
    if certificate.events_digest != events_digest(entry.digest for entry in entries):
        found.append("the digest of its events is not that of the log's")
    return found


def transactions_agree(certificate: SlotConfirmed, entries: Sequence[Entry]) -> bool | None:
    """Whether the events' transactions give the certificate's digest; None if they cannot tell.

    They can where every successful transaction of ours has an event.
    """
    signatures = dict.fromkeys(
        entry.id.partition(":")[0] for entry in entries if entry.pos.tx != LAST_TX
    )
    if len(signatures) != certificate.ours - (certificate.failed or 0):
        return None
    try:
        in_bytes = [bytes(Signature.from_string(signature)) for signature in signatures]
    except ValueError:
        return False
    return transactions_digest(in_bytes) == certificate.transactions_digest
