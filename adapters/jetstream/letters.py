"""The stream of dead letters: where they are, and deleting one of them."""

import nats.errors
from nats.js.errors import APIError, NotFoundError

from adapters.jetstream.connection import Connection
from adapters.jetstream.patience import patiently
from domain.log import LogUnavailableError

STREAM = "DEAD"
SUBJECTS = ("dead.>",)
"""Letters are deleted, so the stream has holes, and reading it by subject does not mind them."""


_GONE = frozenset({10037, 10043, 10057})
"""What a server says when it is to delete a sequence that it does not have."""


async def delete(connection: Connection, sequence: int) -> bool:
    """Delete the letter at a sequence; False where it was gone. Raises `LogUnavailableError`.

    A letter whose deletion was not durable yet when the power failed is there again, and its retry
    finds its event in the log.
    """
    return await patiently(connection, lambda: _delete(connection, sequence))


async def _delete(connection: Connection, sequence: int) -> bool:
    try:
        return await connection.jetstream.delete_msg(STREAM, sequence)
    except NotFoundError:
        return False
    except APIError as error:
        if error.err_code in _GONE:
            return False
        raise LogUnavailableError(f"{STREAM} did not delete a letter: {error!r}") from error
    except nats.errors.Error as error:
        raise LogUnavailableError(f"{STREAM} did not delete a letter: {error!r}") from error
