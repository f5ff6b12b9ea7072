"""Protobuf messages with every field set, and how the npm client shows them."""

from collections.abc import Callable
from typing import Any, TypeAlias

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

Field: TypeAlias = Any
"""A field's descriptor, of which protobuf has two unrelated classes."""

REPEATED_COUNT = 2
_VALUES: dict[int, Callable[[int], Any]] = {
    FieldDescriptor.TYPE_BYTES: lambda salt: bytes((salt + place) % 256 for place in range(32)),
    FieldDescriptor.TYPE_STRING: lambda salt: f"text {salt} ☀",
    FieldDescriptor.TYPE_BOOL: lambda _: True,
    FieldDescriptor.TYPE_DOUBLE: lambda salt: salt + 0.125,
    FieldDescriptor.TYPE_UINT64: lambda salt: (1 << 64) - salt,
    FieldDescriptor.TYPE_INT64: lambda salt: -(1 << 62) - salt,
}
_WIDE = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}


def fill(message: Message, salt: int = 1) -> int:
    """Give every field a value of its own, and answer the next salt."""
    for field in message.DESCRIPTOR.fields:
        for _ in range(REPEATED_COUNT if field.is_repeated else 1):
            salt += 1
            if field.message_type is not None:
                holder = getattr(message, field.name)
                salt = fill(holder.add() if field.is_repeated else holder, salt)
            elif field.is_repeated:
                getattr(message, field.name).append(_value(field, salt))
            else:
                setattr(message, field.name, _value(field, salt))
    return salt


def as_javascript(message: Message) -> dict[str, Any]:
    """The message as `tests/npm/yellowstone.mjs` prints it.

    Names in camel case; bytes in hexadecimal; 64-bit integers as text, since they may pass 2^53;
    what is optional and not set is left out, all else stands there with its default.
    """
    shown: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.is_repeated:
            shown[field.camelcase_name] = [_shown(field, each) for each in value]
        elif not field.has_presence or message.HasField(field.name):
            shown[field.camelcase_name] = _shown(field, value)
    return shown


def _value(field: Field, salt: int) -> Any:
    if field.enum_type is not None:
        return field.enum_type.values[salt % len(field.enum_type.values)].number
    return _VALUES.get(field.type, int)(salt)


def _shown(field: Field, value: Any) -> Any:
    if isinstance(value, Timestamp):
        return value.seconds
    if isinstance(value, Message):
        return as_javascript(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if field.cpp_type in _WIDE else value
