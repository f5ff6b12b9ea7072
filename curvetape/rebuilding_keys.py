"""Builds a read model of Valkey's anew beside the served one, and puts it into its place."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from adapters.valkey.checkpoint import CheckpointedStore
from adapters.valkey.generations import Generations
from adapters.valkey.keys import Role
from curvetape.building import Building
from curvetape.catching_up import Say
from curvetape.rebuilding import UnloadableError
from domain.log import EventLog
from projections.generation import Generation, GenerationError, Place
from projections.parking import Tell
from projections.projection import Hosted

HostedIn = Callable[[Role], Hosted]
"""The core, with a store that saves into the generation in a role."""
KeyLoad = Callable[[CheckpointedStore[Any], int], Awaitable[object]]
"""Fills an empty store with what the archive holds up to a sequence, checkpoint and all; faster
than event by event, with the same rows. Raises `UnloadableError`."""


class KeyRebuilding(Building):
    """One read model's generations.

    Two may be at it: what one of them saves is not saved by the other, which stops.
    """

    def __init__(
        self,
        log: EventLog,
        generations: Generations,
        hosted: HostedIn,
        say: Say,
        *,
        batch_max: int,
        load: KeyLoad | None = None,
        tell: Tell | None = None,
    ) -> None:
        """Without a `load` all of it is replayed; `tell` is `Runner`'s."""
        projection = hosted("next").projection
        super().__init__(
            log, projection.name, projection.version, say, batch_max=batch_max, tell=tell
        )
        self._generations = generations
        self._host = hosted
        self._load = load

    async def _claim(self) -> None:
        """Nothing to do: only a save from the place that it was read at is made."""

    async def _served(self) -> Generation:
        served = await self._generations.served()
        if served is None:
            raise GenerationError(
                f"{self.name} have not begun, so there is nothing to rebuild; "
                "run `curvetape project`"
            )
        return served

    async def _beside(self, place: Place) -> Generation | None:
        return await self._generations.beside(place)

    async def _create(self) -> str:
        root = await self._generations.create("next", version=self.version)
        return f"keys that begin with {root}"

    async def _fill(self) -> None:
        if self._load is None:
            return
        store = self._host("next").store
        assert isinstance(store, CheckpointedStore), "it is kept in Valkey"
        try:
            await self._load(store, (await self._served()).sequence)
        except UnloadableError as error:
            where = await self._create()  # some of its keys may be there already
            self._say(
                f"{self.name}: {error}; made event by event in {where} instead, "
                "where what cannot be applied is parked"
            )

    async def _promote(self, place: Place, hosted: Sequence[Hosted]) -> Generation:
        (only,) = hosted

        async def catch_up(until: int) -> frozenset[int]:
            await self._replay(only, until)
            return await self._undecided(only)

        return await self._generations.promote(place, catch_up)

    @asynccontextmanager
    async def _hosted(self, place: Place) -> AsyncIterator[Sequence[Hosted]]:
        yield [self._host(place)]
