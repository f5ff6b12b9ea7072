"""Certificates as they are made: one behind the other, each with the hash of the one before."""

from collections.abc import Sequence

from domain.certificate import events_digest, sealed, transactions_digest
from domain.events import GapDetected, GapFilled, SlotAbandoned, SlotConfirmed, encode
from domain.log import Entry, LogError
from domain.position import LAST_INNER, LAST_OUTER, LAST_TX, Position
from ingest.ledger import SlotPage
from ingest.recovery import Certified
from ingest.slots import GapClosed, GapOpened, Sealed

AMENDED_SLOTS_MAX = 10_000
"""Slots amended by others that are remembered, so that their certificates are not revised here."""


class AmendedError(LogError):
    """A slot was amended by another writer, and ingest has another revision of it."""

    def __init__(self, slot: int) -> None:
        super().__init__(
            f"slot {slot} was amended by another writer while this ingest revised it; "
            "start ingest again"
        )
        self.slot = slot


class Certificates:
    """Makes the next certificate, and knows the last one that the log holds."""

    def __init__(self, last: Certified | None) -> None:
        self._last = last
        self._previous = None if last is None else last.hash
        self._amended: dict[int, None] = {}

    def make(self, seal: Sealed, page: SlotPage, *, received_at_ns: int) -> SlotConfirmed:
        """The certificate of a block all of whose events are in the log, as the page says."""
        meta, proof = seal.block.meta, seal.proof
        if meta.slot in self._amended:
            raise AmendedError(meta.slot)
        events = page.events()
        sequences = [held.sequence for held in events if held.sequence is not None]
        assert len(sequences) == len(events), "a certificate comes after all that it covers"
        certificate = sealed(
            SlotConfirmed(
                id=certificate_id(meta.slot, seal.revision),
                pos=Position(meta.slot, LAST_TX, LAST_OUTER, LAST_INNER),
                received_at_ns=received_at_ns,
                slot=meta.slot,
                parent_slot=meta.parent_slot,
                blockhash=meta.blockhash,
                parent_blockhash=meta.parent_blockhash,
                block_time_s=meta.block_time_s,
                executed=meta.executed_transaction_count,
                ours=proof.ours,
                failed=proof.failed,
                decoded=len(events),
                unknown=page.letters,
                first_sequence=min(sequences, default=None),
                last_sequence=max(sequences, default=None),
                transactions_digest=transactions_digest(proof.signatures),
                events_digest=events_digest(held.digest for held in events),
                evidence=seal.block.evidence,
                revision=seal.revision,
                previous=self._previous,
                hash="",
            )
        )
        self._previous = certificate.hash
        return certificate

    def entries(self, made: list[SlotConfirmed]) -> list[Entry]:
        """Certificates made in a row as they are appended together, behind the log's last."""
        follows: int | None = 0 if self._last is None else self._last.sequence
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
            follows = None  # the first one speaks for those behind it: no batch may say it twice
        return entries

    @property
    def sequence(self) -> int:
        """Where the log holds the last certificate that is known here; 0 for none."""
        return 0 if self._last is None else self._last.sequence

    def stand_behind(self, others: Sequence[tuple[int, SlotConfirmed]]) -> bool:
        """Go on behind certificates that another writer has added, with their sequences.

        False if they are not amendments, see `ingest.amend`, and so another ingest's.
        """
        if not others or any(certificate.revision == 1 for _, certificate in others):
            return False
        for sequence, certificate in others:
            self._last = Certified(certificate.hash, sequence, certificate.slot)
            self._previous = certificate.hash
            self._amended[certificate.slot] = None
        while len(self._amended) > AMENDED_SLOTS_MAX:
            del self._amended[next(iter(self._amended))]
        return True

    def appended(self, certificate: SlotConfirmed, sequence: int) -> None:
        """Note the last one that is in the log now."""
        self._last = Certified(certificate.hash, sequence, certificate.slot)


def certificate_id(slot: int, revision: int) -> str:
    """What the log knows a certificate by."""
    return f"slot:{slot}:confirmed" + (f":{revision}" if revision > 1 else "")


def taken_back(
    slot: int, page: SlotPage, reason: str, retracted: int, *, received_at_ns: int
) -> Entry:
    """The event that takes back what a page lists, so many events of it as the log holds."""
    attempt = page.attempt + 1
    event = SlotAbandoned(
        id=f"slot:{slot}:abandoned:{attempt}",
        pos=Position(slot, LAST_TX, LAST_OUTER, LAST_INNER),
        received_at_ns=received_at_ns,
        slot=slot,
        attempt=attempt,
        retracted=retracted,
        reason=reason,
    )
    return Entry(subject=event.subject, id=event.id, payload=encode(event))


def gap_opened(gap: GapOpened, *, received_at_ns: int) -> Entry:
    """The event that says which slots could not be proven in time."""
    first, last = gap.start.slot + 1, gap.until.slot
    event = GapDetected(
        id=f"gap:{first}-{last}",
        pos=Position(first, 0, 0, 0),
        received_at_ns=received_at_ns,
        from_slot=first,
        to_slot=last,
        reason=gap.reason,
        parent_blockhash=gap.start.blockhash,
        blockhash=gap.until.blockhash,
    )
    return Entry(subject=event.subject, id=event.id, payload=encode(event))


def gap_closed(gap: GapClosed, *, received_at_ns: int) -> Entry:
    """The event that says which slots of a gap are proven now."""
    first, last = gap.start.slot + 1, gap.until.slot
    event = GapFilled(
        id=f"gap:{first}-{last}:filled",
        pos=Position(first, 0, 0, 0),
        received_at_ns=received_at_ns,
        from_slot=first,
        to_slot=last,
        parent_blockhash=gap.start.blockhash or "",
        blockhash=gap.until.blockhash or "",
    )
    return Entry(subject=event.subject, id=event.id, payload=encode(event))
