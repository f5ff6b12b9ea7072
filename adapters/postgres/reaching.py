"""Single connections: those of commands that need no pool, and say so where there is none."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from adapters.postgres.errors import PERMANENT, TRANSIENT, DatabaseUnreachableError, is_transient
from adapters.postgres.pool import CONNECT_TIMEOUT_S, Connection


async def reach(dsn: str, **settings: str) -> Connection:
    """A connection with the server's settings; raises `DatabaseUnreachableError`."""
    try:
        return await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S, server_settings=settings)
    except (*TRANSIENT, *PERMANENT) as error:
        reason = str(error) or f"no answer within {CONNECT_TIMEOUT_S:g} s"
        raise DatabaseUnreachableError(dsn, reason) from error


@contextmanager
def reaching(dsn: str) -> Iterator[None]:
    """A connection that is lost within is said to be; other refusals speak for themselves."""
    try:
        yield
    except (*TRANSIENT, *PERMANENT) as error:
        if is_transient(error):
            raise DatabaseUnreachableError(dsn, str(error)) from error
        raise
