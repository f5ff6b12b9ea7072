"""Compares the read models with what a replay of the log makes of them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.scratch import Kept, Scratch
from domain.log import EventLog
from domain.partition import Partition, partitions
from projections.audit.model_report import ModelReport, ModelsReport, report
from projections.bounded import Bounded
from projections.generation import Generation
from projections.partitioning import of_part
from projections.projection import Hosted
from projections.runner import ProjectionsStoppedError, Runner

STATUS_WAIT_S = 5.0
ROUNDS_MAX = 5
LEFT_EVENTS_MAX = 10_000
"""What the log may have grown by, at most, before the last round. Only that one keeps the tables
as they are, which keeps the database from tidying up behind others; so it has to be short."""

Say = Callable[[str], None]


class Comparing:
    """One comparison, of read models that are replayed into scratch tables."""

    def __init__(
        self,
        log: EventLog,
        scratch: Scratch,
        hosted: Sequence[Hosted],
        say: Say,
        *,
        batch_max: int,
        rows_max: int,
    ) -> None:
        """`hosted` save into the scratch tables; `rows_max` rows that differ are named."""
        self._log = log
        self._scratch = scratch
        self._hosted = {it.projection.name: it for it in hosted}
        self._say = say
        self._batch_max = batch_max
        self._rows_max = rows_max
        self._reached = dict.fromkeys(self._hosted, 0)
        self._kept: Mapping[str, Kept] = {}
        self._reasons: dict[str, str] = {}
        """Why read models cannot be compared."""
        self._divided: dict[str, int] = {}
        """Into how many parts those are divided whose parts are replayed each for itself."""

    async def run(self) -> ModelsReport:
        """Replay up to each read model's checkpoint, and compare. Raises `LogError`."""
        await self._scratch.shadow(
            table
            for it in self._hosted.values()
            for table in (*_store_of(it).tables, *_store_of(it).bookkeeping)
        )
        for _ in range(ROUNDS_MAX):
            places = await self._places()
            left = max((place - self._reached[it] for it, place in places.items()), default=0)
            if left <= LEFT_EVENTS_MAX:
                break
            await self._replay(places)
        await self._replay_parts(lead_max=LEFT_EVENTS_MAX)
        async with self._scratch.frozen():
            await self._replay(await self._places())
            await self._replay_parts()
            models = [await self._compared(name) for name in self._hosted]
        return report(models, last_sequence=await self._log.last_sequence())

    async def _places(self) -> Mapping[str, int]:
        """The checkpoints of those that can be compared, as they are now."""
        self._kept = kept = await self._scratch.kept()
        last = await self._log.last_sequence()
        for name, hosted in self._hosted.items():
            reason = obstacle(kept.get(name), hosted.projection.version, last)
            if reason is not None:
                self._reasons[name] = reason
        apart = self._reasons.keys() | self._divided.keys()
        return {name: kept[name].sequence for name in self._hosted if name not in apart}

    async def _replay(self, places: Mapping[str, int]) -> None:
        """Apply what the log has up to each read model's place, to all at once where it can."""
        for place in sorted(set(places.values())):
            names = [it for it in places if self._reached[it] < place <= places[it]]
            if not names:
                continue
            until = Bounded(self._log, place)
            runner = Runner(until, [self._hosted[it] for it in names], batch_max=self._batch_max)
            telling = asyncio.create_task(self._tell(runner))
            try:
                await runner.run(follow=False)
            except ProjectionsStoppedError as stopped:
                self._reasons |= {it.name: str(it) for it in stopped.errors}
            finally:
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)
            self._reached |= dict.fromkeys(names, place)

    async def _replay_parts(self, *, lead_max: int = 0) -> None:
        """Take the parts of those that are not level from the lowest one's place to their own.

        Those whose furthest part leads by `lead_max` or less wait.
        """
        for name in [it for it in self._hosted if it not in self._reasons]:
            kept = self._kept[name]
            parts, lead = len(kept.parts), max(kept.parts, default=0) - kept.sequence
            if name not in self._divided:
                if lead <= lead_max:
                    continue
                self._divided[name] = parts
                await self._scratch.divide(name, parts)
            if self._divided[name] != parts:
                self._reasons[name] = "it was divided otherwise meanwhile; compare it again"
                continue
            try:
                for partition, place in zip(partitions(parts), kept.parts, strict=True):
                    await self._replay_part(name, partition, place)
            except ProjectionsStoppedError as stopped:
                self._reasons[name] = str(stopped)

    async def _replay_part(self, name: str, partition: Partition, place: int) -> None:
        hosted, until = of_part(self._hosted[name], partition), Bounded(self._log, place)
        runner = Runner(until, [hosted], batch_max=self._batch_max, partition=partition)
        await runner.run(follow=False)

    async def _tell(self, runner: Runner) -> None:
        while True:
            await asyncio.sleep(STATUS_WAIT_S)
            status = min(await runner.status(), key=lambda it: it.sequence)
            self._say(f"replayed up to sequence {status.sequence:,} of {status.head:,}")

    async def _compared(self, name: str) -> ModelReport:
        place = self._kept[name].sequence if name in self._kept else None
        if name in self._reasons:
            return ModelReport(name=name, sequence=place, reason=self._reasons[name])
        self._say(f"comparing {name} at sequence {place:,}")
        tables = [
            await self._scratch.compared(it, rows_max=self._rows_max)
            for it in _store_of(self._hosted[name]).tables
        ]
        return ModelReport(name=name, sequence=place, tables=tuple(tables))


def _store_of(hosted: Hosted) -> CheckpointedStore[object]:
    assert isinstance(hosted.store, CheckpointedStore), "it is kept in PostgreSQL"
    return hosted.store


def obstacle(kept: Kept | Generation | None, version: int, last_sequence: int) -> str | None:
    """Why a read model cannot be compared, None where it can."""
    if kept is None or kept.sequence == 0:
        return "it has not begun"
    if kept.refused is not None:
        return kept.refused
    if kept.version != version:
        return (
            f"its rows are of version {kept.version}, this program makes those of version {version}"
        )
    if kept.sequence > last_sequence:
        return (
            f"it is at sequence {kept.sequence}, but the log ends at {last_sequence}, so it was "
            "made from another log"
        )
    return None
