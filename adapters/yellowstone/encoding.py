"""Updates as bytes: one body for all subscribers, one prefix for each set of filter names."""

from collections.abc import Iterable
from functools import lru_cache

from adapters.yellowstone.wire import geyser_pb2

_Update = geyser_pb2.SubscribeUpdate
PREFIXES_MAX = 4_096
"""Sets of filter names whose prefix is remembered."""


def varint(value: int) -> bytes:
    """An unsigned integer as protobuf writes it."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def head(number: int, length: int) -> bytes:
    """What stands in front of a field of `length` bytes."""
    return varint(number << 3 | 2) + varint(length)


def field(number: int, payload: bytes) -> bytes:
    """A field that holds a message, a text or bytes."""
    return head(number, len(payload)) + payload


@lru_cache(PREFIXES_MAX)
def prefix(names: tuple[str, ...]) -> bytes:
    """The start of an update: which of the subscriber's filters it answers."""
    return b"".join(field(_Update.FILTERS_FIELD_NUMBER, name.encode()) for name in names)


def created_at(seconds: int) -> bytes:
    """The end of an update: when it was made, in seconds since 1970."""
    update = _Update()
    update.created_at.seconds = seconds
    return update.SerializeToString()


def wrapped(kind: int, parts: Iterable[bytes], ending: bytes) -> bytes:
    """An update's body: one of its alternatives, by field number, and its end."""
    payload = b"".join(parts)
    return b"".join((head(kind, len(payload)), payload, ending))


def pong(number: int) -> bytes:
    """The answer to a client's ping."""
    return _Update(pong=geyser_pb2.SubscribeUpdatePong(id=number)).SerializeToString()


PING = _Update(ping=geyser_pb2.SubscribeUpdatePing()).SerializeToString()
"""What the server sends on its own, to learn whether the client is still there."""
