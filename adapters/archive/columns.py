"""The segments' columns: which exist, of which type, and which of them make up an event."""

import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec
import pyarrow as pa

from domain.events import AnyEvent, ProgramEvent

SCHEMA_VERSION = 1
"""Raised whenever the same events would be stored in other columns."""

Form: TypeAlias = Literal["integer", "boolean", "text", "json"]
"""How a field is stored; `json` is text that holds the field's value as the log has it."""

ARROW: Mapping[Form, pa.DataType] = {
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
    "json": pa.string(),
}

POSITION = ("slot", "tx_index", "outer_index", "inner_index")
"""The columns of an event's `pos`, in its order."""


class Field(msgspec.Struct, frozen=True):
    """A field of an event and the column of the same name."""

    name: str
    form: Form
    default: object
    """What stands for a field that the JSON leaves out; `msgspec.NODEFAULT` where none can be."""


class Kind(msgspec.Struct, frozen=True):
    """An event's kind, with its fields in the order in which they are written."""

    tag: str
    cls: type[Any]
    placed: bool
    """Whether its id is a signature and the indexes of an instruction."""
    fields: Sequence[Field]
    """All but `id` and `pos`, which are stored in columns of their own."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns that an event of the kind is made of."""
        names = (*POSITION, "signature" if self.placed else "id", *(it.name for it in self.fields))
        return list(dict.fromkeys(names))


def _form(hint: Any) -> tuple[Form, bool]:
    """How values of a type are stored, and whether None is one of them."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        parts = [part for part in get_args(hint) if part is not type(None)]
        if len(parts) == 1:
            return _form(parts[0])[0], True
    if origin is Literal:
        return "text", False
    if hint is int:
        return "integer", False
    if hint is bool:
        return "boolean", False
    return ("text" if hint is str else "json"), False


def _kind(cls: type[Any]) -> Kind:
    hints = get_type_hints(cls)
    fields = [
        Field(each.name, _form(hints[each.name])[0], _default(each))
        for each in msgspec.structs.fields(cls)
        if each.name not in ("id", "pos")
    ]
    return Kind(cls.__struct_config__.tag, cls, issubclass(cls, ProgramEvent), fields)


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


KINDS: Mapping[str, Kind] = {kind.tag: kind for kind in map(_kind, get_args(AnyEvent))}
"""Every kind that the log can hold, by its tag."""


def _columns() -> dict[str, pa.DataType]:
    columns = {
        "sequence": pa.int64(),
        "kind": pa.string(),
        "counts": pa.bool_(),
        "signature": pa.string(),
        "id": pa.string(),
        **dict.fromkeys(POSITION, pa.int64()),
    }
    for kind in KINDS.values():
        for field in kind.fields:
            known = columns.setdefault(field.name, ARROW[field.form])
            assert known == ARROW[field.form], f"{field.name} is stored in two types"
    return columns | {"payload": pa.binary()}


SCHEMA: pa.Schema = pa.schema(list(_columns().items()))
"""All columns of a segment, of all kinds; what an event does not have is null.

`sequence` is the log's, `counts` says whether the event happened as far as the log knew when it
was sealed, `signature` is that of a program's event and `id` that of any other. `payload` holds
the event byte for byte where the other columns would not give it back exactly, and is null
otherwise.
"""

LOW_CARDINALITY = frozenset(name for name, dtype in _columns().items() if dtype == pa.string()) - {
    "signature",
    "id",
    "hash",
    "previous",
    "blockhash",
    "parent_blockhash",
}
