"""The text that layouts are declared in.

A line at the margin starts an event or account with its name and discriminator, or names a type
(`type Fees {lp_fee_bps u64, ...}`). An indented line starts a version of it with a label and the
fields that the version appended; what is indented deeper goes on with the line before.
Types: u8 u16 u32 u64 u128 i32 i64 i128 bool pk string, [type;count] ([u8;count] is bytes),
vec<type>, option<type>, {name type, ...}, enum<Name|Name(type)|...>.
"""

import re
from collections.abc import Iterator

from ingest.layouts.layout import Field, Layout, Version
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

_SIMPLE: dict[str, Type] = {
    "u8": Number("B"),
    "u16": Number("H"),
    "u32": Number("I"),
    "u64": Number("Q"),
    "u128": Wide(signed=False),
    "i32": Number("i"),
    "i64": Number("q"),
    "i128": Wide(signed=True),
    "bool": Bool(),
    "pk": Key(),
    "string": Text(),
}
_STEP = re.compile(r"^  (?=\S)")


def declare(program: str, text: str) -> tuple[Layout, ...]:
    """The layouts that the text declares, in its order."""
    types = dict(_SIMPLE)
    layouts: list[Layout] = []
    for block in re.split(r"\n(?=\S)", text.strip("\n")):
        head, _, body = block.partition("\n")
        words = head.split(" ", 2)
        if words[0] == "type":
            types[words[1]] = _type(words[2], types)
            continue
        name, discriminator = words
        versions = [_version(step, types) for step in _steps(body)]
        layouts.append(Layout(program, name, bytes.fromhex(discriminator), versions))
    return tuple(layouts)


def _steps(body: str) -> Iterator[str]:
    step = ""
    for line in body.splitlines():
        if _STEP.match(line) and step:
            yield step
            step = ""
        step = f"{step} {line.strip()}".strip()
    yield step


def _version(step: str, types: dict[str, Type]) -> Version:
    label, _, fields = step.partition(" ")
    return Version(label, tuple(_fields(fields, types)))


def _fields(text: str, types: dict[str, Type]) -> Iterator[Field]:
    for part in _split(text, ","):
        name, _, declared = part.strip().partition(" ")
        yield Field(name, _type(declared, types), declared)


def _type(text: str, types: dict[str, Type]) -> Type:
    if text.startswith("vec<"):
        return Vec(_type(text[4:-1], types))
    if text.startswith("option<"):
        return Option(_type(text[7:-1], types))
    if text.startswith("{"):
        return Record({field.name: field.type for field in _fields(text[1:-1], types)})
    if text.startswith("["):
        item, _, count = text[1:-1].rpartition(";")
        return Bytes(int(count)) if item == "u8" else Array(_type(item, types), int(count))
    if text.startswith("enum<"):
        variants: dict[str, Type | None] = {}
        for variant in _split(text[5:-1], "|"):
            name, _, field = variant.rstrip(")").partition("(")
            variants[name] = _type(field, types) if field else None
        return Enum(variants)
    return types[text]


def _split(text: str, separator: str) -> Iterator[str]:
    """The parts between separators that are not inside brackets."""
    depth, start = 0, 0
    for place, character in enumerate(text):
        if character in "<{[(":
            depth += 1
        elif character in ">}])":
            depth -= 1
        elif character == separator and depth == 0:
            yield text[start:place]
            start = place + 1
    yield text[start:]
