"""Stored events and tracking records as messages, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote, unquote
from uuid import UUID

from eventsourcing.persistence import DataError, Notification, StoredEvent

OriginatorID: TypeAlias = UUID | str

VERSION = "Es-Version"
TOPIC = "Es-Topic"
INSERT = "Es-Insert"
"""The call that stored the message: an answer that was lost can be found out later."""
HIGHEST = "Es-Highest"
"""The aggregate's highest version, once some were stored out of order; absent until then."""
HEADER_BYTES_MAX = 512
"""What the headers of a message come to at most, beside its topic."""
TOKEN_CHARS_MAX = 200
"""What an id takes in a subject, at most."""

_TOPIC_SAFE = ":.,<>[]()/@ "


@dataclass(frozen=True, slots=True)
class Record:
    """A message as it is stored."""

    subject: str
    sequence: int
    headers: Mapping[str, str]
    payload: bytes

    @property
    def version(self) -> int:
        """The aggregate's version that the event brought it to."""
        return int(self.headers[VERSION])

    @property
    def highest(self) -> int | None:
        """The aggregate's highest version so far, if versions do not ascend with sequences."""
        highest = self.headers.get(HIGHEST)
        return None if highest is None else int(highest)

    @property
    def insert(self) -> str:
        """The call that stored it."""
        return self.headers.get(INSERT, "")


def token(originator_id: OriginatorID) -> str:
    """An id as one part of a subject; raises `DataError` where it is too long or empty."""
    if isinstance(originator_id, UUID):
        return str(originator_id)
    return "~" + name_token(originator_id)


def name_token(name: str) -> str:
    """A name as one part of a subject."""
    escaped = quote(name, safe="").replace(".", "%2E")
    if not 0 < len(escaped) <= TOKEN_CHARS_MAX:
        raise DataError(
            f"an id or name takes 1 to {TOKEN_CHARS_MAX} characters in a subject, was {name!r}"
        )
    return escaped


def originator_id(subject: str) -> OriginatorID:
    """The id that `token` put behind a subject's last dot."""
    last = subject.rpartition(".")[2]
    return unquote(last[1:]) if last.startswith("~") else UUID(last)


def event_headers(event: StoredEvent, *, insert: str) -> dict[str, str]:
    """All that a message says of an event beside its state."""
    if event.originator_version < 0:
        raise DataError(f"a version has to be 0 or more, was {event.originator_version}")
    return {
        VERSION: str(event.originator_version),
        TOPIC: quote(event.topic, safe=_TOPIC_SAFE),
        INSERT: insert,
    }


def topic(record: Record) -> str:
    """The topic of the event's class."""
    said = record.headers[TOPIC]
    return unquote(said) if "%" in said else said


def stored_event(record: Record) -> StoredEvent:
    """The event in a message."""
    return StoredEvent(
        originator_id=originator_id(record.subject),
        originator_version=record.version,
        topic=topic(record),
        state=record.payload,
    )


def notification(record: Record) -> Notification:
    """The event in a message, with its place in the stream."""
    return Notification(
        originator_id=originator_id(record.subject),
        originator_version=record.version,
        topic=topic(record),
        state=record.payload,
        id=record.sequence,
    )
