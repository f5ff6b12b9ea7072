"""The server's limit: atomic batches that are bytes already, written to a socket one by one."""

import socket
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

import msgspec

from adapters.jetstream.acks import Ack
from adapters.jetstream.batch import BATCH_ENTRIES_MAX, batch_frames
from domain.events import AnyEvent, encode
from domain.log import Entry

ANSWER_WAIT_S_MAX = 30.0
_INBOX = b"_INBOX.ready"
_OPENING = b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB %b 1\r\nPING\r\n'


class Sending:
    """A bare socket that speaks as much of the protocol as it takes."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), ANSWER_WAIT_S_MAX)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("rb")
        self._batches: list[tuple[bytes, int]] = []
        self._count = 0
        self._decode = msgspec.json.Decoder(Ack).decode

    @classmethod
    async def open(cls, url: str, _monitor_url: str) -> Self:
        """Connect and listen for acknowledgements."""
        address = urlsplit(url)
        assert address.hostname is not None, "an embedded server has an address"
        assert address.port is not None, "an embedded server has a port"
        sending = cls(address.hostname, address.port)
        sending._socket.sendall(_OPENING % _INBOX)
        while sending._lines.readline() != b"PONG\r\n":
            pass
        return sending

    async def close(self) -> None:
        """Disconnect."""
        self._lines.close()
        self._socket.close()

    async def prepare(self, events: Sequence[AnyEvent]) -> None:
        """Make the batches' bytes, which `append` only has to write."""
        entries = [
            Entry(subject=event.subject, id=event.id, payload=encode(event)) for event in events
        ]
        for start in range(0, len(entries), BATCH_ENTRIES_MAX):
            batch = entries[start : start + BATCH_ENTRIES_MAX]
            self._count += 1
            frames = batch_frames(batch, batch_id=b"ready-%d" % self._count, reply=_INBOX)
            self._batches.append((frames, len(batch)))

    async def append(self, _events: Sequence[AnyEvent]) -> None:
        """Write what was prepared, each batch once the one before it is acknowledged."""
        batches, self._batches = self._batches, []
        for frames, count in batches:
            self._socket.sendall(frames)
            ack = self._answer()
            assert (ack.error, ack.count) == (None, count), ack

    def _answer(self) -> Ack:
        while line := self._lines.readline():
            if line == b"PING\r\n":
                self._socket.sendall(b"PONG\r\n")
            elif line.startswith(b"MSG "):
                data = self._lines.read(int(line.rsplit(b" ", 1)[1]) + 2)
                return self._decode(data)
        raise ConnectionAbortedError("the server has closed the connection")
