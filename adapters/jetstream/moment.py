"""Where in a stream a moment lies, found by halving; no consumer has to read up to it."""

from functools import partial

import nats.errors
from nats.js.errors import APIError, NotFoundError

from adapters.jetstream.connection import Connection
from adapters.jetstream.patience import patiently
from domain.log import LogError, LogUnavailableError

NS_PER_S = 1_000_000_000


async def sequence_before(connection: Connection, stream: str, moment_ns: int) -> int:
    """A sequence that all messages stored since a moment are behind; 0 where that is all of them.

    The moment is in nanoseconds since 1970 on the server's clock. For a stream without holes;
    takes a question to the server for each halving.
    """
    try:
        state = (await connection.jetstream.stream_info(stream)).state
    except NotFoundError as error:
        raise LogError(
            f"{connection.url} has no stream {stream}; create it with `curvetape streams apply`"
        ) from error
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(f"{stream} could not be read: {error!r}") from error
    low, high = max(1, state.first_seq), state.last_seq
    while low <= high:
        middle = (low + high) // 2
        stored_ns = await patiently(connection, partial(_stored_ns, connection, stream, middle))
        if stored_ns < moment_ns:
            low = middle + 1
        else:
            high = middle - 1
    return max(0, low - 1)


async def _stored_ns(connection: Connection, stream: str, sequence: int) -> int:
    try:
        message = await connection.jetstream.get_msg(stream, sequence)
    except NotFoundError:
        return 0  # it is so old that it went in this moment
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(
            f"sequence {sequence} of {stream} could not be read: {error!r}"
        ) from error
    assert message.time is not None, "a stored message has a time"
    return int(message.time.timestamp() * NS_PER_S)
