"""Dead letters decoded once more, with what is known today; pure."""

from base64 import b64decode
from binascii import Error as NotBase64Error
from collections.abc import Iterable, Mapping

import msgspec

from domain.certificate import payload_digest
from domain.chain import RawTransaction
from domain.events import encode
from domain.log import Entry
from ingest import transaction
from ingest.amend import Book
from ingest.dead import DeadLetter
from ingest.ledger import Held
from ingest.sol_price import PriceAccountError, sol_priced
from ingest.wire import Reason

WHOLE: tuple[Reason, ...] = ("unreadable_transaction", "not_recorded")
"""Reasons that are about all of a transaction, and not about one event of it."""


class Read(msgspec.Struct):
    """What a letter says when it is read today."""

    letter: DeadLetter
    event_id: str | None = None
    """The event that it is now; None while there is none."""
    entries: list[tuple[Entry, Held]] = []
    """All events of its transaction."""
    letters: list[DeadLetter] = []
    """All that its transaction holds and still cannot be used."""
    resolved: bool = False
    why: str = ""
    """Where it is not resolved, why."""


def read_transaction(letter: DeadLetter, tx: RawTransaction) -> Read:
    """A letter whose transaction is there."""
    batch = transaction.entries(tx)
    letters = [msgspec.json.decode(each.payload, type=DeadLetter) for each in batch.dead]
    entries = [
        (entry, Held(event_id, pos, payload_digest(entry.payload)))
        for (event_id, pos), entry in zip(batch.places, batch.entries, strict=True)
    ]
    read = Read(letter, entries=entries, letters=letters)
    event_id = f"{letter.signature}:{letter.outer}.{letter.inner}"
    still = [each for each in letters if _place(each) == _place(letter)]
    if still:
        read.why = still[0].detail
    elif letter.reason in WHOLE:
        read.resolved = True
    elif any(event_id == held.id for _, held in entries):
        read.resolved, read.event_id = True, event_id
    else:
        read.why = "its transaction has nothing of ours at that place"
    return read


def read_account(letter: DeadLetter) -> Read:
    """A letter of an account that should hold a price."""
    account = letter.id.removeprefix("dead:").partition(":")[0]
    try:
        event = sol_priced(
            b64decode(letter.data, validate=True),
            account=account,
            owner=letter.program,
            slot=letter.slot,
            received_at_ns=letter.received_at_ns,
        )
    except (PriceAccountError, NotBase64Error) as error:
        return Read(letter, why=str(error))
    entry = Entry(subject=event.subject, id=event.id, payload=encode(event))
    held = Held(event.id, event.pos, payload_digest(entry.payload))
    return Read(letter, event.id, [(entry, held)], resolved=True)


def is_of_block(
    letter: DeadLetter,
    book: Book,
    of_slot: Iterable[DeadLetter],
    block: Mapping[str, int] | None,
) -> bool:
    """Whether a letter's transaction is proven to be in the block that was sealed for its slot.

    A transaction may have been seen on a fork as well, and what it did there never happened. It is
    proven by the block itself where `RAW` has it (`block`, places by signature), by another event
    of the transaction that counts, or by the certificate: all letters that it counts are in
    `DEAD`, so where there are no more of them than that, all of them are the block's.
    """
    if block is not None:
        return block.get(letter.signature) == letter.tx
    for held in book.events.values():
        if held.pos.tx == letter.tx and held.id.partition(":")[0] == letter.signature:
            return True
    certificate = book.certificate
    return certificate is not None and len({each.id for each in of_slot}) == certificate.unknown


def _place(letter: DeadLetter) -> tuple[str, int, int]:
    return letter.signature, letter.outer, letter.inner
