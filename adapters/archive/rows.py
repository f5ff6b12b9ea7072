"""From the log's messages to columns; what the columns would not give back keeps its bytes."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from adapters.archive.columns import ARROW, KINDS, POSITION, Field, Kind
from adapters.archive.lines import lines
from domain.events import AnyEvent, decode
from domain.log import Stored, UndecodableError

INTEGER_MIN = -(1 << 63)
INTEGER_MAX = (1 << 63) - 1
"""What a column of integers can hold; beyond it the event's own bytes are kept."""


def decoded(message: Stored) -> AnyEvent:
    """The message's event; raises `UndecodableError`."""
    try:
        return decode(message.payload)
    except msgspec.DecodeError as error:
        raise UndecodableError(message.sequence, message.payload, str(error)) from error


def tabled(messages: Sequence[Stored], events: Sequence[AnyEvent]) -> list[pa.Table]:
    """Messages and their events as tables, one for each kind; see `rows`."""
    by_kind: dict[str, tuple[list[Stored], list[AnyEvent]]] = {}
    for message, event in zip(messages, events, strict=True):
        of_kind = by_kind.setdefault(event.kind, ([], []))
        of_kind[0].append(message)
        of_kind[1].append(event)
    return [rows(tag, *of_kind) for tag, of_kind in by_kind.items()]


def rows(tag: str, messages: Sequence[Stored], events: Sequence[AnyEvent]) -> pa.Table:
    """Messages that are events of one kind, as a table of its columns of `columns.SCHEMA`.

    `counts` is not among them: it is decided later. Every row is proven to give its message back
    byte for byte, by its columns or by `payload`.
    """
    kind = KINDS[tag]
    columns: dict[str, pa.Array] = {
        "sequence": pa.array([it.sequence for it in messages], pa.int64()),
        "kind": pa.array([tag] * len(messages), pa.string()),
    }
    for name, part in zip(POSITION, ("slot", "tx", "outer", "inner"), strict=True):
        columns[name] = _integers([getattr(event.pos, part) for event in events])
    if kind.placed:
        columns["signature"] = pa.array([event.id.partition(":")[0] for event in events])
    else:
        columns["id"] = pa.array([event.id for event in events], pa.string())
    for field in kind.fields:
        if field.name not in columns:  # a slot's own event has its slot in `pos` as well
            columns[field.name] = _values(field, events)
    columns["payload"] = _differing(kind, columns, messages)
    return pa.table(columns)


def _differing(kind: Kind, columns: dict[str, pa.Array], messages: Sequence[Stored]) -> pa.Array:
    payloads = pa.array([it.payload for it in messages], pa.binary())
    made = lines(kind.tag, columns, len(messages)).cast(pa.binary())
    same = pc.fill_null(pc.equal(made, payloads), fill_value=False)
    if pc.all(same).as_py():
        return pa.nulls(len(messages), pa.binary())
    return pc.if_else(same, None, payloads)


def _values(field: Field, events: Sequence[AnyEvent]) -> pa.Array:
    values: Iterable[Any] = map(attrgetter(field.name), events)
    if field.form == "integer":
        return _integers(list(values))
    if field.form == "json":
        values = [
            None if value == field.default else msgspec.json.encode(value).decode()
            for value in values
        ]
    return pa.array(values, ARROW[field.form])


def _integers(values: list[int | None]) -> pa.Array:
    try:
        return pa.array(values, pa.int64())
    except OverflowError:
        fitting = [
            it if it is not None and INTEGER_MIN <= it <= INTEGER_MAX else None for it in values
        ]
        return pa.array(fitting, pa.int64())
