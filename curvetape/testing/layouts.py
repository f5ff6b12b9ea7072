"""Values for the programs' events: one fixed set for examples, and a strategy for all others."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st
from solders.pubkey import Pubkey

from ingest.layouts.layout import Layout, Version
from ingest.layouts.types import (
    Array,
    Bool,
    Bytes,
    Enum,
    Key,
    Number,
    Option,
    Record,
    Text,
    Type,
    Vec,
    Wide,
)

_RANGES = {
    "B": (0, 2**8 - 1),
    "H": (0, 2**16 - 1),
    "I": (0, 2**32 - 1),
    "Q": (0, 2**64 - 1),
    "i": (-(2**31), 2**31 - 1),
    "q": (-(2**63), 2**63 - 1),
}


_NUMBERS = {"timestamp": 1_792_857_598}


def address(name: str) -> str:
    """An address that is always the same for the name."""
    return str(Pubkey.from_bytes(sha256(name.encode()).digest()))


def values(layout: Layout, version: Version) -> st.SearchStrategy[dict[str, Any]]:
    """Values for all the fields of a version, as reading gives them back."""
    return st.fixed_dictionaries(
        {field.name: of_type(field.type) for field in layout.fields_of(version)}
    )


def of_type(kind: Type) -> st.SearchStrategy[Any]:
    """Values of a type, to its limits."""
    if isinstance(kind, Bool):
        return st.booleans()
    if isinstance(kind, Number):
        low, high = _RANGES[str(kind.code)]
        return st.integers(low, high)
    if isinstance(kind, Wide):
        low, high = (-(2**127), 2**127 - 1) if kind.signed else (0, 2**128 - 1)
        return st.integers(low, high)
    if isinstance(kind, Key | Bytes):
        return st.binary(min_size=kind.size_min, max_size=kind.size_min)
    if isinstance(kind, Text):
        return st.text(st.characters(codec="utf-8"), max_size=40)
    return _of_several(kind)


def _of_several(kind: Type) -> st.SearchStrategy[Any]:
    if isinstance(kind, Vec):
        return st.lists(of_type(kind.item), max_size=3)
    if isinstance(kind, Array):
        return st.lists(of_type(kind.item), min_size=kind.count, max_size=kind.count)
    if isinstance(kind, Option):
        return st.none() | of_type(kind.item)
    if isinstance(kind, Record):
        return st.tuples(*map(of_type, kind.fields.values()))
    assert isinstance(kind, Enum), f"{kind} is not a type that layouts are declared in"
    variants: list[st.SearchStrategy[Any]] = [
        st.tuples(st.just(name), st.none() if field is None else of_type(field))
        for name, field in kind.variants.items()
    ]
    return st.one_of(variants)


def example(layout: Layout, version: Version, **given: Any) -> Mapping[str, Any]:
    """Values for all the fields of a version, always the same: those given, else made up."""
    made = {field.name: _example(field.name, field.type) for field in layout.fields_of(version)}
    return made | given


def _example(name: str, kind: Type) -> Any:
    made: Any
    match kind:
        case Key():
            made = address(name)
        case Bytes():
            made = sha256(name.encode()).digest()[: kind.size_min]
        case Number() | Wide():
            # 1 stands for true as well.
            made = 1 if isinstance(kind, Bool) else _NUMBERS.get(name, len(name))
        case Text():
            made = f"a {name}"
        case Vec():
            made = [_example(name, kind.item)]
        case Array():
            made = [_example(f"{name} {number}", kind.item) for number in range(kind.count)]
        case Option():
            made = _example(name, kind.item)
        case Record():
            made = {field: _example(field, type_) for field, type_ in kind.fields.items()}
        case Enum():
            variant, field = next(iter(kind.variants.items()))
            made = (variant, None if field is None else _example(name, field))
    return made
