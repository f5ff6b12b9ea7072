"""Compares a read model of Valkey's with what a replay of the log makes of it."""

import asyncio

from adapters.valkey.client import Valkey
from adapters.valkey.comparison import compared
from adapters.valkey.generations import Generations
from curvetape.catching_up import Say
from curvetape.comparing import LEFT_EVENTS_MAX, ROUNDS_MAX, obstacle
from curvetape.rebuilding_keys import HostedIn
from domain.log import EventLog
from projections.audit.model_report import ModelReport
from projections.bounded import Bounded
from projections.generation import Generation, GenerationError
from projections.projection import ProjectionError
from projections.runner import ProjectionsStoppedError, Runner

STATUS_WAIT_S = 5.0


class KeyComparing:
    """One comparison, with a replay into a generation that is thrown away after it."""

    def __init__(
        self,
        log: EventLog,
        valkey: Valkey,
        hosted: HostedIn,
        say: Say,
        *,
        batch_max: int,
        rows_max: int,
    ) -> None:
        """`rows_max` rows that differ are named."""
        self._hosted = hosted("scratch")
        self.name = self._hosted.projection.name
        self._version = self._hosted.projection.version
        self._log = log
        self._valkey = valkey
        self._generations = Generations(valkey, self.name)
        self._say = say
        self._batch_max = batch_max
        self._rows_max = rows_max

    async def run(self) -> ModelReport:
        """Replay up to the checkpoint, and compare.

        Whoever saves waits while rows are compared; who reads does not. Raises `LogError` and
        `ServerUnreachableError`.
        """
        served, reason = await self._comparable()
        if reason is not None:
            return self._left(served, reason)
        try:
            async with self._generations.scratch(version=self._version) as scratch:
                return await self._compared(scratch)
        except (GenerationError, ProjectionError, ProjectionsStoppedError) as error:
            return self._left(served, str(error))

    async def _compared(self, scratch: str) -> ModelReport:
        for _ in range(ROUNDS_MAX):
            if await self._replay() <= LEFT_EVENTS_MAX:
                break
        async with self._generations.held() as token:
            await self._replay()
            served, reason = await self._comparable()
            if served is None or reason is not None:
                return self._left(served, reason or "it is gone")
            self._say(f"comparing {self.name} at sequence {served.sequence:,}")
            tables = await compared(
                self._valkey,
                await self._generations.keys("served"),
                await self._generations.keys("scratch"),
                rows_max=self._rows_max,
            )
            await self._generations.check_held(token)
            await self._generations.check_scratch(scratch)
        return ModelReport(name=self.name, sequence=served.sequence, tables=tuple(tables))

    async def _comparable(self) -> tuple[Generation | None, str | None]:
        """What is served, and why it cannot be compared."""
        served = await self._generations.served()
        return served, obstacle(served, self._version, await self._log.last_sequence())

    async def _replay(self) -> int:
        """Apply what the log has up to the served one's place; how many events that was."""
        served = await self._generations.served()
        until = 0 if served is None else served.sequence
        start = (await self._hosted.store.checkpoint()).sequence
        if start >= until:
            return 0
        runner = Runner(Bounded(self._log, until), [self._hosted], batch_max=self._batch_max)
        telling = asyncio.create_task(self._tell(runner))
        try:
            await runner.run(follow=False)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        return until - start

    async def _tell(self, runner: Runner) -> None:
        while True:
            await asyncio.sleep(STATUS_WAIT_S)
            (status,) = await runner.status()
            self._say(f"replayed up to sequence {status.sequence:,} of {status.head:,}")

    def _left(self, served: Generation | None, reason: str) -> ModelReport:
        place = None if served is None else served.sequence
        return ModelReport(name=self.name, sequence=place, reason=reason)
