"""What could not be used, kept so that it can be tried again after a fix."""

from base64 import b64encode

import msgspec

from domain.chain import AccountWritten, RawTransaction
from domain.log import Entry
from domain.position import LAST_INNER, LAST_OUTER
from domain.programs import PROGRAMS
from ingest.context import signature_text
from ingest.wire import Reason, Source

DECODE_SUBJECT_ROOT = "dead.decode"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Something that concerns us and did not become an event.

    `id` is that of the event it would have become, marked as dead, with the block that it was seen
    in; letters from before that was noted do not name one. Fields that say where in a
    transaction it stood are empty for what was in none.
    """

    id: str
    reason: Reason
    detail: str
    program: str
    event: str | None = None
    """The event's name where it is known."""
    signature: str = ""
    slot: int
    tx: int = 0
    """The transaction's index in its block."""
    outer: int = 0
    inner: int = 0
    source: Source
    data: str
    """Base64 of the event from its discriminator on, of the log line, or of the account."""
    transaction: str = ""
    """Base64 of the whole transaction, a `SubscribeUpdateTransactionInfo`: all that decoding may
    need when it is tried again. Letters from before it was kept do not have it."""
    block_time_s: int | None = None
    received_at_ns: int

    @property
    def subject(self) -> str:
        """The subject that the letter is logged under, ending in the program."""
        return f"{DECODE_SUBJECT_ROOT}.{self.program}"


def dead_id(signature: str, outer: int, inner: int, *, slot: int, tx: int) -> str:
    """The id of the letter for a place in a transaction, in one block.

    A transaction can be seen on a fork and land in another slot or at another index. Each has a
    letter of its own, since only one of them happened.
    """
    return f"dead:{signature}:{outer}.{inner}@{slot}.{tx}"


def unreadable(tx: RawTransaction, detail: str) -> DeadLetter:
    """The letter for a transaction that is damaged in a part that was read late."""
    signature = signature_text(tx.signature)
    return DeadLetter(
        id=dead_id(signature, LAST_OUTER, LAST_INNER, slot=tx.slot, tx=tx.index),
        reason="unreadable_transaction",
        detail=detail,
        program=PROGRAMS[0],
        signature=signature,
        slot=tx.slot,
        tx=tx.index,
        outer=LAST_OUTER,
        inner=LAST_INNER,
        source="log",
        data="",
        transaction=text(tx.details.encoded()),
        block_time_s=tx.block_time_s,
        received_at_ns=tx.received_at_ns,
    )


def unreadable_account(written: AccountWritten, detail: str) -> DeadLetter:
    """The letter for an account that should have held a price."""
    return DeadLetter(
        id=f"dead:{written.account}:{written.slot}",
        reason="unreadable_account",
        detail=detail,
        program=written.owner,
        slot=written.slot,
        source="account",
        data=text(written.data),
        received_at_ns=written.received_at_ns,
    )


def text(data: bytes) -> str:
    """Bytes as a letter holds them."""
    return b64encode(data).decode("ascii")


def entry(letter: DeadLetter) -> Entry:
    """The letter as it is appended."""
    return Entry(subject=letter.subject, id=letter.id, payload=msgspec.json.encode(letter))
