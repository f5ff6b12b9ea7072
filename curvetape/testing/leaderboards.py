"""A Valkey for one test of leaderboards, on the session's server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.embedded.valkey import ValkeyServer
from adapters.valkey.client import Valkey

_DATABASE = 9
"""Users of the session's server share its keys; this database of it is for one test at a time."""


def database_url(server: ValkeyServer) -> str:
    """Where the test's own database is."""
    return f"{server.url.rpartition('/')[0]}/{_DATABASE}"


@asynccontextmanager
async def valkey_of(server: ValkeyServer) -> AsyncIterator[Valkey]:
    """The test's own database, empty before and after."""
    async with Valkey.at(database_url(server), application="test") as valkey:
        await valkey.one("FLUSHDB")
        yield valkey
        await valkey.one("FLUSHDB")
