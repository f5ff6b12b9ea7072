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


def varint(value: int) -> bytes:
    """An unsigned integer as protobuf has it."""
    if value < 1 << 7:
        return bytes((value,))
    if value < 1 << 14:
        return bytes((value & 127 | 128, value >> 7))
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
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    integer = descriptor.cpp_type not in (descriptor.CPPTYPE_STRING, descriptor.CPPTYPE_MESSAGE)
    plain = integer and not descriptor.is_repeated
    return varint(descriptor.number << 3 | (_VARINT if plain else _BYTES))


def size(parts: Iterable[Part]) -> int:
    """The length of parts once their holes are filled."""
    return sum(part.size if isinstance(part, Hole) else len(part) for part in parts)


def delimited(field_tag: bytes, *parts: Part) -> list[Part]:
    """A field with bytes, a text, a message or packed integers in it."""
    return [field_tag + varint(size(parts)), *parts]


def solid(parts: Iterable[Part]) -> bytes:
    """Parts without holes, as one."""
    joined = bytearray()
    for part in parts:
        assert isinstance(part, bytes), f"{part} is a hole"
        joined += part
    return bytes(joined)
