"""What the log holds already: its end, a single message, and whether two are the same."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec
import nats.errors
from nats.js.api import Header, StreamState
from nats.js.errors import APIError, NotFoundError

from adapters.jetstream.connection import Connection
from adapters.jetstream.delivery import Delivery, DeliveryEndedError
from adapters.jetstream.patience import patiently
from domain.events import Event, decode
from domain.log import Entry, LogError, LogUnavailableError

E = TypeVar("E", bound=Event)


async def last_sequence(connection: Connection, stream: str) -> int:
    """The sequence of the stream's newest message, 0 for an empty stream."""
    return (await _state(connection, stream)).last_seq


async def first_sequence(connection: Connection, stream: str) -> int:
    """That of its oldest message; 1 or more, and behind the newest where there is none."""
    return max(1, (await _state(connection, stream)).first_seq)


async def _state(connection: Connection, stream: str) -> StreamState:
    try:
        return (await connection.jetstream.stream_info(stream)).state
    except NotFoundError as error:
        raise LogError(
            f"{connection.url} has no stream {stream}; create it with `curvetape streams apply`"
        ) from error
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(f"the ends of {stream} could not be read: {error!r}") from error


async def stored_payload(connection: Connection, stream: str, sequence: int) -> bytes:
    """The payload at a sequence, from the stream's leader, so that it is never a stale one."""
    try:
        message = await connection.jetstream.get_msg(stream, sequence)
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(
            f"sequence {sequence} of {stream} could not be read back: {error!r}"
        ) from error
    return message.data or b""


class OnSubject(msgspec.Struct, frozen=True):
    """A message with what it is known by."""

    sequence: int
    id: str
    payload: bytes


async def last_on_subject(connection: Connection, stream: str, subject: str) -> OnSubject | None:
    """The newest message on a subject, from the stream's leader; None where there is none."""
    try:
        message = await connection.jetstream.get_last_msg(stream, subject)
    except NotFoundError:
        return None
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(f"the end of {subject} could not be read: {error!r}") from error
    assert message.seq is not None, "a stored message has a sequence"
    return OnSubject(
        message.seq, (message.headers or {}).get(Header.MSG_ID, ""), message.data or b""
    )


async def last_event(connection: Connection, kind: type[E]) -> tuple[int, E] | None:
    """The log's newest event of a kind that is about no token, with its sequence.

    Waits for a server that is away, as `patience` says.
    """
    subject = kind.subject_root
    last = await patiently(connection, lambda: last_on_subject(connection, "PUMP", subject))
    if last is None:
        return None
    event = decode(last.payload)
    assert isinstance(event, kind), "the subject has one kind"
    return last.sequence, event


async def held_alike(
    connection: Connection, stream: str, entries: Sequence[Entry], *, after: int
) -> list[bytes]:
    """What the stream holds of the entries, from the first on, in a row behind `after`.

    An entry is known by its id: what says the same under another one was taken back since.
    """
    count = min(len(entries), await last_sequence(connection, stream) - after)
    alike: list[bytes] = []
    if count <= 0:
        return alike
    delivery = await Delivery.open(connection, stream, first=after + 1)
    try:
        while len(alike) < count:
            messages = await delivery.take(count - len(alike))
            for message, id_ in zip(messages, delivery.ids, strict=True):
                entry = entries[len(alike)]
                if message.sequence != after + len(alike) + 1 or id_ != entry.id:
                    return alike
                if not same_content(message.payload, entry.payload):
                    return alike
                alike.append(message.payload)
    except DeliveryEndedError as error:
        raise LogUnavailableError(f"{stream} could not be read back: {error}") from error
    finally:
        delivery.close()
    return alike


def same_content(held: bytes, offered: bytes) -> bool:
    """Whether two payloads say the same, whenever we received each of them."""
    if held == offered:
        return True
    try:
        ours, theirs = decode(held), decode(offered)
    except msgspec.DecodeError:
        return _unreceived(held) == _unreceived(offered)
    return msgspec.structs.replace(ours, received_at_ns=theirs.received_at_ns) == theirs


def _unreceived(payload: bytes) -> object:
    """What a payload that is no event says, a dead letter for one, but not when it came."""
    try:
        content = msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return payload
    if isinstance(content, dict):
        content.pop("received_at_ns", None)
    return content
