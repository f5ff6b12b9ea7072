"""The log's contract: what is appended, what is read back, and how each can fail."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, final

import msgspec

from domain.events import AnyEvent, decode


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message to append; the log refuses a second one with the same id."""

    subject: str
    id: str
    payload: bytes
    follows: int | None = None
    """The sequence of the last message on its subject that the log must hold when this is added;
    0 for none yet. So two writers cannot both add the next link of one chain."""


class Appended(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of a batch: durable when this is returned, never before."""

    last_sequence: int
    """The log's sequence of the last entry written; of the log's end where none was."""
    written: int
    duplicates: int
    """Entries that the log already held, byte for byte or under another receipt time."""
    conflicting: tuple[str, ...] = ()
    """Ids that the log already held with another content. The log's own stays; none of these is
    written, or counted as a duplicate."""
    conflicts: frozenset[int] = frozenset()
    """Which of the entries given they were, counted from 0; an id can have been given twice."""
    sequences: tuple[int, ...] = ()
    """Where the log holds each entry, in the order in which they were given; of a duplicate the
    place of the first copy, of a conflicting one that of what the log holds instead."""
    held: Mapping[str, bytes] = {}
    """By id, what the log holds of duplicates that were received at another time."""


@final
class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event as the log holds it; `sequence` starts at 1 and has no holes."""

    sequence: int
    event: AnyEvent


@final
class Passed(msgspec.Struct, frozen=True, gc=False):
    """An event of another part of a read model, which waits for its slot and is not decoded."""

    sequence: int
    slot: int


class Stored(msgspec.Struct, frozen=True, gc=False):
    """An event as the log holds it, byte for byte."""

    sequence: int
    payload: bytes


class LogError(Exception):
    """The log could not do what was asked."""


class NotDurableError(LogError):
    """The server acknowledges writes before they are on disk."""


class SequenceGapError(LogError):
    """A reader was given a message that does not follow the one before it."""

    def __init__(self, expected: int, received: int) -> None:
        super().__init__(
            f"expected sequence {expected}, received {received}: what is between is not in the "
            "stream, and in no archive that CURVETAPE_ARCHIVE_URL names"
        )
        self.expected = expected
        self.received = received


class LogUnavailableError(LogError):
    """The log did not answer in time; whether an append under way took place is unknown."""


class EntryRefusedError(LogError):
    """An entry that the log cannot hold; nothing of its batch was written."""

    def __init__(self, entry_id: str, reason: str) -> None:
        super().__init__(f"the entry {entry_id!r} cannot be appended: {reason}")
        self.entry_id = entry_id


class OutpacedError(LogError):
    """An entry that was to follow another one does not: somebody else has added to its subject."""

    def __init__(self, entry_id: str, follows: int) -> None:
        super().__init__(
            f"the entry {entry_id!r} was to follow sequence {follows} on its subject, but another "
            "writer has added to it; one ingest may write to a log at a time"
        )
        self.entry_id = entry_id
        self.follows = follows


class LogShorterError(LogError):
    """The log ends before what was read from it earlier, so it is not the log that was read."""

    def __init__(self, after: int, last: int) -> None:
        super().__init__(
            f"reading was to go on after sequence {after}, but the log ends at {last}; restore "
            f"the log that was read, or build the read models anew"
        )
        self.after = after
        self.last = last


class LogCutError(LogError):
    """The log ends before what it has acknowledged to this writer, which may count on none of it.

    Its disk has not kept what it had promised, or an older copy of it was put back.
    """

    def __init__(self, acknowledged: int, last: int) -> None:
        super().__init__(
            f"sequence {acknowledged} was acknowledged, but the log ends at {last}: its disk lost "
            "what it had promised, or an older copy was put back; start again, to go on from what "
            "is there"
        )
        self.acknowledged = acknowledged
        self.last = last


class UndecodableError(LogError):
    """A message of the log that is no event known here, most often written by a newer version.

    All before it has been handed out; a reader may go on after `sequence`.
    """

    def __init__(self, sequence: int, payload: bytes, reason: str) -> None:
        super().__init__(f"sequence {sequence} of the log could not be decoded: {reason}")
        self.sequence = sequence
        self.payload = payload
        self.reason = reason


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


class ReadLog(Protocol):
    """The same for who may be given a part of it, with all sequences."""

    async def last_sequence(self) -> int:
        """The sequence of the newest event, 0 for an empty log."""
        ...

    def read(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Recorded | Passed]]:
        """Batches in sequence, from `after + 1` on; waits at the end if `follow`."""
        ...


class StoredLog(Protocol):
    """The same, byte for byte."""

    async def last_sequence(self) -> int:
        """The sequence of the newest message, 0 for an empty log."""
        ...

    def read_stored(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Stored]]:
        """Batches of messages in sequence, from `after + 1` on."""
        ...


def decoded(messages: Sequence[Stored]) -> tuple[Sequence[Recorded], LogError | None]:
    """The events up to the first message that is none, and what is wrong with that one."""
    events: list[Recorded] = []
    for message in messages:
        try:
            events.append(Recorded(message.sequence, decode(message.payload)))
        except msgspec.DecodeError as error:
            return events, UndecodableError(message.sequence, message.payload, str(error))
    return events, None
