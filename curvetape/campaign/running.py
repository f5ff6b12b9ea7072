"""One run of the campaign: what a schedule says is let happen, and the log is judged."""

import asyncio
import time
from collections.abc import Sequence

import msgspec

from adapters.embedded.nats import NatsServer
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.reader import JetStreamLog
from adapters.jetstream.streams import apply
from curvetape.campaign.keeping import (
    RESTART_WAIT_S,
    BrokenError,
    Keeper,
    Order,
    ProcessKeeper,
    TaskKeeper,
)
from curvetape.campaign.reading import Watch
from curvetape.campaign.schedule import (
    AFTER_S,
    QUICK,
    SLOT_S,
    SLOTS,
    Disruption,
    Schedule,
    chain_of,
    in_play,
    schedule,
)
from curvetape.campaign.verdict import Verdict, judge
from curvetape.config import Settings
from curvetape.definitions import definitions
from curvetape.ingesting import Patience
from curvetape.simulator.forked_chain import ForkedChain, Step
from curvetape.simulator.stage import Player, Stage, staged
from domain.log import Stored

SETTLE_S_MAX = 45.0
"""How long after its chain's end a log may take to come to its own; the chain's last blocks, some
of which bring what is late, take more than half of it."""
SETTLE_LOOK_S = 0.05
RUN_S_MAX = 85.0
"""A run that takes longer hangs."""
RPC_RATE = 200.0
READ_MAX = 5_000


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule and how its run ended."""

    seed: int
    seconds: float
    problems: list[str]
    """What is wrong; nothing where all is well."""
    said: list[str]
    verdict: Verdict | None = None
    """None where ingest broke before there was anything to judge."""


class Run:
    """Ingest on a stage, with its disruptions."""

    def __init__(
        self,
        stage: Stage,
        nats: NatsServer,
        *,
        plan: Schedule,
        patience: Patience = QUICK,
        slot_s: float = SLOT_S,
        more_urls: Sequence[str] = (),
    ) -> None:
        """`more_urls` are endpoints beside those of the stage."""
        self.said: list[str] = []
        self._stage = stage
        self._nats = nats
        self._plan = plan
        self._slot_s = slot_s
        self._steps = 0
        self._players: Sequence[Player] = [*stage.endpoints, stage.node]
        order = Order(settings_for(stage, nats, more_urls=more_urls), patience)
        kind = ProcessKeeper if plan.is_killed else TaskKeeper
        self._keeper: Keeper = kind(order, self.said.append)

    async def perform(self) -> bool:
        """Let the chain happen; True once the log has come to its end. Raises `BrokenError`."""
        stage = self._stage
        if stage.rpc is not None:
            stage.rpc.faults.add(*self._plan.rpc_faults)
        playing = in_play(stage.chain)
        try:
            await self._keeper.start()
            for step in playing:
                await self._publish(step)
                await self._after()
                await asyncio.sleep(0 if step.dead else self._slot_s)
            for player in self._players:
                await player.recover()
            return await self._settle(stage.chain.steps[len(playing) :])
        finally:
            await self._keeper.close()

    async def _publish(self, step: Step) -> None:
        for player in self._players:
            await player.publish(step)

    async def _after(self) -> None:
        self._steps += 1
        for disruption in self._plan.disruptions:
            if disruption.at == self._steps:
                await self._disrupt(disruption)

    async def _disrupt(self, disruption: Disruption) -> None:
        if disruption.kind == "log":
            self._nats.kill()
            await self._nats.start()
            return
        if disruption.kind != "start":
            await self._keeper.crash()
            await asyncio.sleep(RESTART_WAIT_S)
        if disruption.kind != "stop":
            await self._keeper.start()

    async def _settle(self, steps: Sequence[Step]) -> bool:
        """Let the chain go on until all that was in play is in the log."""
        chain = self._stage.chain
        watch = Watch(chain, chain.slots[SLOTS - 1], self._plan.script.unobtainable)
        going_on = asyncio.create_task(self._go_on(steps))
        try:
            return await self._watch(watch)
        finally:
            going_on.cancel()
            await asyncio.gather(going_on, return_exceptions=True)

    async def _go_on(self, steps: Sequence[Step]) -> None:
        waits = iter(AFTER_S)
        for step in steps:
            await self._publish(step)
            await asyncio.sleep(0 if step.dead else next(waits))
        for player in self._players:
            player.settle()

    async def _watch(self, watch: Watch) -> bool:
        deadline = time.monotonic() + SETTLE_S_MAX
        async with await Connection.open(self._nats.url) as connection:
            log = JetStreamLog(connection)
            while time.monotonic() < deadline:
                self._keeper.check()
                async for batch in log.read_stored(
                    after=watch.sequence, batch_max=READ_MAX, follow=False
                ):
                    watch.take(batch)
                if watch.is_settled:
                    return True
                await asyncio.sleep(SETTLE_LOOK_S)
        return False


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A run, and all that it left behind."""

    outcome: Outcome
    stage: Stage
    log: Sequence[Stored]
    letters: Sequence[Stored]
    """What `DEAD` holds."""


async def run(seed: int, nats: NatsServer) -> Outcome:
    """Run the schedule of a seed on a NATS server that nobody else uses."""
    await emptied(nats)
    chain = chain_of(seed)
    return (await run_plan(chain, schedule(seed, chain), nats)).outcome


async def run_plan(
    chain: ForkedChain,
    plan: Schedule,
    nats: NatsServer,
    *,
    patience: Patience = QUICK,
    slot_s: float = SLOT_S,
    more_urls: Sequence[str] = (),
) -> Ended:
    """Run any schedule on a chain of `SLOTS` and some more slots, with a log that is empty."""
    began_s = time.monotonic()
    problems: list[str] = []
    async with staged(chain, plan.script) as stage:
        running = Run(stage, nats, plan=plan, patience=patience, slot_s=slot_s, more_urls=more_urls)
        try:
            async with asyncio.timeout(RUN_S_MAX):
                done = await running.perform()
            if not done:
                problems.append(f"{SETTLE_S_MAX:g} s after the chain's end the log is not complete")
        except BrokenError as error:
            problems.append(str(error))
        log, letters = await stored(nats), await stored(nats, "DEAD")
    verdict = judge(
        log,
        chain,
        unobtainable=plan.script.unobtainable,
        last=chain.slots[SLOTS - 1],
        letters=letters,
    )
    outcome = Outcome(
        seed=plan.seed,
        seconds=round(time.monotonic() - began_s, 3),
        problems=[*problems, *verdict.problems],
        said=running.said,
        verdict=verdict,
    )
    return Ended(outcome=outcome, stage=stage, log=log, letters=letters)


def settings_for(stage: Stage, nats: NatsServer, *, more_urls: Sequence[str] = ()) -> Settings:
    """What an ingest needs to know of a stage and a server."""
    urls = [*(endpoint.url for endpoint in stage.endpoints), *more_urls]
    return Settings(
        nats_url=nats.url,
        nats_monitor_url=nats.monitor_url,
        yellowstone_url=",".join(urls),
        rpc_url=None if stage.rpc is None else stage.rpc.url,
        rpc_rate=RPC_RATE,
    )


async def stored(nats: NatsServer, stream: str = "PUMP") -> Sequence[Stored]:
    """All that a stream holds."""
    async with await Connection.open(nats.url) as connection:
        batches = JetStreamLog(connection, stream=stream).read_stored(
            after=0, batch_max=READ_MAX, follow=False
        )
        return [each async for batch in batches for each in batch]


async def emptied(nats: NatsServer) -> None:
    """Give the server new, empty streams."""
    async with await Connection.open(nats.url) as connection:
        for stream in await connection.jetstream.streams_info():
            await connection.jetstream.delete_stream(stream.config.name or "")
        await apply(connection, load(definitions() / "streams.toml"))
