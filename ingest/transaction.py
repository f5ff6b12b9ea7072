"""A landed transaction to what is appended for it: the decoder's one way in."""

import msgspec

from domain.chain import RawTransaction, UnreadableError
from domain.events import AnyProgramEvent, encode
from domain.log import Entry
from domain.position import LAST_INNER, LAST_OUTER, LAST_SLOT, LAST_TX, Position
from ingest import dead
from ingest.context import Context
from ingest.decode import decode
from ingest.pool_events import MintsUnknownError
from ingest.translate import translate
from ingest.wire import Reason, Undecoded, WireEvent


class Batch(msgspec.Struct, gc=False):
    """What a transaction becomes, and the counts that say what the decoder did not know."""

    entries: list[Entry]
    """Events for the chain's stream, in the chain's order."""
    dead: list[Entry]
    """Dead letters, for the stream of their own."""
    places: list[tuple[str, Position]] = []
    """Each event's own id and place."""
    decoded: int = 0
    """Events that were read, whether or not they could be translated."""
    unknown: int = 0
    """Events of our programs that no layout is known for."""
    failed: int = 0
    """1 for a transaction that failed, and so says nothing."""
    unknown_tails: int = 0
    """Events with bytes behind the longest layout known."""
    tails: dict[str, int] = {}
    """The same by event and version, as in `TradeEvent T9`."""


class Translated(msgspec.Struct, frozen=True):
    """A transaction's events as facts of the domain, and what became none."""

    events: list[AnyProgramEvent]
    letters: list[dead.DeadLetter]
    wire: list[WireEvent]


def entries(tx: RawTransaction) -> Batch:
    """The events of our programs as log entries, and dead letters for what is not one."""
    if tx.failed:
        return Batch([], [], failed=1)
    try:
        found = translated(tx)
    except UnreadableError as error:
        return Batch([], [dead.entry(dead.unreadable(tx, str(error)))])
    batch = Batch([], [], decoded=len(found.wire))
    for fact in found.events:
        batch.entries.append(Entry(subject=fact.subject, id=fact.id, payload=encode(fact)))
        batch.places.append((fact.id, fact.pos))
    for letter in found.letters:
        batch.dead.append(dead.entry(letter))
        batch.unknown += letter.reason == "unknown_event"
    for event in found.wire:
        if event.end != len(event.data):
            batch.unknown_tails += 1
            kind = f"{event.layout.name} {event.version.label}"
            batch.tails[kind] = batch.tails.get(kind, 0) + 1
    return batch


def translated(tx: RawTransaction) -> Translated:
    """The transaction's events as facts, in the chain's order."""
    decoded = decode(tx)
    result = Translated([], [], decoded.events)
    if not decoded.events and not decoded.undecoded:
        return result
    context = Context(tx, decoded.events)
    for undecoded in decoded.undecoded:
        result.letters.append(_letter(context, undecoded))
    fits = tx.index <= LAST_TX and tx.slot <= LAST_SLOT
    for event in decoded.events:
        place = event.place
        if not fits or place.outer > LAST_OUTER or place.inner > LAST_INNER:
            detail = "the indexes are beyond what a transaction can have"
            result.letters.append(_untranslated(context, event, "place_out_of_range", detail))
            continue
        try:
            result.events.append(translate(context, event))
        except MintsUnknownError as error:
            result.letters.append(_untranslated(context, event, "mints_unknown", str(error)))
    return result


def _untranslated(
    context: Context, event: WireEvent, reason: Reason, detail: str
) -> dead.DeadLetter:
    data = event.data[event.start :]
    undecoded = Undecoded(event.layout.program, reason, detail, data, event.place)
    return _letter(context, undecoded, event.layout.name)


def _letter(context: Context, undecoded: Undecoded, name: str | None = None) -> dead.DeadLetter:
    tx, place = context.tx, undecoded.place
    return dead.DeadLetter(
        id=dead.dead_id(context.signature, place.outer, place.inner, slot=tx.slot, tx=tx.index),
        reason=undecoded.reason,
        detail=undecoded.detail,
        program=undecoded.program,
        event=name,
        signature=context.signature,
        slot=tx.slot,
        tx=tx.index,
        outer=place.outer,
        inner=place.inner,
        source=place.source,
        data=dead.text(undecoded.data),
        transaction=dead.text(tx.details.encoded()),
        block_time_s=tx.block_time_s,
        received_at_ns=tx.received_at_ns,
    )
