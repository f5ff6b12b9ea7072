"""Bounded pools of connections."""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, TypeAlias

import asyncpg

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = (
        asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    )
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection


CONNECTIONS_MAX = 4
CONNECT_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 60.0


class Connections(Protocol):
    """Where a store gets a connection from: a pool, or whoever has only one."""

    def acquire(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for as long as the block runs."""
        ...


class _NoConnections:
    """For a store that is asked for nothing but what it is."""

    def acquire(self) -> AbstractAsyncContextManager[Connection]:
        raise AssertionError("nothing is read or written through this")


NO_CONNECTIONS: Connections = _NoConnections()


async def open_pool(
    dsn: str,
    *,
    connections_max: int = CONNECTIONS_MAX,
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    application: str = "curvetape",
    schema: str | None = None,
) -> Pool:
    """A pool that connects when it is first used; close it with `await pool.close()`.

    A statement that takes longer than `statement_timeout_s` is cancelled by the server, and
    given up a little later by the client where the server did not. With `schema` names of tables
    are looked up in that one only.
    """

    async def look_there(connection: Connection) -> None:
        # Each time anew: not every server takes it when one connects, and a release resets it.
        await connection.execute("select set_config('search_path', $1, false)", schema)

    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=connections_max,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=statement_timeout_s + 1,
        server_settings={
            "application_name": application,
            "statement_timeout": f"{round(statement_timeout_s * 1_000)}ms",
        },
        setup=None if schema is None else look_there,
    )
