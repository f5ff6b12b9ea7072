"""Cuts what a NATS server sends into whole frames, and hands messages that have a sink to it.

nats-py tries one regular expression after the other on each frame, and copies what is left of its
buffer to the front behind it. Here a frame is found where the one before it ended, in the bytes as
they were read. All that has no sink is nats-py's to read, frame by frame.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from nats.errors import ProtocolError
from nats.protocol.parser import Parser

Sink: TypeAlias = Callable[[bytes, bytes, bytes, bytes | None], None]
"""Takes a message as subject, reply, payload and raw headers; must neither block nor raise."""

_END = b"\r\n"
_MESSAGES = (b"HMSG ", b"MSG ")


class Frames(Parser):
    """nats-py's parser, for whole frames of what has no sink."""

    def __init__(self, client: Any, sinks: Mapping[int, Sink]) -> None:
        """`sinks` are by the number of their subscription, and may change at any time."""
        self._sinks = sinks
        super().__init__(client)

    def reset(self) -> None:
        """Forget the beginning of a frame whose end does not come any more."""
        super().reset()
        self._hold(b"", 0)

    async def parse(self, data: bytes = b"") -> None:
        """Take what was read from the socket; raises nats-py's `ProtocolError`."""
        data = self._with_held(data)
        mark, sinks = self._held, self._sinks
        at, size = 0, len(data)
        while at < size:
            line_end = data.find(_END, at)
            if line_end < 0:
                break
            start = end = line_end + 2
            if data.startswith(_MESSAGES, at):
                words = data[at:line_end].split()
                has_headers = words[0] == b"HMSG"
                try:
                    end += int(words[-1]) + 2
                    body = start + int(words[-2]) if has_headers else start
                    sink = sinks.get(int(words[2]))
                except (ValueError, IndexError) as error:
                    raise ProtocolError("nats: malformed MSG") from error
                if not start <= body <= end - 2:
                    raise ProtocolError("nats: malformed MSG")
                if end > size:
                    self._hold(data[at:], end - at)
                    return
                if sink is not None:
                    reply = words[3] if len(words) - has_headers == 5 else b""
                    sink(words[1], reply, data[body : end - 2], data[start:body] or None)
                    at = end
                    continue
            await super().parse(data[at:end])
            if self._held is not mark:
                return  # the connection is another one by now, and what is left is not of it
            at = end
        if at < size:
            self._hold(data[at:], 0)

    def _with_held(self, data: bytes) -> bytes:
        """All that is there to be read; nothing where a frame is known to end behind it."""
        if self._held:
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes < self._needed_bytes:
                return b""
            data = b"".join(self._held)
        # What raises from here on ends the connection: nothing of it may be read again.
        self._hold(b"", 0)
        return data

    def _hold(self, data: bytes, needed_bytes: int) -> None:
        """Keep the beginning of a frame, which takes so many bytes or an unknown number."""
        self._held: list[bytes] = [data] if data else []
        self._held_bytes, self._needed_bytes = len(data), needed_bytes
