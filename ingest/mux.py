"""All sources read at once: what any of them sends first is taken first."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from domain.chain import ChainUpdate, SourceError
from ingest.source import Source

BATCHES_MAX = 8
"""Batches that may wait for the reader; then sources wait, each behind its own limits."""
TICK_S = 0.1
"""After so long without an update the reader is told that time has passed."""


class AllSourcesEndedError(SourceError):
    """No source is left, each for a reason that only a person can mend."""


class Mux:
    """Reads several sources; one that fails is left out, and said, while the others go on."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        needed: Sequence[Source] | None = None,
        say: Callable[[str], None],
    ) -> None:
        """Reading ends when none of the `needed` is left; all are, where none are named."""
        self._sources = sources
        self._needed = list(sources if needed is None else needed)
        self._say = say
        self._batches: asyncio.Queue[tuple[str, Sequence[ChainUpdate]]] = asyncio.Queue(BATCHES_MAX)
        self._errors: list[SourceError] = []

    async def batches(self) -> AsyncIterator[tuple[str, Sequence[ChainUpdate]]]:
        """Who sent it, and what: in the order of arrival; empty batches as time passes.

        Ends when all sources have; `SourceError` when that is because none can go on.
        """
        reading = asyncio.create_task(self._read_all())
        try:
            while not (reading.done() and self._batches.empty()):
                try:
                    async with asyncio.timeout(TICK_S):
                        batch = await self._batches.get()
                except TimeoutError:
                    yield "", ()
                else:
                    yield batch
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read_all(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            readers = {
                source.name: tasks.create_task(self._read(source)) for source in self._sources
            }
            await asyncio.wait([readers[source.name] for source in self._needed])
            for reader in readers.values():
                reader.cancel()
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            sentences = "; ".join(str(error) for error in self._errors)
            raise AllSourcesEndedError(f"no source is left: {sentences}")

    async def _read(self, source: Source) -> None:
        try:
            async for updates in source.batches():
                await self._batches.put((source.name, updates))
        except SourceError as error:
            self._errors.append(error)
            self._say(f"ALARM: {error}; the other sources go on without it")
