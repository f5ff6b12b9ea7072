"""Builds a read model of Valkey's anew beside the served one, and puts it into its place."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from adapters.valkey.generations import Generations
from adapters.valkey.keys import Role
from curvetape.building import Building
from curvetape.catching_up import Say
from domain.log import EventLog
from projections.generation import Generation, GenerationError, Place
from projections.parking import Tell
from projections.projection import Hosted

HostedIn = Callable[[Role], Hosted]
"""The core, with a store that saves into the generation in a role."""


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
        tell: Tell | None = None,
    ) -> None:
        """`tell` is `Runner`'s."""
        projection = hosted("next").projection
        super().__init__(
            log, projection.name, projection.version, say, batch_max=batch_max, tell=tell
        )
        self._generations = generations
        self._host = hosted

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
        """Nothing to do: all of it is replayed."""

    async def _promote(self, place: Place, hosted: Sequence[Hosted]) -> Generation:
        (only,) = hosted

        async def catch_up(until: int) -> frozenset[int]:
            await self._replay(only, until)
            return await self._undecided(only)

        return await self._generations.promote(place, catch_up)

    @asynccontextmanager
    async def _hosted(self, place: Place) -> AsyncIterator[Sequence[Hosted]]:
        yield [self._host(place)]
