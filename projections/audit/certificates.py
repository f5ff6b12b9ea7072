"""Whether the log holds all that its certificates say, and a certificate for every slot.

Walks the log once, in sequence, over its very bytes. Memory is bounded; what would need more is
named in `again`, and a second walk that keeps those slots can tell.
"""

import hashlib
from collections import Counter
from collections.abc import Collection

from domain.events import (
    AnyEvent,
    GapDetected,
    GapFilled,
    ProgramEvent,
    SlotAbandoned,
    SlotConfirmed,
    SolPriced,
)
from projections.audit.runs import Runs
from projections.audit.slot_entries import SlotEntries, disagreements, transactions_agree
from projections.audit.slot_report import Problem, SlotReport
from projections.audit.spans import Spans

PROBLEMS_KEPT_MAX = 1_000
"""Problems that a report describes; all are counted."""
AGAIN_SLOTS_MAX = 10_000
"""Slots that a second walk is asked to keep."""


class Certificates:
    """Walks the log's messages in sequence; `report` may be asked for at any point."""

    def __init__(self, *, from_slot: int = 0, keep: Collection[int] = ()) -> None:
        self.again: set[int] = set()
        """Slots that a second walk has to keep to tell all about them."""
        self._from_slot = from_slot
        self._entries = SlotEntries(keep)
        self._runs = Runs()
        self._gaps = Spans()
        self._sealed = Spans()
        self._revoked: set[int] = set()
        self._first_sequence: int | None = None
        self._sequence = 0
        self._head: str | None = None
        self._counts: Counter[str] = Counter()
        self._problems: list[Problem] = []
        self._problem_count = 0

    def take(self, sequence: int, payload: bytes, event: AnyEvent) -> None:
        """The log's next message, and the event that it is."""
        self._follow(sequence)
        if isinstance(event, (ProgramEvent, SolPriced)):
            if event.pos.slot >= self._from_slot:
                self._counts["events"] += 1
                self._entries.add(sequence, payload, event)
        elif isinstance(event, SlotConfirmed):
            self._confirmed(sequence, payload, event)
        elif isinstance(event, SlotAbandoned):
            self._abandoned(sequence, event)
        elif isinstance(event, GapDetected):
            self._gaps.add(max(event.from_slot, self._from_slot), event.to_slot)
        elif isinstance(event, GapFilled):
            self._gaps.remove(event.from_slot, event.to_slot)

    def unreadable(self, sequence: int, reason: str) -> None:
        """The log's next message, which is no event that is known."""
        self._follow(sequence)
        self._wrong(sequence, None, f"it is no event known here: {reason}")

    def missing(self, sequence: int, following: int) -> None:
        """The log has no message here; the next one that it has is `following`."""
        self._wrong(sequence, None, f"the log goes on with sequence {following}: some are missing")

    def report(self) -> SlotReport:
        """What was found so far."""
        problems = list(self._problems)
        misfits = self._runs.misfits()
        problems += [Problem(*misfit) for misfit in misfits]
        problem_count = self._problem_count + len(misfits)
        holes = self._runs.unproven()
        for first, last in self._gaps:
            holes.remove(first, last)
        places = self._places()
        unproven = (
            not self._counts["certificates"]
            or len(self._gaps)
            or len(holes)
            or places["undecided"]
            or places["before"]
            or self._revoked
            or self._counts["not_checked"]
        )
        counts = self._counts
        return SlotReport(
            verdict="damaged" if problem_count else "incomplete" if unproven else "complete",
            first_sequence=self._first_sequence,
            last_sequence=self._sequence or None,
            events=counts["events"],
            certificates=counts["certificates"],
            revisions=counts["revisions"],
            slots=counts["slots"],
            first_slot=self._runs.first_slot,
            last_slot=self._runs.last_slot,
            executed=counts["executed"],
            ours=counts["ours"],
            failed=counts["failed"],
            unknown=counts["unknown"],
            digests_checked=counts["digests_checked"],
            transactions_checked=counts["transactions_checked"],
            retracted=counts["retracted"],
            gaps=tuple(self._gaps),
            holes=tuple(holes),
            not_final=places["not_final"],
            undecided=places["undecided"],
            before_certificates=places["before"],
            revoked=tuple(sorted(self._revoked)),
            not_checked=counts["not_checked"],
            problem_count=problem_count,
            problems=tuple(problems[:PROBLEMS_KEPT_MAX]),
            head=self._head,
        )

    def _places(self) -> Counter[str]:
        """How many events that no certificate covers lie where."""
        first, last = self._runs.first_slot, self._runs.last_slot
        places: Counter[str] = Counter(before=self._entries.gone_events)
        for slot, count in self._entries.undecided():
            if last is None or slot > last or (slot == last and slot in self._sealed):
                places["not_final"] += count
            elif first is not None and slot < first:
                places["before"] += count
            elif slot not in self._gaps:
                places["undecided"] += count
        return places

    def _follow(self, sequence: int) -> None:
        if self._first_sequence is None:
            self._first_sequence = sequence
        elif sequence != self._sequence + 1:
            self._wrong(sequence, None, f"it follows sequence {self._sequence}: some are missing")
        self._sequence = sequence

    def _confirmed(self, sequence: int, payload: bytes, certificate: SlotConfirmed) -> None:
        slot, counts = certificate.slot, self._counts
        self._link(sequence, payload, certificate)
        if slot < self._from_slot:
            return
        counts["certificates"] += 1
        gone = slot in self._entries.gone
        entries, earlier = self._entries.seal(certificate)
        if slot in self._sealed:
            counts["revisions"] += 1
            if earlier is not None:
                self._replace(sequence, earlier, certificate)
            else:
                gone = True
        else:
            self._sealed.add(slot, slot)
            if (wrong := self._runs.add(sequence, certificate)) is not None:
                self._wrong(sequence, slot, wrong)
            self._total(certificate, 1)
        self._revoked.discard(slot)
        if gone:
            self._ask_again(slot)
            return
        counts["digests_checked"] += 1
        for wrong in disagreements(certificate, entries):
            self._wrong(sequence, slot, wrong)
        agree = transactions_agree(certificate, entries)
        counts["transactions_checked"] += agree is not None
        if agree is False:
            self._wrong(sequence, slot, "the digest of its transactions is not that of its events'")

    def _link(self, sequence: int, payload: bytes, certificate: SlotConfirmed) -> None:
        """Check the certificate's own hash, over the log's bytes, and that of the one before."""
        own = f'"hash":"{certificate.hash}"'.encode()
        if hashlib.sha256(payload.replace(own, b'"hash":""')).hexdigest() != certificate.hash:
            self._wrong(sequence, certificate.slot, "its hash is not that of what it says")
        begins = self._head is None and self._first_sequence != 1
        if certificate.previous != self._head and not begins:
            self._wrong(
                sequence, certificate.slot, "it does not name the certificate before it in the log"
            )
        self._head = certificate.hash

    def _replace(self, sequence: int, earlier: SlotConfirmed, later: SlotConfirmed) -> None:
        if later.revision <= earlier.revision:
            self._wrong(
                sequence,
                later.slot,
                f"revision {later.revision} comes after revision {earlier.revision}",
            )
        if _block(later) != _block(earlier):
            self._wrong(
                sequence, later.slot, "it names another block than the one that it replaces"
            )
        self._total(earlier, -1)
        self._total(later, 1)

    def _total(self, certificate: SlotConfirmed, sign: int) -> None:
        counts = self._counts
        counts["slots"] += sign
        counts["executed"] += sign * certificate.executed
        counts["ours"] += sign * certificate.ours
        counts["failed"] += sign * (certificate.failed or 0)
        counts["unknown"] += sign * certificate.unknown

    def _abandoned(self, sequence: int, event: SlotAbandoned) -> None:
        if event.slot < self._from_slot:
            return
        dropped = self._entries.take_back(event.slot)
        self._counts["retracted"] += event.retracted
        if event.slot in self._sealed:
            self._revoked.add(event.slot)
        if dropped is not None and dropped != event.retracted:
            self._wrong(
                sequence,
                event.slot,
                f"it takes back {event.retracted} events, the log holds {dropped}",
            )

    def _ask_again(self, slot: int) -> None:
        self._counts["not_checked"] += 1
        if len(self.again) < AGAIN_SLOTS_MAX:
            self.again.add(slot)

    def _wrong(self, sequence: int, slot: int | None, what: str) -> None:
        self._problem_count += 1
        if len(self._problems) < PROBLEMS_KEPT_MAX:
            self._problems.append(Problem(sequence, slot, what))


def _block(certificate: SlotConfirmed) -> tuple[int, int, str, str]:
    return (
        certificate.slot,
        certificate.parent_slot,
        certificate.blockhash,
        certificate.parent_blockhash,
    )
