"""What is sent to everyone in a room, encoded and framed once."""

from collections.abc import Sequence
from functools import cached_property

import msgspec
from websockets.frames import Frame, Opcode

MARKET = "market"
"""The room of all tokens."""

_EVENT = b'42["'
"""Engine.IO's message (4), of it Socket.IO's event (2), and the event's name."""


def token_room(mint: str) -> str:
    """The room of one token."""
    return f"token:{mint}"


class Message(msgspec.Struct, frozen=True, dict=True):
    """An event of Socket.IO with one argument."""

    room: str
    name: str
    sequence: int
    """The log's, of the event that it speaks of: rising within a room, with holes."""
    body: bytes
    """The argument, a JSON object."""
    ids: tuple[str, ...] = ()
    """The ids of the log's events that it brings."""

    @cached_property
    def packet(self) -> bytes:
        """As Engine.IO's polling sends it."""
        return _EVENT + self.name.encode() + b'",' + self.body + b"]"

    @cached_property
    def frame(self) -> bytes:
        """As a WebSocket server sends it: not masked, so the same for everyone."""
        return Frame(Opcode.TEXT, self.packet).serialize(mask=False)


class Bundle:
    """Messages that are sent together."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages

    @cached_property
    def frames(self) -> bytes:
        """All of them, as a WebSocket server sends them."""
        return b"".join([message.frame for message in self.messages])


def single(room: str, name: str, sequence: int, told: object) -> Bundle:
    """What one client is told, or whoever is in the room at this moment."""
    return Bundle([Message(room, name, sequence, msgspec.json.encode(told))])
