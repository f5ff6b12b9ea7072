"""What a block says today beside what the log holds of it; pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from domain.certificate import payload_digest
from domain.chain import RawTransaction
from domain.events import AnyEvent, decode
from domain.log import Entry
from domain.position import LAST_TX
from ingest import transaction
from ingest.amend import Book, BookEntry, block_time_of, content_digest
from ingest.ledger import Held

BLOCK_TIME_OFF_S_MAX = 60
"""An event that was appended before its block was there, and does not say its time itself, has the
second at which it was sent."""


class Redecoded(msgspec.Struct):
    """A block's transactions decoded today."""

    slot: int
    blockhash: str
    entries: list[tuple[Entry, Held]]
    letters: int
    """How many dead letters come of it."""


class Compared(msgspec.Struct):
    """Where the log and today's decoder differ about a slot."""

    slot: int
    missing: list[tuple[Entry, Held]] = []
    """What the log lacks."""
    only_in_log: list[Held] = []
    changed: list[tuple[Entry, Held]] = []
    """What the log has in other words: today's entry, and what is held."""
    other_block: bool = False
    """Whether another block than this one was sealed for the slot; nothing else is compared."""

    @property
    def differs(self) -> bool:
        """Whether there is any difference."""
        return bool(self.missing or self.only_in_log or self.changed or self.other_block)


def redecoded(slot: int, blockhash: str, transactions: Sequence[RawTransaction]) -> Redecoded:
    """Decode a block's transactions."""
    found = Redecoded(slot, blockhash, [], 0)
    for tx in transactions:
        batch = transaction.entries(tx)
        found.letters += len(batch.dead)
        for entry, (event_id, pos) in zip(batch.entries, batch.places, strict=True):
            held = Held(event_id, pos, payload_digest(entry.payload))
            found.entries.append((entry, held))
    return found


def compared(block: Redecoded, book: Book) -> Compared:
    """Compare a block with what the log holds of its slot, which has its certificate."""
    certificate = book.certificate
    assert certificate is not None, "what is not sealed is not compared"
    result = Compared(block.slot)
    if certificate.blockhash != block.blockhash:
        result.other_block = True
        return result
    ids = set()
    for entry, held in block.entries:
        ids.add(held.id)
        known = book.events.get(held.id)
        if known is None:
            result.missing.append((entry, held))
        elif isinstance(known, BookEntry) and not _alike(entry.payload, known):
            result.changed.append((entry, known))
    for event_id, known in book.events.items():
        is_price = known.pos.tx == LAST_TX  # an account has no transaction
        if event_id not in ids and not is_price:
            result.only_in_log.append(known)
    return result


def changes(held: bytes, today: bytes) -> dict[str, tuple[Any, Any]]:
    """Field by field what the log says, and what the decoder says today."""
    ours, theirs = _plain(decode(held)), _plain(decode(today))
    found = {
        name: (ours.get(name), theirs.get(name))
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    }
    if _near(block_time_of(held), block_time_of(today)):
        found.pop("block_time_s", None)
    return found


def _alike(today: bytes, known: BookEntry) -> bool:
    return content_digest(today) == known.content and _near(
        block_time_of(today), known.block_time_s
    )


def _near(first_s: int, second_s: int) -> bool:
    return abs(first_s - second_s) <= BLOCK_TIME_OFF_S_MAX


def _plain(event: AnyEvent) -> dict[str, Any]:
    fields = msgspec.to_builtins(event)
    assert isinstance(fields, dict), "an event is an object"
    del fields["received_at_ns"]
    return fields
