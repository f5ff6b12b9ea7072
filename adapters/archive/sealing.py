"""Gathers the log's messages until a range of them is decided, and seals it as a segment."""

import hashlib
from collections.abc import Sequence

import msgspec
import pyarrow as pa

from adapters.archive import chain
from adapters.archive.decisions import Decisions
from adapters.archive.rows import decoded, tabled
from adapters.archive.segment import between
from domain.archive import ArchiveError, ArchiveStore, Manifest
from domain.events import SlotConfirmed
from domain.log import SequenceGapError, Stored

SEGMENT_EVENTS_MAX = 262_144
SEGMENT_EVENTS_MIN = 1_024
"""A segment that is cut short because a slot behind it is undecided has this many at least."""
PENDING_FACTOR_MAX = 2
"""Messages of so many segments are held, at most, while a slot waits for its decision."""


class UndecidedError(ArchiveError):
    """Too much of the log waits behind a slot that nothing has decided."""

    def __init__(self, slot: int, sequence: int, pending: int) -> None:
        super().__init__(
            f"{pending:,} messages cannot be sealed because slot {slot} is not decided, whose "
            f"first event is sequence {sequence}; find out why ingest does not append its "
            "slot.confirmed or slot.abandoned, for one with `curvetape audit slots`"
        )
        self.slot = slot
        self.sequence = sequence


class _Chunk(msgspec.Struct):
    """Some messages that follow each other."""

    first: int
    last: int
    tables: Sequence[pa.Table]
    messages: Sequence[Stored]
    """Themselves, until they are part of the digest."""


class Sealing:
    """Feed it the log from behind the last segment on; it says when there is one to seal."""

    def __init__(self, previous: Manifest | None, *, events_max: int = SEGMENT_EVENTS_MAX) -> None:
        self._previous = previous
        self._events_max = events_max
        self._start = 1 if previous is None else previous.last_sequence + 1
        self._next = self._start
        self._chunks: list[_Chunk] = []
        self._digest = hashlib.sha256()
        self._last_sha256 = ""
        self._decisions = Decisions()
        self._certificates: list[tuple[int, str]] = []

    @property
    def pending(self) -> int:
        """How many messages have been taken and not sealed."""
        return self._next - self._start

    @property
    def decided(self) -> int:
        """The last sequence that could be sealed now: every slot up to there is decided."""
        undecided = self._decisions.undecided
        return (self._next if undecided is None else undecided[1]) - 1

    def take(self, messages: Sequence[Stored]) -> None:
        """Add messages that follow those before.

        Raises `SequenceGapError`, `UndecodableError`, and `UndecidedError` where too many wait.
        """
        if self.pending > self._events_max * PENDING_FACTOR_MAX:
            undecided = self._decisions.undecided
            assert undecided is not None, "all that is decided is sealed before more is read"
            raise UndecidedError(*undecided, self.pending)
        edge = self._start + self._events_max - self._next
        for part in (messages[: max(0, edge)], messages[max(0, edge) :]):
            if part:
                self._chunks.append(self._chunk(part))
        self._hash_decided()

    def ready(self, *, rest: bool = False) -> int | None:
        """Where the next segment would end, or None as long as it has to wait.

        With `rest` a segment is made of whatever is decided.
        """
        end = min(self._start + self._events_max - 1, self.decided)
        full = end == self._start + self._events_max - 1
        crowded = (
            self.pending >= self._events_max * PENDING_FACTOR_MAX
            and end - self._start + 1 >= min(SEGMENT_EVENTS_MIN, self._events_max)
        )
        return end if end >= self._start and (full or crowded or rest) else None

    def seal(self, store: ArchiveStore, end: int) -> Manifest:
        """Write the segment that ends with a sequence that `ready` gave; raises `ArchiveError`."""
        sealed, self._chunks = self._cut(end)
        for chunk in sealed:
            self._hash(chunk)
        tables: dict[str, list[pa.Table]] = {}
        for chunk in sealed:
            for table in chunk.tables:
                tables.setdefault(table["kind"][0].as_py(), []).append(table)
        hashes = [each for sequence, each in self._certificates if sequence <= end]
        manifest = chain.add(
            store,
            self._previous,
            [self._decisions.judged(pa.concat_tables(of_kind)) for of_kind in tables.values()],
            content_sha256=self._digest.hexdigest(),
            last_sha256=self._last_sha256,
            certificate=hashes[-1] if hashes else None,
        )
        self._go_on_behind(manifest)
        return manifest

    def _go_on_behind(self, manifest: Manifest) -> None:
        end = manifest.last_sequence
        self._previous = manifest
        self._start = end + 1
        self._digest = hashlib.sha256()
        self._certificates = [each for each in self._certificates if each[0] > end]
        self._decisions.forget(end)
        edge = self._start + self._events_max - 1
        chunks, self._chunks = self._chunks, []
        for chunk in chunks:
            self._chunks += _split(chunk, edge)
        self._hash_decided()

    def _chunk(self, messages: Sequence[Stored]) -> _Chunk:
        events = []
        for message in messages:
            if message.sequence != self._next:
                raise SequenceGapError(self._next, message.sequence)
            event = decoded(message)
            self._next += 1
            self._decisions.note(message.sequence, event)
            if isinstance(event, SlotConfirmed):
                self._certificates.append((message.sequence, event.hash))
            events.append(event)
        tables = tabled(messages, events)
        return _Chunk(messages[0].sequence, messages[-1].sequence, tables, messages)

    def _hash_decided(self) -> None:
        edge = min(self.decided, self._start + self._events_max - 1)
        for chunk in self._chunks:
            if chunk.last > edge:
                return
            self._hash(chunk)

    def _hash(self, chunk: _Chunk) -> None:
        if not chunk.messages:
            return
        for message in chunk.messages:
            self._digest.update(message.payload)
            self._digest.update(b"\n")
        self._last_sha256 = hashlib.sha256(chunk.messages[-1].payload).hexdigest()
        chunk.messages = ()

    def _cut(self, end: int) -> tuple[list[_Chunk], list[_Chunk]]:
        parts = [part for chunk in self._chunks for part in _split(chunk, end)]
        return [it for it in parts if it.last <= end], [it for it in parts if it.last > end]


def _split(chunk: _Chunk, end: int) -> list[_Chunk]:
    if not chunk.first <= end < chunk.last:
        return [chunk]
    count = end - chunk.first + 1
    return [
        _part(chunk, chunk.first, end, chunk.messages[:count]),
        _part(chunk, end + 1, chunk.last, chunk.messages[count:]),
    ]


def _part(chunk: _Chunk, first: int, last: int, messages: Sequence[Stored]) -> _Chunk:
    tables = [between(table, first, last - first + 1) for table in chunk.tables]
    return _Chunk(first, last, [it for it in tables if len(it)], messages)
