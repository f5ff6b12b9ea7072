"""Dead letters as they are looked at: those of ingest whole, others as far as they can be read."""

from base64 import b64decode
from binascii import Error as NotBase64Error
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from adapters.jetstream.connection import Connection
from adapters.jetstream.letters import STREAM, SUBJECTS
from adapters.jetstream.reader import JetStreamLog
from adapters.yellowstone import frames
from adapters.yellowstone.wire import geyser_pb2
from domain.chain import RawTransaction
from ingest.dead import DeadLetter

BATCH_MAX = 500


class Filed(msgspec.Struct):
    """A letter in its place."""

    sequence: int
    fields: dict[str, Any]
    """All that it says; empty where it is not a JSON object."""
    letter: DeadLetter | None
    """The same, if it is one of ingest's that is known here."""

    @property
    def id(self) -> str:
        """What to call it by; `#` and its sequence where it says no id."""
        own = self.fields.get("id")
        return own if isinstance(own, str) and own else f"#{self.sequence}"

    @property
    def slot(self) -> int | None:
        """Its slot, if it says one."""
        slot = self.fields.get("slot")
        return slot if isinstance(slot, int) else None

    def is_called(self, text: str) -> bool:
        """Whether a person can mean it by this: its id, its sequence, or a whole signature."""
        return text in (self.id, f"#{self.sequence}", self.fields.get("signature") or self.id)


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters are meant; what is not given leaves none out."""

    ids: frozenset[str] = frozenset()
    reason: str | None = None
    program: str | None = None
    slots: tuple[int, int] | None = None
    """The first and the last."""

    def takes(self, filed: Filed) -> bool:
        """Whether a letter is meant."""
        fields, slot = filed.fields, filed.slot
        if self.ids and not any(map(filed.is_called, self.ids)):
            return False
        if self.reason is not None and fields.get("reason") != self.reason:
            return False
        if self.program is not None and fields.get("program") != self.program:
            return False
        return self.slots is None or (slot is not None and self.slots[0] <= slot <= self.slots[1])


class UnreadableLetterError(Exception):
    """A letter whose transaction cannot be read back."""


async def filed(connection: Connection) -> AsyncIterator[Filed]:
    """All letters in the order in which they came; raises `LogError`."""
    log = JetStreamLog(connection, stream=STREAM)
    async for batch in log.read_stored(
        after=0, batch_max=BATCH_MAX, follow=False, subjects=SUBJECTS
    ):
        for stored in batch:
            yield read(stored.sequence, stored.payload)


def read(sequence: int, payload: bytes) -> Filed:
    """A letter from its payload, whatever that is."""
    try:
        fields = msgspec.json.decode(payload)
    except msgspec.DecodeError:
        fields = None
    try:
        letter = msgspec.json.decode(payload, type=DeadLetter)
    except msgspec.DecodeError:
        letter = None
    return Filed(sequence, fields if isinstance(fields, dict) else {}, letter)


def transaction_of(letter: DeadLetter) -> RawTransaction | None:
    """The transaction that a letter holds, None where it holds none; `UnreadableLetterError`."""
    if not letter.transaction:
        return None
    try:
        encoded = b64decode(letter.transaction, validate=True)
        info = geyser_pb2.SubscribeUpdateTransactionInfo.FromString(encoded)
    except (NotBase64Error, DecodeError) as error:
        raise UnreadableLetterError(f"its transaction cannot be read: {error}") from error
    return frames.transaction(
        info,
        slot=letter.slot,
        block_time_s=letter.block_time_s or 0,
        received_at_ns=letter.received_at_ns,
    )
