"""The log with its archive behind it: what the stream has let go of is read from segments."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Protocol

import pyarrow as pa

from adapters.archive import chain
from adapters.archive.segment import payloads
from domain.archive import ArchiveError, ArchiveStore, Manifest
from domain.events import decode
from domain.log import (
    LogShorterError,
    Recorded,
    SequenceGapError,
    Stored,
    decoded,
)


class StoredLog(Protocol):
    """The stream, byte for byte."""

    async def last_sequence(self) -> int:
        """The sequence of the newest message, 0 for an empty stream."""
        ...

    def read_stored(
        self, *, after: int, batch_max: int, follow: bool = True, subjects: Sequence[str] = ()
    ) -> AsyncIterator[Sequence[Stored]]:
        """Batches of messages in sequence, from `after + 1` on."""
        ...


class OtherLogError(ArchiveError):
    """The archive was made from another log than the stream."""

    def __init__(self, address: str, sequence: int) -> None:
        super().__init__(
            f"the archive {address} is of another log: its message {sequence} is not the stream's; "
            "give the archive that was sealed from this stream, or another address for a new one"
        )
        self.sequence = sequence


class ArchivedLog:
    """Fits `domain.log.EventLog`, from sequence 1 on whatever the stream has let go.

    The stream is read for as long as it has what comes next, so that who is up to date neither
    waits for an archive nor needs it to be there. Segments that are sealed meanwhile are found.
    """

    def __init__(self, store: ArchiveStore, log: StoredLog) -> None:
        self._store = store
        self._log = log
        self._chain: list[Manifest] = []

    async def last_sequence(self) -> int:
        """The sequence of the newest event, 0 for an empty log."""
        return await self._log.last_sequence()

    async def read(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Recorded]]:
        """Batches of 1 to `batch_max` events, from `after + 1` on.

        Without `follow` it ends at the sequence that was the last when it began. Raises what the
        stream's own reader does, and `ArchiveError`.
        """
        async for stored in self.read_stored(after=after, batch_max=batch_max, follow=follow):
            events, fault = decoded(stored)
            if events:
                yield events
            if fault is not None:
                raise fault

    async def read_stored(
        self,
        *,
        after: int,
        batch_max: int,
        follow: bool = True,
        subjects: Sequence[str] = (),
    ) -> AsyncIterator[Sequence[Stored]]:
        """The same, byte for byte as the log holds it; with `subjects` only what is under them."""
        # Of some subjects the sequences have holes anyway, so none would tell what was let go:
        # what is sealed is read from segments from the start.
        archived = bool(subjects) and await self._learn() > after
        while True:
            while archived:
                async with aclosing(self._sealed(after, batch_max)) as batches:
                    async for batch in batches:
                        after = batch[-1].sequence
                        if chosen := _under(batch, subjects):
                            yield chosen
                archived = bool(subjects) and await self._learn() > after
            try:
                if subjects:
                    await self._check_next(after)
                async for batch in self._log.read_stored(
                    after=after, batch_max=batch_max, follow=follow, subjects=subjects
                ):
                    after = batch[-1].sequence
                    yield batch
            except SequenceGapError as gap:
                # All or nothing: what leads to no message of the stream may be of another log.
                end = await self._learn()
                if end < gap.received - 1:
                    raise SequenceGapError(max(after, end) + 1, gap.received) from gap
                archived = True
            else:
                return

    async def _learn(self) -> int:
        """Look for segments that are new; returns the sequence up to which all are sealed.

        Raises `OtherLogError` where they were not sealed from this stream.
        """
        found = await asyncio.to_thread(chain.newer, self._store, self._chain)
        if found:
            await check_same(self._store, found[-1], self._log)
        self._chain += found
        return self._chain[-1].last_sequence if self._chain else 0

    async def _check_next(self, after: int) -> None:
        """Raise `SequenceGapError` if the stream has let go of what comes next."""
        async for _ in self._log.read_stored(after=after, batch_max=1, follow=False):
            return

    async def _sealed(self, after: int, batch_max: int) -> AsyncGenerator[Sequence[Stored], None]:
        for manifest in self._chain:
            if manifest.last_sequence <= after:
                continue
            content = await asyncio.to_thread(chain.content_of, self._store, manifest)
            found = payloads(content)
            while (block := await asyncio.to_thread(next, found, None)) is not None:
                for batch in _batches(*block, after, batch_max):
                    yield batch


def _batches(first: int, texts: pa.Array, after: int, batch_max: int) -> Iterator[Sequence[Stored]]:
    """Those of some messages that are behind a sequence."""
    for at in range(max(0, after - first + 1), len(texts), batch_max):
        contents = texts.slice(at, batch_max).cast(pa.binary()).to_pylist()
        yield [Stored(sequence, payload) for sequence, payload in enumerate(contents, first + at)]


def _under(messages: Sequence[Stored], subjects: Sequence[str]) -> Sequence[Stored]:
    """Those messages that are logged under one of the subjects; all where there are none."""
    if not subjects:
        return messages
    patterns = [subject.split(".") for subject in subjects]
    return [it for it in messages if _matches(decode(it.payload).subject.split("."), patterns)]


def _matches(subject: Sequence[str], patterns: Sequence[Sequence[str]]) -> bool:
    return any(_fits(subject, pattern) for pattern in patterns)


def _fits(subject: Sequence[str], pattern: Sequence[str]) -> bool:
    if pattern[-1] == ">":
        pattern = pattern[:-1]
        if len(subject) <= len(pattern):
            return False
        subject = subject[: len(pattern)]
    return len(subject) == len(pattern) and all(
        part in ("*", token) for token, part in zip(subject, pattern, strict=True)
    )


async def check_same(store: ArchiveStore, last: Manifest, log: StoredLog) -> None:
    """Check by the archive's last message that the stream is what the archive was sealed from.

    A stream that has let that message go is believed. Raises `OtherLogError`.
    """
    try:
        async for batch in log.read_stored(after=last.last_sequence - 1, batch_max=1, follow=False):
            if hashlib.sha256(batch[0].payload).hexdigest() != last.last_sha256:
                raise OtherLogError(store.address, last.last_sequence)
            return
    except SequenceGapError:
        return
    except LogShorterError as error:
        raise OtherLogError(store.address, last.last_sequence) from error
    raise OtherLogError(store.address, last.last_sequence)
