"""From columns back to events as the log holds them, byte for byte, many at a time."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from adapters.archive.columns import KINDS, POSITION, Field

_EMPTY = pa.scalar("")


class _Joined:
    """Pieces of a text, row by row; what is the same in all rows is one piece."""

    def __init__(self) -> None:
        self._parts: list[Any] = []
        self._literal = ""

    def text(self, literal: str) -> None:
        """Add the same text to each row."""
        self._literal += literal

    def column(self, values: Any) -> None:
        """Add an array of texts; null adds nothing to its row, and no array nothing to any."""
        if values is not None:
            self._flush()
            self._parts.append(values)

    def done(self, rows: int) -> pa.Array:
        """All of it, as one text for each row."""
        self._flush()
        if not any(isinstance(part, pa.Array) for part in self._parts):
            self._parts.insert(0, pa.array([""] * rows, pa.string()))
        return pc.binary_join_element_wise(*self._parts, _EMPTY, null_handling="skip")

    def _flush(self) -> None:
        if self._literal:
            self._parts.append(pa.scalar(self._literal))
            self._literal = ""


def lines(tag: str, columns: Mapping[str, pa.Array], rows: int, *, end: str = "") -> pa.Array:
    """Events of one kind as JSON texts, made from their columns and from no payload.

    A column that is missing is null in every row. Behind each text is `end`, as a newline.

    A text that has to be escaped in JSON comes out wrong: who stores columns compares.
    """
    kind = KINDS[tag]
    joined = _Joined()
    joined.text(f'{{"kind":"{tag}","id":"')
    places = [columns[name].cast(pa.string()) for name in POSITION]
    if kind.placed:
        joined.column(columns.get("signature"))
        joined.text(":")
        joined.column(places[2])
        joined.text(".")
        joined.column(places[3])
    else:
        joined.column(columns.get("id"))
    joined.text('","pos":[')
    for number, place in enumerate(places):
        joined.text("," if number else "")
        joined.column(place)
    joined.text("]")
    for field in kind.fields:
        if (values := columns.get(field.name)) is not None:
            _add(joined, field, values)
    joined.text("}" + end)
    return joined.done(rows)


def _add(joined: _Joined, field: Field, values: pa.Array) -> None:
    if values.null_count == len(values):
        return
    quote = '"' if field.form == "text" else ""
    start = f',"{field.name}":{quote}'
    if field.form in ("integer", "boolean") and not values.null_count:
        extremes = pc.min_max(values)
        low, high = extremes["min"].as_py(), extremes["max"].as_py()
        if low == high:
            if low != field.default or isinstance(low, bool) != isinstance(field.default, bool):
                joined.text(start + (str(low).lower() if isinstance(low, bool) else str(low)))
            return
    if field.default not in (msgspec.NODEFAULT, None, ()):
        values = pc.if_else(pc.equal(values, field.default), None, values)
    if field.form == "boolean":
        joined.column(pc.if_else(values, f"{start}true", f"{start}false"))
        return
    texts = values.cast(pa.string()) if field.form == "integer" else values
    if not texts.null_count:
        joined.text(start)
        joined.column(texts)
        joined.text(quote)
    else:
        joined.column(
            pc.binary_join_element_wise(start, texts, quote, "", null_handling="emit_null")
        )
