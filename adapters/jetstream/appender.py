"""The write side of the log: atomic batches, in order, durable before they are reported."""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Self

import msgspec

from adapters.jetstream.acks import Ack, Acks
from adapters.jetstream.batch import batch_frames, batches, check, single_frame
from adapters.jetstream.connection import Connection
from adapters.jetstream.durability import prove_stored, prove_synced
from adapters.jetstream.known import (
    held_alike,
    last_on_subject,
    last_sequence,
    same_content,
    stored_payload,
)
from adapters.jetstream.patience import patiently
from domain.log import (
    Appended,
    Entry,
    LogCutError,
    LogError,
    LogUnavailableError,
    OutpacedError,
)

ACK_WAIT_S_MAX = 10.0

SINGLY_MAX = 16
"""Entries that are tried one by one: refusing a batch costs the server more than storing some."""

DUPLICATE_IN_BATCH = 10201
WRONG_LAST_SEQUENCE = 10071
_PASSING = frozenset({10008, 10023, 10158, 10176, 10210})
"""Refusals that another try may overcome: JetStream or its memory momentarily unavailable, an id
still under way, a batch cut short by a reconnection, too many batches."""

_log = logging.getLogger(__name__)


class JetStreamAppender:
    """Appends to one stream, one batch at a time, so that order holds whatever is retried.

    Several batches under way gain nothing: the server is busy with one. After a
    `LogUnavailableError` the outcome is unknown, and only the stream's end, see `tail`, can tell
    it once its `duplicate_window` has passed.
    """

    def __init__(self, connection: Connection, acks: Acks, stream: str) -> None:
        self._connection = connection
        self._acks = acks
        self._stream = stream
        self._turn = asyncio.Lock()
        self._batch_prefix = connection.new_inbox().rpartition(".")[2]
        self._batch_count = 0
        self._unanswered: set[str] = set()
        """Ids of what was sent without an answer, which may be stored or not."""
        self._acknowledged = 0
        """The highest sequence that was acknowledged here, as stored now or before."""
        self._epoch = connection.epoch
        """The connection on which the log was last known to hold that."""

    @classmethod
    async def open(
        cls,
        connection: Connection,
        *,
        stream: str = "PUMP",
        monitor_urls: str | None = None,
        allow_unsynced: bool = False,
    ) -> Self:
        """An appender to a stream that was proven durable, see `durability`.

        `allow_unsynced` goes without the proof that the server syncs its writes. Raises
        `NotDurableError`, or `LogError` for a stream that is missing.
        """
        await prove_stored(connection, stream)
        if not allow_unsynced:
            await prove_synced(connection, monitor_urls)
        return cls(connection, await Acks.open(connection), stream)

    def close(self) -> None:
        """Give the acknowledgements' inbox back; the connection stays open."""
        self._acks.close()

    async def append(self, entries: Sequence[Entry]) -> Appended:
        """Append in order and return once all of it is on disk.

        Entries whose id the log holds already are compared with it and left out. Raises
        `EntryRefusedError` before anything is written, `LogUnavailableError` when the log did
        not answer for `patience.RETRY_S_MAX`, `OutpacedError` where an entry does not follow what
        it should, `LogCutError` where the log came back without what it had acknowledged, and
        `LogError` for any other refusal. Where there are more than 1,000 entries,
        the first batches of them may be stored all the same.
        """
        check(entries, payload_bytes_max=self._connection.payload_bytes_max)
        async with self._turn:
            result = _Result()
            once = _without_repeats(entries, result)
            for batch in batches(once):
                await self._write(batch, result)
                self._unanswered.clear()
            last = result.last_sequence
            if last is None:
                last = await patiently(
                    self._connection, lambda: last_sequence(self._connection, self._stream)
                )
        return Appended(
            last_sequence=last,
            written=result.written,
            duplicates=result.duplicates,
            conflicting=tuple(result.conflicting),
            conflicts=result.conflicts(entries),
            sequences=tuple(result.places[entry.id] for entry in entries),
            held=result.held,
        )

    async def _write(self, entries: Sequence[Entry], result: "_Result") -> None:
        """Store a batch; where the log knows some of its ids, store what is between them.

        The server names no ids when it refuses a batch, but it says of a single message where it
        is stored already. So what is refused is halved until a known entry is found, and those
        that the log holds right behind that one are skipped with it. The order is kept.
        """
        parts = [(0, len(entries))]
        settled = 0
        while parts:
            start, stop = parts.pop()
            start = max(start, settled)
            if start >= stop:
                continue
            part = entries[start:stop]
            ack = await patiently(self._connection, partial(self._send, part))
            if ack.error is not None and ack.error.err_code == DUPLICATE_IN_BATCH:
                parts += reversed(_smaller(start, stop))
                continue
            if ack.error is not None and ack.error.err_code == WRONG_LAST_SEQUENCE:
                if len(part) > 1:
                    parts += reversed(_smaller(start, stop))
                    continue
                ack = await self._outpaced(part[0], entries)
            if ack.error is not None:
                raise LogError(
                    f"the stream {self._stream} refused {len(part)} entries from "
                    f"{part[0].id!r} on: {ack.error.description} ({ack.error.err_code})"
                )
            settled = stop
            if ack.duplicate:
                await self._compare(entries[start], ack.seq, result)
                run = await self._held_behind(ack.seq, entries[stop:])
                for sequence, (entry, held) in enumerate(
                    zip(entries[stop:], run, strict=False), ack.seq + 1
                ):
                    result.know(entry, sequence, held)
                settled += len(run)
            else:
                result.written += len(part)
                result.last_sequence = ack.seq
                for sequence, entry in enumerate(part, ack.seq - len(part) + 1):
                    result.places[entry.id] = sequence

    async def _outpaced(self, entry: Entry, entries: Sequence[Entry]) -> Ack:
        """Why an entry follows something else: it was stored by a try before, or by somebody."""
        assert entry.follows is not None, "only what was to follow something can be outpaced"
        last = await patiently(
            self._connection,
            lambda: last_on_subject(self._connection, self._stream, entry.subject),
        )
        if last is not None and last.id == entry.id:
            return Ack(stream=self._stream, seq=last.sequence, duplicate=True)
        chained = [each.id for each in entries if each.subject == entry.subject]
        if last is None or not (last.id == chained[-1] or last.id in self._unanswered):
            raise OutpacedError(entry.id, entry.follows)
        # It was stored together with one behind it; the server says where.
        free = msgspec.structs.replace(entry, follows=None)
        return await patiently(self._connection, partial(self._send, [free]))

    async def _compare(self, entry: Entry, sequence: int, result: "_Result") -> None:
        async def read() -> bytes:
            await self._check_end()  # or it would be waited for, where it is gone
            return await stored_payload(self._connection, self._stream, sequence)

        held = await patiently(self._connection, read)
        if same_content(held, entry.payload):
            result.know(entry, sequence, held)
        else:
            result.conflict(entry)
            result.places[entry.id] = sequence
            _log.info("%s is in the log at %d with another content", entry.id, sequence)

    async def _held_behind(self, sequence: int, entries: Sequence[Entry]) -> list[bytes]:
        """What the log holds of the entries, from the first on, right behind `sequence`."""

        async def read() -> list[bytes]:
            await self._check_end()
            return await held_alike(self._connection, self._stream, entries, after=sequence)

        return await patiently(self._connection, read)

    async def _send(self, entries: Sequence[Entry]) -> Ack:
        """One attempt; `LogUnavailableError` says that another one may do better."""
        await self._check_end()
        reply, answer = self._acks.expect()
        if len(entries) == 1:
            frames = single_frame(entries[0], reply=reply)
        else:
            self._batch_count += 1  # a batch that was cut short keeps its id for a while
            batch_id = f"{self._batch_prefix}-{self._batch_count}".encode()
            frames = batch_frames(entries, batch_id=batch_id, reply=reply)
        try:
            async with asyncio.timeout(ACK_WAIT_S_MAX):
                await self._connection.send(frames)
                ack = await answer
        except (TimeoutError, LogUnavailableError) as error:
            self._unanswered.update(each.id for each in entries)
            if isinstance(error, LogUnavailableError):
                raise
            raise LogUnavailableError(f"no acknowledgement within {ACK_WAIT_S_MAX:g} s") from error
        finally:
            self._acks.forget(reply, answer)
        if ack.error is not None and (ack.error.code == 503 or ack.error.err_code in _PASSING):
            raise LogUnavailableError(f"{ack.error.description} ({ack.error.err_code})")
        assert ack.error is not None or len(entries) == 1 or ack.count == len(entries)
        if ack.error is None:
            if ack.seq <= self._acknowledged and not ack.duplicate:
                raise LogCutError(self._acknowledged, ack.seq - len(entries))
            self._acknowledged = max(self._acknowledged, ack.seq)
        return ack

    async def _check_end(self) -> None:
        """After a loss of the connection, check that the log still holds what it acknowledged.

        Whoever appends may count on what is there: a certificate would vouch for what is lost.
        """
        epoch = self._connection.epoch
        if epoch == self._epoch:
            return
        last = await last_sequence(self._connection, self._stream)
        if last < self._acknowledged:
            raise LogCutError(self._acknowledged, last)
        self._epoch = epoch


class _Result(msgspec.Struct):
    """What `append` has done so far."""

    last_sequence: int | None = None
    written: int = 0
    duplicates: int = 0
    conflicting: list[str] = []
    places: dict[str, int] = {}
    held: dict[str, bytes] = {}
    refused: list[Entry] = []
    """The entries behind `conflicting`."""

    def conflict(self, entry: Entry) -> None:
        """Note an entry whose id stands for something else in the log."""
        self.conflicting.append(entry.id)
        self.refused.append(entry)

    def conflicts(self, entries: Sequence[Entry]) -> frozenset[int]:
        """Where among the entries those are that say what was refused."""
        refused: dict[str, list[Entry]] = {}
        for entry in self.refused:
            refused.setdefault(entry.id, []).append(entry)
        return frozenset(
            place
            for place, entry in enumerate(entries if refused else ())
            if any(
                entry is each or same_content(each.payload, entry.payload)
                for each in refused.get(entry.id, ())
            )
        )

    def know(self, entry: Entry, sequence: int, held: bytes) -> None:
        """Count an entry that the log holds already."""
        self.duplicates += 1
        self.places[entry.id] = sequence
        if held != entry.payload:
            self.held[entry.id] = held


def _smaller(start: int, stop: int) -> list[tuple[int, int]]:
    """A range of entries in two halves, or one by one where there are few."""
    if stop - start <= SINGLY_MAX:
        return [(at, at + 1) for at in range(start, stop)]
    middle = (start + stop) // 2
    return [(start, middle), (middle, stop)]


def _without_repeats(entries: Sequence[Entry], result: _Result) -> Sequence[Entry]:
    """The entries without those that repeat an id among them, which no batch may hold."""
    first: dict[str, Entry] = {}
    for entry in entries:
        known = first.setdefault(entry.id, entry)
        if known is entry:
            continue
        if same_content(known.payload, entry.payload):
            result.duplicates += 1
        else:
            result.conflict(entry)
    return entries if len(first) == len(entries) else list(first.values())
