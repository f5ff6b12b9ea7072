"""Archives made by hand: sealed from messages in memory, in any store."""

from collections.abc import AsyncIterator, Iterable, Sequence

import pyarrow as pa

from adapters.archive.sealing import Sealing
from adapters.archive.segment import payloads
from curvetape.testing.certified import Message
from domain.archive import ArchiveStore, Manifest
from domain.events import AnyEvent, encode
from domain.log import SequenceGapError, Stored


def stored(messages: Iterable[Message]) -> list[Stored]:
    """The messages of a log made by hand, as its reader hands them out."""
    return [Stored(sequence, payload) for sequence, payload, _ in messages]


def numbered(events: Iterable[AnyEvent], *, first: int = 1) -> list[Stored]:
    """Events as a log holds them that begins at a sequence."""
    return [Stored(sequence, encode(event)) for sequence, event in enumerate(events, first)]


def sealed(
    store: ArchiveStore, messages: Sequence[Stored], *, events_max: int = 1_000, batch: int = 97
) -> list[Manifest]:
    """Seal a log from its first message on, as far as it is decided."""
    sealing = Sealing(None, events_max=events_max)
    made: list[Manifest] = []
    for at in range(0, len(messages), batch):
        sealing.take(messages[at : at + batch])
        while (end := sealing.ready()) is not None:
            made.append(sealing.seal(store, end))
    while (end := sealing.ready(rest=True)) is not None:
        made.append(sealing.seal(store, end))
    return made


def unsealed(content: bytes | memoryview) -> list[Stored]:
    """A segment's messages."""
    return [
        Stored(sequence, payload)
        for first, texts in payloads(content)
        for sequence, payload in enumerate(texts.cast(pa.binary()).to_pylist(), first)
    ]


class MemoryStream:
    """A stream byte for byte, that may have let go of its first messages; not followed."""

    def __init__(self, messages: Sequence[Stored]) -> None:
        self.messages = list(messages)

    async def last_sequence(self) -> int:
        """The sequence of the newest message."""
        return self.messages[-1].sequence if self.messages else 0

    async def read_stored(
        self, *, after: int, batch_max: int, follow: bool = True, subjects: Sequence[str] = ()
    ) -> AsyncIterator[Sequence[Stored]]:
        """Batches from `after + 1` on; `SequenceGapError` at what is not there."""
        assert not follow, "it has an end"
        assert not subjects, "it does not know subjects"
        left = [it for it in self.messages if it.sequence > after]
        row = [it for count, it in enumerate(left, after + 1) if it.sequence == count]
        for at in range(0, len(row), batch_max):
            yield row[at : at + batch_max]
        if len(row) < len(left):
            raise SequenceGapError(after + len(row) + 1, left[len(row)].sequence)
