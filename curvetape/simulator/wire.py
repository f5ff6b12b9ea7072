"""Protobuf messages written as bytes with holes, so that a known shape is laid out only once.

Field numbers come from the generated classes; only the encoding itself is written here, since
filling the holes of a finished message is far cheaper than building it field by field.
"""

from collections.abc import Iterable
from typing import NamedTuple

from google.protobuf.message import Message

_VARINT = 0
_BYTES = 2


class Hole(NamedTuple):
    """A place for `size` bytes that are known only when a transaction is written."""

    name: str
    size: int


Part = bytes | Hole

_tags: dict[tuple[str, str], bytes] = {}

_SHORT = 1 << 14
_SHORT_VARINTS = [
    bytes((value,)) if value < 1 << 7 else bytes((value & 127 | 128, value >> 7))
    for value in range(_SHORT)
]


def varint(value: int) -> bytes:
    """An unsigned integer as protobuf has it."""
    if value < _SHORT:
        return _SHORT_VARINTS[value]
    a, b, c = value & 127 | 128, value >> 7 & 127 | 128, value >> 14
    if value < 1 << 21:
        return bytes((a, b, c))
    if value < 1 << 28:
        return bytes((a, b, c & 127 | 128, c >> 7))
    # Most balances need five or six bytes.
    if value < 1 << 35:
        return bytes((a, b, c & 127 | 128, c >> 7 & 127 | 128, c >> 14))
    if value < 1 << 42:
        return bytes((a, b, c & 127 | 128, c >> 7 & 127 | 128, c >> 14 & 127 | 128, c >> 21))
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def padded_varint(value: int) -> bytes:
    """The same in always three bytes, for lengths that are filled in last."""
    return bytes((value & 127 | 128, value >> 7 & 127 | 128, value >> 14))


def tag(message: type[Message], field: str) -> bytes:
    """The bytes in front of a field's value; every kind but integers has a length after it."""
    known = _tags.get((message.DESCRIPTOR.full_name, field))
    if known is not None:
        return known
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    integer = descriptor.cpp_type not in (descriptor.CPPTYPE_STRING, descriptor.CPPTYPE_MESSAGE)
    plain = integer and not descriptor.is_repeated
    made = varint(descriptor.number << 3 | (_VARINT if plain else _BYTES))
    _tags[message.DESCRIPTOR.full_name, field] = made
    return made


def size(parts: Iterable[Part]) -> int:
    """The length of parts once their holes are filled."""
    return sum(part.size if isinstance(part, Hole) else len(part) for part in parts)


def delimited(field_tag: bytes, *parts: Part) -> list[Part]:
    """A field with bytes, a text, a message or packed integers in it."""
    merged: list[Part] = []
    solid = bytearray(field_tag + varint(size(parts)))
    for part in parts:
        if isinstance(part, bytes):
            solid += part
        else:
            merged += (bytes(solid), part)
            solid.clear()
    if solid:
        merged.append(bytes(solid))
    return merged


def solid(parts: Iterable[Part]) -> bytes:
    """Parts without holes, as one."""
    joined = bytearray()
    for part in parts:
        assert isinstance(part, bytes), f"{part} is a hole"
        joined += part
    return bytes(joined)
