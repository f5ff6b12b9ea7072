"""Storing what one call gives, with what nobody else may have stored since."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from eventsourcing.persistence import IntegrityError, StoredEvent, Tracking

from .client import Client
from .reading import Reader
from .records import (
    HIGHEST,
    INSERT,
    Record,
    event_headers,
    name_token,
    token,
)
from .replies import UnansweredError
from .storing import ConflictError, Message, store

HEADS_MAX = 10_000
"""Aggregates whose last sequence is remembered, so that it need not be asked for."""
READS_MAX = 64
"""Aggregates that are asked about at a time."""
NEW_VERSION_MAX = 1
"""An unknown aggregate's event of this version, or a lower one, is taken for its first."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last that is known of a subject; anybody may have stored something since."""

    sequence: int = 0
    value: int = -1
    """An aggregate's highest version, or the notification that was tracked last."""
    unordered: bool = False

    @classmethod
    def of(cls, record: Record | None) -> "Head":
        """What an aggregate's last message says."""
        if record is None:
            return NOTHING
        highest = record.highest
        return cls(
            record.sequence, record.version if highest is None else highest, highest is not None
        )


NOTHING = Head()


class _OursError(Exception):
    """What is there was stored by an attempt of the same call, whose answer was lost."""


class Writer:
    """Stores events and tracking records of one purpose."""

    def __init__(self, reader: Reader, *, tracking_subject: str) -> None:
        self._reader = reader
        self._events_subject = reader.subject
        self._tracking_subject = tracking_subject
        self._heads: OrderedDict[str, Head] = OrderedDict()
        self.written = 0
        """The last sequence that was stored here."""

    async def insert(
        self, client: Client, events: Sequence[StoredEvent], tracking: Tracking | None
    ) -> Sequence[int]:
        """Store them together or not at all; the sequences of the events.

        Raises `IntegrityError` where an event is there already, or the tracking record's
        notification is not above the last one; `DataError` where they are too much.
        """
        insert = secrets.token_hex(12)
        groups = self._grouped(events)
        messages: list[Message] = []
        fresh = unsure = False
        attempt = 0
        while True:
            await client.connected()
            try:
                if unsure and (found := await self._found(client, messages[-1], insert)):
                    return self._remember(messages, found)[len(messages) - len(events) :]
                messages = await self._tracked(client, tracking, insert, fresh=fresh)
                messages += await self._laid_out(client, events, groups, insert, fresh=fresh)
                if not messages:
                    return []
                attempt += 1
                last = await store(client, messages, batch_id=f"{insert}.{attempt}")
            except (ConflictError, _OursError):
                fresh = True
            except UnansweredError as error:
                client.trouble = f"{error}; what was to be stored may have been"
                fresh = unsure = True
                await client.pause()
            else:
                return self._remember(messages, last)[len(messages) - len(events) :]

    def _grouped(self, events: Sequence[StoredEvent]) -> dict[str, list[StoredEvent]]:
        groups: dict[str, list[StoredEvent]] = {}
        for event in events:
            subject = f"{self._events_subject}.{token(event.originator_id)}"
            groups.setdefault(subject, []).append(event)
        for group in groups.values():
            if len({event.originator_version for event in group}) < len(group):
                raise IntegrityError(f"the same version was given twice: {group}")
        return groups

    async def _tracked(
        self, client: Client, tracking: Tracking | None, insert: str, *, fresh: bool
    ) -> list[Message]:
        if tracking is None:
            return []
        subject = f"{self._tracking_subject}.{name_token(tracking.application_name)}"
        head = None if fresh else self._heads.get(subject)
        if head is None:
            last = await client.last(subject)
            if last is not None and last.insert == insert:
                raise _OursError
            head = NOTHING if last is None else Head(last.sequence, int(last.payload))
        if tracking.notification_id <= head.value:
            raise IntegrityError(
                f"notification {tracking.notification_id} of {tracking.application_name} is"
                f" tracked already: the last one is {head.value}"
            )
        payload = str(tracking.notification_id).encode()
        return [Message(subject, payload, {INSERT: insert}, head.sequence)]

    async def _laid_out(
        self,
        client: Client,
        events: Sequence[StoredEvent],
        groups: dict[str, list[StoredEvent]],
        insert: str,
        *,
        fresh: bool,
    ) -> list[Message]:
        heads = await self._heads_of(client, groups, insert, fresh=fresh)
        messages: list[Message] = []
        first = set(groups)
        for event in events:
            subject = f"{self._events_subject}.{token(event.originator_id)}"
            head = heads[subject]
            version = event.originator_version
            headers = event_headers(event, insert=insert)
            unordered = head.unordered or version < head.value
            highest = max(version, head.value)
            if unordered:
                headers[HIGHEST] = str(highest)
            follows = head.sequence if subject in first else None
            first.discard(subject)
            messages.append(Message(subject, event.state, headers, follows))
            heads[subject] = Head(head.sequence, highest, unordered)
        return messages

    async def _heads_of(
        self, client: Client, groups: dict[str, list[StoredEvent]], insert: str, *, fresh: bool
    ) -> dict[str, Head]:
        """What each aggregate's next message follows, some of them asked for at a time."""
        subjects = list(groups)
        heads: dict[str, Head] = {}
        for start in range(0, len(subjects), READS_MAX):
            some = subjects[start : start + READS_MAX]
            asked = (self._head(client, each, groups[each], insert, fresh=fresh) for each in some)
            found = await asyncio.gather(*asked, return_exceptions=True)
            for subject, head in zip(some, found, strict=True):
                if isinstance(head, BaseException):
                    raise head
                heads[subject] = head
        return heads

    async def _head(
        self,
        client: Client,
        subject: str,
        group: Sequence[StoredEvent],
        insert: str,
        *,
        fresh: bool,
    ) -> Head:
        """What the aggregate's next message follows; `IntegrityError` where an event is there."""
        lowest = min(event.originator_version for event in group)
        if not fresh and (known := self._heads.get(subject)) is not None and lowest > known.value:
            return known
        if not fresh and subject not in self._heads and lowest <= NEW_VERSION_MAX:
            return NOTHING
        last = await client.last(subject)
        head = Head.of(last)
        if lowest > head.value:
            return head
        versions = {event.originator_version for event in group}
        stored = await self._reader.records(client, subject)
        for record in stored:
            if record.insert == insert:
                raise _OursError
            if record.version in versions:
                raise IntegrityError(f"version {record.version} of {subject} is stored already")
        return Head.of(stored[-1]) if stored else NOTHING

    async def _found(self, client: Client, last: Message, insert: str) -> int | None:
        """The sequence of an attempt's last message, if it was stored and its answer lost."""
        if last.subject.startswith(f"{self._tracking_subject}."):
            record = await client.last(last.subject)
            return record.sequence if record is not None and record.insert == insert else None
        for record in reversed(await self._reader.records(client, last.subject)):
            if record.insert == insert:
                return record.sequence
        return None

    def _remember(self, messages: Sequence[Message], last: int) -> Sequence[int]:
        """Note where each subject ends now; the sequences of all messages."""
        sequences = range(last - len(messages) + 1, last + 1)
        for message, sequence in zip(messages, sequences, strict=True):
            said = message.headers
            if message.subject.startswith(f"{self._tracking_subject}."):
                head = Head(sequence, int(message.payload))
            else:
                head = Head.of(Record(message.subject, sequence, said, b""))
            self.note(message.subject, head)
        self.written = max(self.written, last)
        return sequences

    def note(self, subject: str, head: Head) -> None:
        """Remember a subject's end."""
        self._heads[subject] = head
        self._heads.move_to_end(subject)
        if len(self._heads) > HEADS_MAX:
            self._heads.popitem(last=False)
