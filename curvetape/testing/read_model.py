"""A read model under test, on a real database: given events, when more come, then these rows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from curvetape.registered import Make
from curvetape.testing.memory_log import MemoryLog
from domain.events import AnyEvent
from domain.log import Recorded
from projections.projection import CheckpointMovedError
from projections.runner import Runner

Row = dict[str, object]


class ReadModel:
    """One read model on a log in memory."""

    def __init__(self, make: Make, pool: Pool) -> None:
        self._make = make
        self._pool = pool
        self._log = MemoryLog()
        self._events: list[AnyEvent] = []

    async def given(self, *events: AnyEvent) -> None:
        """Append these, and project them at once."""
        self._events += events
        self._log.add(*events)
        await Runner(self._log, [self._make(self._pool)]).run(follow=False)

    async def when(self, *events: AnyEvent) -> None:
        """Append these, each before a start of its own, as where `project` dies all the time."""
        for event in events:
            await self.given(event)

    async def applied_again(self) -> None:
        """Try to save everything a second time, as who did not notice that it is saved would.

        `AssertionError` where the store lets that happen.
        """
        hosted = self._make(self._pool)
        recorded = [Recorded(number, event) for number, event in enumerate(self._events, 1)]
        changes = hosted.projection.apply(recorded)
        try:
            await hosted.store.save(changes, seen=0, reached=len(recorded))
        except CheckpointMovedError:
            return
        raise AssertionError("the same events were saved twice")

    async def rows(self) -> list[Row]:
        """The rows of its first table, by key."""
        store = self._make(self._pool).store
        assert isinstance(store, CheckpointedStore), "it is kept in PostgreSQL"
        table = store.tables[0]
        found = await self._pool.fetch(
            f"select * from {table.view} order by {', '.join(table.key)}"  # noqa: S608  # our own
        )
        return [dict(row) for row in found]


@asynccontextmanager
async def read_model(make: Make, dsn: str) -> AsyncIterator[ReadModel]:
    """The read model of a maker, empty, on an empty database."""
    await migrate(dsn)
    pool = await open_pool(dsn, connections_max=1)
    try:
        yield ReadModel(make, pool)
    finally:
        await pool.close()
