"""A log with certificates, made by hand: events, seals, retractions and gaps as in a real one."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import msgspec
from solders.signature import Signature

from domain.certificate import events_digest, payload_digest, sealed, transactions_digest
from domain.events import (
    AnyEvent,
    GapDetected,
    GapFilled,
    ProgramEvent,
    SlotAbandoned,
    SlotConfirmed,
    decode,
    encode,
)
from domain.position import LAST_INNER, LAST_OUTER, LAST_TX, Position

Message = tuple[int, bytes, AnyEvent]
"""A sequence, the event's bytes and the event."""


def blockhash(slot: int) -> str:
    """The made-up hash of a slot's block."""
    return f"block{slot}"


class CertifiedLog:
    """Messages in sequence; each slot is sealed behind the one that was sealed before."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._slots: dict[int, list[Message]] = {}
        self._revisions: dict[int, int] = {}
        self._attempts: dict[int, int] = {}
        self._last_slot: int | None = None
        self._head: str | None = None

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    def append(self, *events: AnyEvent) -> None:
        """Add events of the chain as provisional ones."""
        for event in events:
            message = self._add(msgspec.structs.replace(event, provisional=True))
            self._slots.setdefault(event.pos.slot, []).append(message)

    def add(self, event: AnyEvent) -> None:
        """Add an event that waits for no certificate."""
        self._add(event)

    def seal(
        self, slot: int, *, parent: int | None = None, quiet: int = 1, **fields: object
    ) -> SlotConfirmed:
        """Add the certificate of a slot whose parent is the one sealed last, or `parent`.

        `quiet` transactions of ours have no event, so that their digest is not known here. Other
        fields take the place of what is right.
        """
        parent = parent if parent is not None else (self._last_slot or slot - 1)
        held = sorted(self._slots.get(slot, []), key=lambda it: (it[2].pos, it[2].id))
        signatures = dict.fromkeys(
            it[2].signature for it in held if isinstance(it[2], ProgramEvent)
        )
        known = [] if quiet else [bytes(Signature.from_string(it)) for it in signatures]
        revision = self._revisions[slot] = self._revisions.get(slot, 0) + 1
        certificate = SlotConfirmed(
            id=f"slot:{slot}:confirmed:{revision}",
            pos=Position(slot, LAST_TX, LAST_OUTER, LAST_INNER),
            received_at_ns=slot * 400_000_000,
            slot=slot,
            parent_slot=parent,
            blockhash=blockhash(slot),
            parent_blockhash=blockhash(parent),
            executed=1_000,
            ours=len(signatures) + quiet + 2,
            failed=2,
            decoded=len(held),
            unknown=0,
            first_sequence=min((it[0] for it in held), default=None),
            last_sequence=max((it[0] for it in held), default=None),
            transactions_digest=transactions_digest(known),
            events_digest=events_digest(payload_digest(it[1]) for it in held),
            evidence="block",
            revision=revision,
            previous=self._head,
            hash="",
        )
        certificate = sealed(msgspec.structs.replace(certificate, **fields))
        self._add(certificate)
        self._head = certificate.hash
        self._last_slot = max(slot, self._last_slot or 0)
        return certificate

    def abandon(self, slot: int) -> None:
        """Take back the slot's events."""
        attempt = self._attempts[slot] = self._attempts.get(slot, 0) + 1
        self._add(
            SlotAbandoned(
                id=f"slot:{slot}:abandoned:{attempt}",
                pos=Position(slot, LAST_TX, LAST_OUTER, LAST_INNER),
                received_at_ns=1,
                slot=slot,
                attempt=attempt,
                retracted=len(self._slots.pop(slot, [])),
                reason="the confirmed chain passes over it",
            )
        )

    def gap(self, first: int, last: int) -> None:
        """Say that slots are not proven; the next seal follows the gap."""
        self._add(
            GapDetected(
                id=f"gap:{first}-{last}",
                pos=Position(first, 0, 0, 0),
                received_at_ns=1,
                from_slot=first,
                to_slot=last,
                reason="the source could not replay it",
            )
        )
        self._last_slot = last

    def fill(self, first: int, last: int) -> None:
        """Say that slots of a gap are proven now."""
        self._add(
            GapFilled(
                id=f"gap:{first}-{last}:filled",
                pos=Position(first, 0, 0, 0),
                received_at_ns=1,
                from_slot=first,
                to_slot=last,
                parent_blockhash=blockhash(first - 1),
                blockhash=blockhash(last),
            )
        )

    def _add(self, event: AnyEvent) -> Message:
        payload = encode(event)
        message = (len(self.messages) + 1, payload, decode(payload))
        self.messages.append(message)
        return message


def certified(events: Iterable[AnyEvent], *, quiet: int = 1) -> CertifiedLog:
    """Events in the chain's order as a log in which every slot has its certificate at once."""
    log = CertifiedLog()
    for slot, of_slot in groupby(events, key=lambda event: event.pos.slot):
        log.append(*of_slot)
        log.seal(slot, quiet=quiet)
    return log


def renumbered(messages: Iterable[Message]) -> list[Message]:
    """Messages as another log would hold them, in this order."""
    return [(number, payload, event) for number, (_, payload, event) in enumerate(messages, 1)]
