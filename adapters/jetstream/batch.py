"""Messages and atomic batches (ADR-50) as bytes of the NATS protocol."""

import re
from collections.abc import Iterator, Sequence

from domain.log import Entry, EntryRefusedError

BATCH_ENTRIES_MAX = 1_000
"""The server's own limit on an atomic batch."""
BATCH_BYTES_MAX = 8 * 1024 * 1024
"""Payloads in one batch; the server and we each hold a batch in memory until it is committed."""
HEADER_BYTES_MAX = 256
"""What the headers of one message come to at most, beside its id."""

_SUBJECT = re.compile(r"[!-)+\-/-=?-~]+(?:\.[!-)+\-/-=?-~]+)*")
"""Tokens of printable ASCII without the wildcards, joined by single dots."""
_ID = re.compile(r"[!-~]+")


def check(entries: Sequence[Entry], *, payload_bytes_max: int) -> None:
    """Raise `EntryRefusedError` for an entry that the server, or the protocol, cannot carry."""
    subject, id_ = _SUBJECT.fullmatch, _ID.fullmatch
    for entry in entries:
        if subject(entry.subject) is None:
            raise EntryRefusedError(entry.id, f"its subject was {entry.subject!r}")
        if id_(entry.id) is None:
            raise EntryRefusedError(entry.id, "its id has to be printable ASCII without spaces")
        size = len(entry.payload) + len(entry.id) + HEADER_BYTES_MAX
        if size > payload_bytes_max:
            raise EntryRefusedError(
                entry.id,
                f"it takes {size} bytes, and the server's max_payload is {payload_bytes_max}",
            )


def batches(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Cut entries, in their order, into what one atomic batch may hold."""
    start = size = 0
    for index, entry in enumerate(entries):
        full = index - start == BATCH_ENTRIES_MAX or size + len(entry.payload) > BATCH_BYTES_MAX
        if full and index > start:
            yield entries[start:index]
            start, size = index, 0
        size += len(entry.payload)
    if start < len(entries):
        yield entries[start:]


def batch_frames(entries: Sequence[Entry], *, batch_id: bytes, reply: bytes) -> bytes:
    """All of a batch; the answer to its last message, which commits it, comes to `reply`."""
    opening = b"NATS/1.0\r\nNats-Batch-Id:" + batch_id + b"\r\nNats-Batch-Sequence:"
    frames: list[bytes] = []
    last = len(entries)
    for number, entry in enumerate(entries, 1):
        headers = b"%b%d\r\nNats-Msg-Id:%b\r\n" % (opening, number, entry.id.encode())
        if entry.follows is not None:
            headers += _follows(entry.follows)
        if number == last:
            headers += b"Nats-Batch-Commit:1\r\n"
        target = entry.subject.encode()
        if number == last:
            target += b" " + reply
        frames += _hpub(target, headers + b"\r\n", entry.payload)
    return b"".join(frames)


def single_frame(entry: Entry, *, reply: bytes) -> bytes:
    """One message outside of any batch; the answer says whether the log already held its id."""
    headers = b"NATS/1.0\r\nNats-Msg-Id:%b\r\n" % entry.id.encode()
    if entry.follows is not None:
        headers += _follows(entry.follows)
    target = entry.subject.encode() + b" " + reply
    return b"".join(_hpub(target, headers + b"\r\n", entry.payload))


def _follows(sequence: int) -> bytes:
    return b"Nats-Expected-Last-Subject-Sequence:%d\r\n" % sequence


def _hpub(target: bytes, headers: bytes, payload: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    size = len(headers)
    command = b"HPUB %b %d %d\r\n" % (target, size, size + len(payload))
    return command, headers, payload, b"\r\n"
