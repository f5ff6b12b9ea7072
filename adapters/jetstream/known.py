"""What the log holds already: its end, a single message, and whether two are the same."""

import msgspec
import nats.errors
from nats.js.errors import APIError, NotFoundError

from adapters.jetstream.connection import Connection
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


def same_content(held: bytes, offered: bytes) -> bool:
    """Whether two payloads say the same, whenever we received each of them."""
    if held == offered:
        return True
    try:
        ours, theirs = decode(held), decode(offered)
    except msgspec.DecodeError:
        return False
    return msgspec.structs.replace(ours, received_at_ns=theirs.received_at_ns) == theirs
