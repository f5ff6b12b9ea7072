"""The API over a generated market in PostgreSQL, at a port of its own, for others' clients."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from adapters.postgres.migrations import migrate
from adapters.postgres.pair_reads import PostgresPairReads
from adapters.postgres.pool import open_pool
from api.app import create_app
from api.server import server_config
from curvetape.bootstrap import read_models
from curvetape.testing.history import as_it_came
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.waiting import until
from domain.events import AnyEvent, TokenMigrated
from projections.runner import Runner


@asynccontextmanager
async def serving_market(dsn: str) -> AsyncIterator[tuple[str, PostgresPairReads]]:
    """The address of the API, and what it asks."""
    events = [event for *_, event in as_it_came()]
    await migrate(dsn)
    pool = await open_pool(dsn)
    try:
        await Runner(MemoryLog(events), read_models(pool)).run(follow=False)
        reads = PostgresPairReads(pool)
        app = create_app(reads, MemoryLog(events), pairs=reads)
        running = uvicorn.Server(server_config(app, host="127.0.0.1", port=0))
        # Without the signal handlers that belong to a process of its own.
        running.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # above
        serving = asyncio.create_task(running.serve())

        async def started() -> bool:
            return running.started

        try:
            await until(started)
            (listening,) = running.servers
            yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", reads
        finally:
            running.should_exit = True
            await serving
    finally:
        await pool.close()


def graduate() -> AnyEvent:
    """The migration of the token that has left its curve."""
    return next(event for *_, event in as_it_came() if isinstance(event, TokenMigrated))
