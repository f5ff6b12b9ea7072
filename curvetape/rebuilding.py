"""Builds a read model of PostgreSQL's anew beside the served one, and puts it into its place."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.generations import Generations, schema_of
from adapters.postgres.pool import NO_CONNECTIONS, Connections, open_pool
from adapters.postgres.table_store import Table
from curvetape.building import Building, places
from curvetape.catching_up import Say
from domain.log import EventLog
from domain.partition import partitions
from projections.generation import Generation, GenerationError, Place
from projections.narrowed import Narrowed, Part
from projections.parking import Tell
from projections.partitioning import of_part
from projections.projection import Hosted, host

ReadModels = Callable[[Connections], list[Hosted]]
"""Every core with its store on some connections."""
Load = Callable[[str, int], Awaitable[None]]
"""Fills a schema's empty tables with what the archive holds up to a sequence, checkpoint and all;
faster than event by event, with the same rows. Raises `UnloadableError`."""


class UnloadableError(Exception):
    """Something in the archive cannot be applied, and a load has no way to park it."""


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


class Rebuilding(Building):
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
        found = check_name(read_models(NO_CONNECTIONS), name)
        version = found.projection.version
        super().__init__(log, name, version, say, batch_max=batch_max, tell=tell)
        self._generations = generations
        self._read_models = read_models
        self._load = (loads or {}).get(name)
        store = found.store
        assert isinstance(store, CheckpointedStore), "it is kept in PostgreSQL"
        self.store = store
        tables = (*store.tables, *store.bookkeeping)
        self.tables = [upsert.table for upsert in tables]
        self.views = store.views
        self._definitions = {it.table: it.definition for it in tables if isinstance(it, Table)}

    async def build_part(self, part: Part, schema: str) -> Generation:
        """Build a read model of a part of the log in a schema, from all that the log holds now."""
        await self._claim()
        await self._make(schema)
        async with self._stored(schema, part) as hosted:
            await self._replay(hosted, await self._log.last_sequence())
        made = await self._generations.inside(schema, self.name)
        assert made is not None, "it was built just now"
        return made

    async def _claim(self) -> None:
        await self._generations.claim(self.name)

    async def _make(self, schema: str) -> None:
        await self._generations.create(
            self.name,
            schema,
            self.tables,
            version=self.version,
            definitions=self._definitions,
            views=self.views,
        )

    async def _served(self) -> Generation:
        served = (await self._generations.served()).get(self.name)
        if served is None:
            raise GenerationError(
                f"{self.name} has not begun, so there is nothing to rebuild; "
                "run `curvetape project`"
            )
        return served

    async def _beside(self, place: Place) -> Generation | None:
        return await self._generations.beside(self.name, place)

    async def _create(self) -> str:
        schema = schema_of(self.name, "next")
        await self._make(schema)
        return f"the schema {schema}"

    async def _fill(self) -> None:
        if self._load is None:
            return
        try:
            await self._load(schema_of(self.name, "next"), (await self._served()).sequence)
        except UnloadableError as error:
            where = await self._create()  # the tables were left half full, and without their keys
            self._say(
                f"{self.name}: {error}; made event by event in {where} instead, "
                "where what cannot be applied is parked"
            )

    async def _promote(self, place: Place, hosted: Sequence[Hosted]) -> Generation:
        async def catch_up(live: Generation) -> frozenset[int]:
            if len(hosted) == 1 and live.parts:
                # What is whole follows the lowest part, then is divided as the served one is.
                (whole,) = hosted
                await self._replay(whole, live.sequence)
                await self._divide(place, len(live.parts))
                following = [of_part(whole, it) for it in partitions(len(live.parts))]
            else:
                following = list(hosted)
            for each, goal in zip(following, places(live, len(following)), strict=True):
                await self._replay(each, goal)
            undecided: frozenset[int] = frozenset()
            return undecided.union(*[await self._undecided(each) for each in following])

        # Whoever reads locks a view before the tables that it shows; so does the swap.
        moved = [*self.views, *self.tables]
        return await self._generations.promote(self.name, place, moved, catch_up)

    @asynccontextmanager
    async def _hosted(self, place: Place) -> AsyncIterator[Sequence[Hosted]]:
        served, found = await self._served(), await self._generations.beside(self.name, place)
        async with self._stored(schema_of(self.name, place), Part()) as whole:
            count = 0 if found is None else len(found.parts)
            parts = [of_part(whole, it) for it in partitions(count)]
            if found is not None and parts and count != len(served.parts):
                # Divided otherwise than what is served by now, so it is made whole again.
                for each in parts:
                    await self._replay(each, max(found.parts))
                await self._divide(place, 1)
                parts = []
            yield parts or [whole]

    async def _divide(self, place: Place, parts: int) -> None:
        schema = schema_of(self.name, place)
        async with await Generations.open(
            self._generations.dsn, application=f"curvetape rebuild {self.name}", schema=schema
        ) as beside:
            await beside.divide(self.name, parts)

    @asynccontextmanager
    async def _stored(self, schema: str, part: Part) -> AsyncIterator[Hosted]:
        """The core, with a store that saves into a schema."""
        pool = await open_pool(
            self._generations.dsn, application=f"curvetape rebuild {self.name}", schema=schema
        )
        try:
            (found,) = [it for it in self._read_models(pool) if it.projection.name == self.name]
            yield found if part.is_all else host(Narrowed(found.projection, part), found.store)
        finally:
            await pool.close()
