"""Building a read model anew beside the one that is served, wherever its rows are kept."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from curvetape.catching_up import Say, catch_up
from curvetape.undecided import undecided
from domain.log import EventLog
from projections.generation import Generation, GenerationError, Place
from projections.parking import Tell
from projections.projection import Hosted

ROUNDS_MAX = 20
LEFT_EVENTS_MAX = 5_000
"""What the served one may be ahead by, at most, when the swap begins: it waits for these."""


class Building(ABC):
    """One read model's generations; a subclass says where they are."""

    def __init__(
        self,
        log: EventLog,
        name: str,
        version: int,
        say: Say,
        *,
        batch_max: int,
        tell: Tell | None = None,
    ) -> None:
        """`version` is what this program makes, `tell` is `Runner`'s."""
        self.name = name
        self.version = version
        self._log = log
        self._say = say
        self._batch_max = batch_max
        self._tell = tell

    @abstractmethod
    async def _claim(self) -> None:
        """Be the only one who changes generations; raises `GenerationError` where another is."""

    @abstractmethod
    async def _served(self) -> Generation:
        """The one that answers; raises `GenerationError` where there is none."""

    @abstractmethod
    async def _beside(self, place: Place) -> Generation | None:
        """The one in a place."""

    @abstractmethod
    async def _create(self) -> str:
        """Make an empty next generation; says where it is."""

    @abstractmethod
    async def _fill(self) -> None:
        """Fill the empty next generation with what need not be replayed."""

    @abstractmethod
    def _hosted(self, place: Place) -> AbstractAsyncContextManager[Sequence[Hosted]]:
        """The core, with a store that saves into the generation in a place.

        Once for each part where the generation is divided as the served one is.
        """

    @abstractmethod
    async def _promote(self, place: Place, hosted: Sequence[Hosted]) -> Generation:
        """Serve a generation in one step, once it is brought to where the served one is."""

    async def build(self, *, fresh: bool = False) -> Generation:
        """Build the next generation up to where the served one is; goes on with what is there.

        Raises `LogError`, `ProjectionsStoppedError` and `GenerationError`.
        """
        await self._claim()
        await self._served()
        found = await self._beside("next")
        fresh |= found is None or found.version != self.version or found.refused is not None
        if fresh or (found is not None and not found.sequence):
            where = await self._create()
            self._say(f"{self.name}: building its next generation in {where}")
            await self._fill()
        else:
            reached = 0 if found is None else found.sequence
            self._say(f"{self.name}: going on with the next generation at {reached:,}")
        async with self._hosted("next") as hosted:
            await self._near(hosted)
        made = await self._beside("next")
        assert made is not None, "it was built just now"
        return made

    async def serve(self, place: Place) -> Generation:
        """Put a generation into the served one's place. Raises `GenerationError`."""
        await self._claim()
        found = await self._beside(place)
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
        async with self._hosted(place) as hosted:
            await self._near(hosted)
            return await self._promote(place, hosted)

    async def _near(self, hosted: Sequence[Hosted]) -> None:
        """Replay until the served one is only a little ahead."""
        for played in range(ROUNDS_MAX):
            goals = places(await self._served(), len(hosted))
            furthest = 0
            for each, goal in zip(hosted, goals, strict=True):
                reached = (await each.store.checkpoint()).sequence
                if reached > goal:
                    raise GenerationError(
                        f"{self.name}: its generation is at sequence {reached}, ahead of the "
                        f"served one at {goal}; start `curvetape project`, then try again"
                    )
                furthest = max(furthest, goal - reached)
            if furthest <= (LEFT_EVENTS_MAX if played else 0):
                return
            for each, goal in zip(hosted, goals, strict=True):
                await self._replay(each, goal)

    async def _replay(self, hosted: Hosted, until: int) -> None:
        """Apply what the log has up to a sequence."""
        await catch_up(
            self._log,
            hosted,
            until,
            self._say,
            name=self.name,
            batch_max=self._batch_max,
            tell=self._tell,
        )

    async def _undecided(self, hosted: Hosted) -> frozenset[int]:
        """What of the log waits for its slot where the rows are."""
        _, found = await undecided(self._log, hosted, batch_max=self._batch_max)
        return found


def places(generation: Generation, count: int) -> Sequence[int]:
    """Where each of so many parts of it is; as a whole it is where the lowest of its parts is."""
    if count == len(generation.parts):
        return generation.parts
    assert count == 1, "parts are counted as the generation's are, or not at all"
    return [generation.sequence]
