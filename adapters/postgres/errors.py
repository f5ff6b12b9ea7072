"""What a database's refusals and silences mean."""

import asyncpg

from adapters.address import public

TRANSIENT = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    asyncpg.InternalClientError,
)
"""The server is away, starting, stopping, overloaded, or chose us to break a tie."""

PERMANENT = (asyncpg.PostgresError, asyncpg.InterfaceError)
"""Anything else that it says; check for `TRANSIENT` first."""


class DatabaseUnreachableError(Exception):
    """No connection to the database can be made."""

    def __init__(self, dsn: str, reason: str) -> None:
        super().__init__(
            f"{public(dsn)} could not be reached: {reason}; check CURVETAPE_POSTGRES_DSN"
        )
        self.reason = reason


def is_transient(error: BaseException) -> bool:
    """Whether the same statement may work a little later."""
    if isinstance(error, TRANSIENT):
        return True
    # A connection that broke says so in many ways; a value that does not fit is a ValueError.
    return isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)
