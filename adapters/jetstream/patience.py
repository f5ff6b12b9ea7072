"""How long, and how often, something is asked of a server that does not answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from adapters.jetstream.connection import Connection
from domain.log import LogUnavailableError

RETRY_S_MAX = 60.0
"""Less than the streams' `duplicate_window`, within which the server recognises what it had
stored although its acknowledgement was lost."""
RETRY_WAIT_S_MIN = 0.05
RETRY_WAIT_S_MAX = 2.0

T = TypeVar("T")

_log = logging.getLogger(__name__)


async def patiently(
    connection: Connection, attempt: Callable[[], Awaitable[T]], *, retry_s_max: float = RETRY_S_MAX
) -> T:
    """Await `attempt()`, over again while it raises `LogUnavailableError`, for `retry_s_max`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + retry_s_max
    wait_s = RETRY_WAIT_S_MIN
    while True:
        try:
            await connection.wait_connected(wait_s_max=max(deadline - loop.time(), wait_s))
            return await attempt()
        except (LogUnavailableError, ConnectionError) as error:  # the latter from nats-py's socket
            if connection.closed:
                raise
            if loop.time() + wait_s >= deadline:
                raise LogUnavailableError(
                    f"no answer for {retry_s_max:g} s, the last time: {error}"
                ) from error
            _log.info("trying again in %g s: %s", wait_s, error)
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, RETRY_WAIT_S_MAX)
