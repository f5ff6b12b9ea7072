"""What the log holds already: its end, a single message, and whether two are the same."""

from collections.abc import Sequence

import msgspec
import nats.errors
from nats.js.errors import APIError, NotFoundError

from adapters.jetstream.connection import Connection
from adapters.jetstream.delivery import Delivery, DeliveryEndedError
from domain.events import decode
from domain.log import LogError, LogUnavailableError


async def last_sequence(connection: Connection, stream: str) -> int:
    """The sequence of the stream's newest message, 0 for an empty stream."""
    try:
        return (await connection.jetstream.stream_info(stream)).state.last_seq
    except NotFoundError as error:
        raise LogError(
            f"{connection.url} has no stream {stream}; create it with `curvetape streams apply`"
        ) from error
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(f"the end of {stream} could not be read: {error!r}") from error


async def stored_payload(connection: Connection, stream: str, sequence: int) -> bytes:
    """The payload at a sequence, from the stream's leader, so that it is never a stale one."""
    try:
        message = await connection.jetstream.get_msg(stream, sequence)
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(
            f"sequence {sequence} of {stream} could not be read back: {error!r}"
        ) from error
    return message.data or b""


async def held_alike(
    connection: Connection, stream: str, payloads: Sequence[bytes], *, after: int
) -> int:
    """How many payloads, from the first on, the stream holds in a row behind `after`."""
    count = min(len(payloads), await last_sequence(connection, stream) - after)
    if count <= 0:
        return 0
    delivery = await Delivery.open(connection, stream, first=after + 1)
    alike = 0
    try:
        while alike < count:
            for message in await delivery.take(count - alike):
                if message.sequence != after + alike + 1:
                    return alike
                if not same_content(message.payload, payloads[alike]):
                    return alike
                alike += 1
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
