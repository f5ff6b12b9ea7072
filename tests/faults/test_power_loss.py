"""The power fails: what was acknowledged is there, or ingest notices and fetches it again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from adapters.embedded.nats import NatsServer
from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from adapters.jetstream.definition import load
from adapters.jetstream.known import stored_payload
from adapters.jetstream.streams import apply
from curvetape.bootstrap import projecting
from curvetape.campaign.keeping import Order, TaskKeeper
from curvetape.campaign.running import settings_for, stored
from curvetape.campaign.schedule import QUICK, SLOTS
from curvetape.campaign.verdict import Verdict, judge
from curvetape.config import Settings
from curvetape.definitions import definitions
from curvetape.simulator.faults import Script
from curvetape.simulator.forked_chain import ForkedChain
from curvetape.simulator.stage import staged
from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.power import PoweredNats, copied, put_back
from curvetape.testing.waiting import until
from domain.events import SlotConfirmed, decode
from domain.log import Entry, LogCutError, LogShorterError

SLOT_S = 0.03
WAIT_S_MAX = 20.0
BATCH = 50
LOSSES = 4
LOSSES_MAX = 40
"""A test that never loses anything shows nothing."""


@asynccontextmanager
async def streams_on(server: NatsServer) -> AsyncIterator[Connection]:
    async with server, await Connection.open(server.url) as connection:
        await apply(connection, load(definitions() / "streams.toml"))
        yield connection


async def acknowledged_until_dark(
    server: NatsServer, appender: JetStreamAppender, *, first: int, after_s: float
) -> int:
    """Append batches until the power fails; up to which number they were acknowledged."""
    acknowledged = first

    async def append() -> None:
        nonlocal acknowledged
        while True:
            numbers = range(acknowledged, acknowledged + BATCH)
            await appender.append(entries([curve_traded(it, "mint") for it in numbers]))
            acknowledged += BATCH

    appending = asyncio.create_task(append())
    await asyncio.sleep(after_s)
    server.kill()
    appending.cancel()
    await asyncio.gather(appending, return_exceptions=True)
    return acknowledged


async def slots_held(server: NatsServer) -> list[int]:
    return [decode(it.payload).pos.slot for it in await stored(server)]


@pytest.mark.parametrize("torn", [False, True], ids=["gone", "torn"])
async def test_what_was_acknowledged_survives_the_loss_of_all_that_was_not_synced(
    server_folder: Path, *, torn: bool
) -> None:
    server = PoweredNats(server_folder / "nats", torn=Random(4) if torn else None)
    chance, held, losses = Random(3), 0, 0
    async with streams_on(server) as connection:
        # Now and then the power fails when all that was written is synced.
        while losses < LOSSES or not server.lost_bytes:
            losses += 1
            assert losses <= LOSSES_MAX, "the power failed while something was being written"
            appender = await JetStreamAppender.open(connection, monitor_urls=server.monitor_url)
            acknowledged = await acknowledged_until_dark(
                server, appender, first=held, after_s=chance.uniform(0.1, 0.5)
            )
            appender.close()
            assert acknowledged > held
            await server.start()
            slots = await slots_held(server)
            assert slots[:acknowledged] == list(range(acknowledged)), "what was acknowledged"
            assert len(slots) in (acknowledged, acknowledged + BATCH), (
                "a batch whole, or none of it"
            )
            held = len(slots)


async def test_a_server_that_acknowledges_first_and_syncs_later_loses_what_it_acknowledged(
    server_folder: Path,
) -> None:
    """Why the log does not run so; and that the disk of these tests does lose something."""
    config = server_folder / "server.conf"
    text = (definitions() / "server.conf").read_text()
    assert "sync_interval: always" in text
    config.write_text(text.replace("sync_interval: always", "sync_interval: '2m'"))
    async with streams_on(PoweredNats(server_folder / "nats")):
        pass  # or not even the streams themselves could be recovered
    server = PoweredNats(server_folder / "nats", config=config)
    async with streams_on(server) as connection:
        appender = await JetStreamAppender.open(connection, allow_unsynced=True)
        acknowledged = await acknowledged_until_dark(server, appender, first=0, after_s=0.3)
        appender.close()
        await server.start()
        assert len(await slots_held(server)) < acknowledged


class Dark:
    """Ingest on a simulated chain, and what happens at some of the chain's steps."""

    def __init__(self, server: NatsServer) -> None:
        self.on = ForkedChain(5, slots=SLOTS)
        self.said: list[str] = []
        self.keeper: TaskKeeper
        self._server = server

    async def play(self, at: dict[int, Callable[[], Awaitable[None]]]) -> Verdict:
        """Let the chain happen, until its last slot is proven."""
        step = 0

        async def after(_: object) -> None:
            nonlocal step
            step += 1
            if step in at:
                await at[step]()

        async with staged(self.on, Script(seed=5, endpoints=[[], []])) as stage:
            order = Order(settings_for(stage, self._server), QUICK)
            self.keeper = TaskKeeper(order, self.said.append)
            await self.keeper.start()
            try:
                await stage.play(slot_s=SLOT_S, after=after)
                await until(self._proven, wait_s_max=WAIT_S_MAX)
            finally:
                await self.keeper.close()
        return judge(await stored(self._server), self.on, unobtainable=frozenset())

    async def _proven(self) -> bool:
        self.keeper.check()
        events = [decode(it.payload) for it in await stored(self._server)]
        proven = {event.slot for event in events if isinstance(event, SlotConfirmed)}
        return self.on.slots[-1] in proven


async def test_ingest_goes_on_after_power_losses_with_everything_once(server_folder: Path) -> None:
    server = PoweredNats(server_folder / "nats", torn=Random(7))
    async with streams_on(server):
        dark = Dark(server)

        async def all_of_it() -> None:
            await dark.keeper.crash()
            server.kill()
            await server.start()
            await dark.keeper.start()

        async def the_log_alone() -> None:
            server.kill()
            await server.start()

        verdict = await dark.play({9: all_of_it, 18: the_log_alone, 25: all_of_it})
    assert verdict.problems == []
    assert verdict.is_whole


@pytest.mark.parametrize("ingest_too", [True, False], ids=["with ingest", "the log alone"])
@pytest.mark.parametrize("steps", [2, 12])
async def test_what_a_lying_disk_had_promised_is_noticed_and_fetched_again(
    fresh_nats: NatsServer, tmp_path: Path, steps: int, *, ingest_too: bool
) -> None:
    """An older copy of the store comes back, taken while the server wrote to it."""
    dark = Dark(fresh_nats)

    async def take() -> None:
        copied(fresh_nats, tmp_path / "copy")

    async def fail() -> None:
        if ingest_too:
            await dark.keeper.crash()
        acknowledged = len(await stored(fresh_nats))
        put_back(fresh_nats, tmp_path / "copy")
        await fresh_nats.start()
        if ingest_too:
            assert len(await stored(fresh_nats)) < acknowledged
            await dark.keeper.start()

    verdict = await dark.play({12: take, 12 + steps: fail})
    assert verdict.problems == []
    assert verdict.is_whole
    noticed = [line for line in dark.said if "was acknowledged, but the log ends at" in line]
    assert len(noticed) == (0 if ingest_too else 1), dark.said


async def test_a_log_that_came_back_without_what_it_acknowledged_is_not_appended_to(
    live_log: LiveLog, tmp_path: Path
) -> None:
    def trades(first: int, last: int) -> Sequence[Entry]:
        return entries([curve_traded(it, "mint") for it in range(first, last)])

    await live_log.appender.append(trades(0, 100))
    copied(live_log.server, tmp_path / "copy")
    await live_log.appender.append(trades(100, 200))
    put_back(live_log.server, tmp_path / "copy")
    await live_log.server.start()
    with pytest.raises(LogCutError, match="200 was acknowledged, but the log ends at 100"):
        await live_log.appender.append(trades(200, 300))
    assert await live_log.log.last_sequence() == 100


async def test_a_log_that_lost_what_it_called_stored_already_is_not_waited_for(
    live_log: LiveLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power fails between the answer that an entry is known and the look at it."""
    held = entries([curve_traded(it, "mint") for it in range(200)])
    await live_log.appender.append(held[:100])
    copied(live_log.server, tmp_path / "copy")
    await live_log.appender.append(held[100:])

    async def fails_first(connection: Connection, stream: str, sequence: int) -> bytes:
        if not starting:
            put_back(live_log.server, tmp_path / "copy")
            starting.append(asyncio.create_task(live_log.server.start()))
        return await stored_payload(connection, stream, sequence)

    starting: list[asyncio.Task[None]] = []
    monkeypatch.setattr("adapters.jetstream.appender.stored_payload", fails_first)
    async with await Connection.open(live_log.server.url) as connection:
        restarted = await JetStreamAppender.open(
            connection, monitor_urls=live_log.server.monitor_url
        )
        with pytest.raises(LogCutError, match="150 was acknowledged, but the log ends at 100"):
            await restarted.append(held[149:150])
        restarted.close()


async def test_read_models_ahead_of_the_log_that_came_back_say_so_and_change_nothing(
    fresh_nats: NatsServer, postgres_dsn: str, tmp_path: Path
) -> None:
    settings = Settings(nats_url=fresh_nats.url, postgres_dsn=postgres_dsn)
    async with await Connection.open(fresh_nats.url) as connection:
        appender = await JetStreamAppender.open(connection, monitor_urls=fresh_nats.monitor_url)
        await appender.append(entries([curve_traded(it, "mint") for it in range(100)]))
        copied(fresh_nats, tmp_path / "copy")
        await appender.append(entries([curve_traded(it, "mint") for it in range(100, 200)]))
        async with projecting(settings) as runner:
            await runner.run(follow=False)
        put_back(fresh_nats, tmp_path / "copy")
        await fresh_nats.start()
        with pytest.raises(LogShorterError, match="restore the log that was read, or build the re"):
            async with projecting(settings) as runner:
                await runner.run()
        appender.close()
