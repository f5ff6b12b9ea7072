"""The log's contract: what is appended, what is read back, and how each can fail."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

from domain.events import AnyEvent


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message to append; the log refuses a second one with the same id."""

    subject: str
    id: str
    payload: bytes


class Appended(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of a batch: durable when this is returned, never before."""

    last_sequence: int
    """The log's sequence of the last entry written; of the log's end where none was."""
    written: int
    duplicates: int
    """Entries that the log already held, byte for byte or under another receipt time."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event as the log holds it; `sequence` starts at 1 and has no holes."""

    sequence: int
    event: AnyEvent


class LogError(Exception):
    """The log could not do what was asked."""


class NotDurableError(LogError):
    """The server acknowledges writes before they are on disk."""


class SequenceGapError(LogError):
    """A reader was given a message that does not follow the one before it."""

    def __init__(self, expected: int, received: int) -> None:
        super().__init__(f"expected sequence {expected}, received {received}")
        self.expected = expected
        self.received = received


class Appender(Protocol):
    """The write side of one stream."""

    async def append(self, entries: Sequence[Entry]) -> Appended:
        """Append in order; return once all of it is durable; raise `LogError` otherwise."""
        ...


class EventLog(Protocol):
    """The read side of the chain's stream."""

    async def last_sequence(self) -> int:
        """The sequence of the newest event, 0 for an empty log."""
        ...

    def read(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Recorded]]:
        """Batches of events in sequence, from `after + 1` on; waits at the end if `follow`."""
        ...
