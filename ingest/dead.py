"""What could not be used, kept so that it can be tried again after a fix."""

from base64 import b64encode

import msgspec

from domain.log import Entry
from ingest.wire import Reason, Source

DECODE_SUBJECT_ROOT = "dead.decode"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Something of our programs in a landed transaction that did not become an event.

    `id` is that of the event it would have become, marked as dead.
    """

    id: str
    reason: Reason
    detail: str
    program: str
    event: str | None = None
    """The event's name where it is known."""
    signature: str
    slot: int
    tx: int
    """The transaction's index in its block."""
    outer: int
    inner: int
    source: Source
    data: str
    """Base64 of the event from its discriminator on, or of the log line."""
    received_at_ns: int

    @property
    def subject(self) -> str:
        """The subject that the letter is logged under, ending in the program."""
        return f"{DECODE_SUBJECT_ROOT}.{self.program}"


def dead_id(signature: str, outer: int, inner: int) -> str:
    """The id of the letter for a place in a transaction."""
    return f"dead:{signature}:{outer}.{inner}"


def text(data: bytes) -> str:
    """Bytes as a letter holds them."""
    return b64encode(data).decode("ascii")


def entry(letter: DeadLetter) -> Entry:
    """The letter as it is appended."""
    return Entry(subject=letter.subject, id=letter.id, payload=msgspec.json.encode(letter))
