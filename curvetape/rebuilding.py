"""Builds a read model anew beside the served one, and puts it into its place."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.generations import Generation, GenerationError, Generations, Place, schema_of
from adapters.postgres.pool import NO_CONNECTIONS, Connections, open_pool
from adapters.postgres.table_store import Table
from domain.log import EventLog
from projections.bounded import Bounded
from projections.narrowed import Narrowed, Part
from projections.parking import Tell
from projections.projection import Hosted, host
from projections.runner import Runner

STATUS_WAIT_S = 5.0
ROUNDS_MAX = 20
LEFT_EVENTS_MAX = 5_000
"""What the served one may be ahead by, at most, when the swap begins: it waits for these."""

Say = Callable[[str], None]
ReadModels = Callable[[Connections], list[Hosted]]
"""Every core with its store on some connections."""
Load = Callable[[str, int], Awaitable[None]]
"""Fills a schema's empty tables with what the archive holds up to a sequence, checkpoint and all;
faster than event by event, with the same rows."""


class UnknownProjectionError(GenerationError):
    """There is no read model of this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no projection {name!r}; there are {', '.join(known)}")


def check_name(hosted: Sequence[Hosted], name: str) -> Hosted:
    """The read model of a name; raises `UnknownProjectionError`."""
    known = {each.projection.name: each for each in hosted}
    if name not in known:
        raise UnknownProjectionError(name, list(known))
    return known[name]


class Rebuilding:
    """One read model's generations; use it within `claimed`."""

    def __init__(
        self,
        log: EventLog,
        generations: Generations,
        read_models: ReadModels,
        name: str,
        say: Say,
        *,
        batch_max: int,
        loads: Mapping[str, Load] | None = None,
        tell: Tell | None = None,
    ) -> None:
        """`loads` are by read model, `tell` is `Runner`'s. Raises `UnknownProjectionError`."""
        self._log = log
        self._generations = generations
        self._read_models = read_models
        self._say = say
        self._batch_max = batch_max
        self._tell = tell
        self._load = (loads or {}).get(name)
        found = check_name(read_models(NO_CONNECTIONS), name)
        store = found.store
        assert isinstance(store, CheckpointedStore), "it is kept in PostgreSQL"
        self.name = name
        self.version = found.projection.version
        tables = (*store.tables, *store.bookkeeping)
        self.tables = [upsert.table for upsert in tables]
        self._definitions = {it.table: it.definition for it in tables if isinstance(it, Table)}

    async def build(self, *, fresh: bool = False) -> Generation:
        """Build the next generation up to where the served one is; goes on with what is there.

        Raises `LogError`, `ProjectionsStoppedError` and `GenerationError`.
        """
        await self._generations.claim(self.name)
        if self.name not in await self._generations.served():
            raise GenerationError(
                f"{self.name} has not begun, so there is nothing to rebuild; "
                "run `curvetape project`"
            )
        found = await self._generations.beside(self.name, "next")
        schema = schema_of(self.name, "next")
        fresh |= found is None or found.version != self.version or found.refused is not None
        if fresh or (found is not None and not found.sequence):
            await self._create(schema)
            self._say(f"{self.name}: building its next generation in the schema {schema}")
            if self._load is not None:
                served = await self._generations.served()
                await self._load(schema, served[self.name].sequence)
        else:
            self._say(f"{self.name}: going on with the next generation at {_at(found):,}")
        async with self._hosted(schema, Part()) as hosted:
            await self._near(hosted)
        made = await self._generations.beside(self.name, "next")
        assert made is not None, "it was built just now"
        return made

    async def build_part(self, part: Part, schema: str) -> Generation:
        """Build a read model of a part of the log in a schema, from all that the log holds now."""
        await self._generations.claim(self.name)
        await self._create(schema)
        async with self._hosted(schema, part) as hosted:
            await self._replay(hosted, await self._log.last_sequence())
        made = await self._generations.inside(schema, self.name)
        assert made is not None, "it was built just now"
        return made

    async def serve(self, place: Place) -> Generation:
        """Put a generation into the served one's place. Raises `GenerationError`."""
        await self._generations.claim(self.name)
        found = await self._generations.beside(self.name, place)
        if found is None:
            raise GenerationError(f"{self.name} has no {place} generation; rebuild it first")
        if found.version != self.version:
            raise GenerationError(
                f"{self.name}: the {place} generation is of version {found.version}, this program "
                f"makes version {self.version}; rebuild it, or run the program that made it"
            )
        if found.refused is not None:
            raise GenerationError(
                f"{self.name}: the {place} generation was refused: {found.refused}"
            )
        async with self._hosted(schema_of(self.name, place), Part()) as hosted:
            await self._near(hosted)
            return await self._generations.promote(
                self.name, place, self.tables, lambda until: self._replay(hosted, until)
            )

    async def _create(self, schema: str) -> None:
        await self._generations.create(
            self.name,
            schema,
            self.tables,
            version=self.version,
            definitions=self._definitions,
        )

    async def _near(self, hosted: Hosted) -> None:
        """Replay until the served one is only a little ahead."""
        for played in range(ROUNDS_MAX):
            goal = (await self._generations.served())[self.name].sequence
            reached = (await hosted.store.checkpoint()).sequence
            if reached > goal:
                raise GenerationError(
                    f"{self.name}: its generation is at sequence {reached}, ahead of the served "
                    f"one at {goal}; start `curvetape project`, then try again"
                )
            if goal - reached <= (LEFT_EVENTS_MAX if played else 0):
                return
            await self._replay(hosted, goal)

    async def _replay(self, hosted: Hosted, until: int) -> None:
        """Apply what the log has up to a sequence."""
        began, start = time.monotonic(), (await hosted.store.checkpoint()).sequence
        if start >= until:
            return
        bounded = Bounded(self._log, until)
        runner = Runner(bounded, [hosted], batch_max=self._batch_max, tell=self._tell)
        telling = asyncio.create_task(self._say_progress(runner, start, until, began))
        try:
            await runner.run(follow=False)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        took_s = max(time.monotonic() - began, 0.001)
        if until - start > LEFT_EVENTS_MAX:
            rate = (until - start) / took_s
            self._say(f"{self.name}: {until - start:,} events in {took_s:,.1f} s, {rate:,.0f}/s")

    async def _say_progress(self, runner: Runner, start: int, until: int, began: float) -> None:
        while True:
            await asyncio.sleep(STATUS_WAIT_S)
            (status,) = await runner.status()
            done, took_s = status.sequence - start, time.monotonic() - began
            rate = done / took_s
            left = f"{(until - status.sequence) / rate:,.0f} s to go" if rate else "no rate yet"
            place = f"{status.sequence:,} of {until:,} ({status.sequence / until:.0%})"
            self._say(f"{self.name}: {place}, {rate:,.0f}/s, {left}")

    @asynccontextmanager
    async def _hosted(self, schema: str, part: Part) -> AsyncIterator[Hosted]:
        """The core, with a store that saves into a schema."""
        pool = await open_pool(
            self._generations.dsn, application=f"curvetape rebuild {self.name}", schema=schema
        )
        try:
            (found,) = [it for it in self._read_models(pool) if it.projection.name == self.name]
            yield found if part.is_all else host(Narrowed(found.projection, part), found.store)
        finally:
            await pool.close()


def _at(generation: Generation | None) -> int:
    return 0 if generation is None else generation.sequence
