"""A Valkey for one test of leaderboards, on the session's server; and histories that take long."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import msgspec

from adapters.embedded.valkey import ValkeyServer
from adapters.valkey.client import Valkey
from curvetape.testing.events import GENESIS_S
from domain.events import AnyEvent, ProgramEvent

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


def stretched(events: Iterable[AnyEvent], factor: int) -> list[AnyEvent]:
    """The same events, so many times as far from each other in the chain's time."""
    return [
        msgspec.structs.replace(
            each, block_time_s=GENESIS_S + (each.block_time_s - GENESIS_S) * factor
        )
        if isinstance(each, ProgramEvent)
        else each
        for each in events
    ]


def newest_s(events: Iterable[AnyEvent]) -> int:
    """The newest time of them that the chain tells."""
    times_s = (each.block_time_s for each in events if isinstance(each, ProgramEvent))
    return max(times_s, default=GENESIS_S)
