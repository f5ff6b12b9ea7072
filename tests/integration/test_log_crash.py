"""The log while its server is killed: nothing acknowledged is lost, nothing is there twice."""

import asyncio

from adapters.embedded.nats import NatsServer
from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.proxy import BadLine
from curvetape.testing.waiting import until
from domain.events import CurveTraded

BATCH = 200


def trades(count: int, *, first: int = 1) -> list[CurveTraded]:
    return [curve_traded(number, f"mint{number % 7}") for number in range(first, first + count)]


async def crash_often(server: NatsServer, connection: Connection, times: int) -> None:
    for found in range(2, 2 + times):

        async def back(epoch: int = found) -> bool:
            return connection.epoch == epoch

        await asyncio.sleep(0.15)
        server.kill()
        await asyncio.sleep(0.05)
        await server.start()
        await until(back)


async def test_appending_goes_on_through_crashes_without_loss_or_repetition(
    live_log: LiveLog,
) -> None:
    crashes = asyncio.create_task(crash_often(live_log.server, live_log.connection, 4))
    written: list[CurveTraded] = []
    async with asyncio.timeout(60):
        while not crashes.done():
            batch = trades(BATCH, first=1 + len(written))
            appended = await live_log.appender.append(entries(batch))
            assert appended.written + appended.duplicates == BATCH
            assert appended.conflicting == ()
            written += batch
    await crashes
    assert live_log.connection.epoch == 5
    assert [it.event for it in await live_log.all()] == written


async def test_a_batch_whose_acknowledgement_was_lost_is_not_written_again(
    live_log: LiveLog,
) -> None:
    events = trades(1_500)
    async with (
        BadLine(live_log.server.port) as line,
        await Connection.open(f"nats://127.0.0.1:{line.port}") as connection,
    ):
        appender = await JetStreamAppender.open(
            connection, monitor_urls=live_log.server.monitor_url
        )
        await appender.append(entries(events[:500]))

        async def stored() -> bool:
            return await live_log.log.last_sequence() == len(events)

        line.muted = True
        appending = asyncio.create_task(appender.append(entries(events[500:])))
        await until(stored)
        assert not appending.done()
        line.cut()
        appended = await appending
        assert (appended.written, appended.duplicates) == (0, 1_000)
        assert connection.epoch == 2
    assert [it.event for it in await live_log.all()] == events


async def test_what_was_written_before_a_crash_is_known_after_it(live_log: LiveLog) -> None:
    events = trades(1_200)
    await live_log.appender.append(entries(events[:1_000]))
    live_log.server.kill()
    await live_log.server.start()
    appended = await live_log.appender.append(entries(events))
    assert (appended.written, appended.duplicates) == (200, 1_000)
    assert [it.event for it in await live_log.all()] == events


async def test_a_reader_goes_on_where_it_was_when_the_server_comes_back(live_log: LiveLog) -> None:
    sequences: list[int] = []
    total = 40 * BATCH

    async def read() -> None:
        async for batch in live_log.log.read(after=0, batch_max=64):
            sequences.extend(it.sequence for it in batch)
            if len(sequences) >= total:
                return

    reading = asyncio.create_task(read())
    crashes = asyncio.create_task(crash_often(live_log.server, live_log.connection, 3))
    async with asyncio.timeout(60):
        for number in range(40):
            await live_log.appender.append(entries(trades(BATCH, first=1 + number * BATCH)))
            await asyncio.sleep(0.02)
        await crashes
        await reading
    assert sequences == list(range(1, total + 1))


async def test_a_reader_at_the_tail_follows_again_after_a_quiet_crash(live_log: LiveLog) -> None:
    await live_log.appender.append(entries(trades(10)))
    batches = live_log.log.read(after=0, batch_max=100)
    seen: list[int] = []
    async with asyncio.timeout(30):
        while len(seen) < 10:
            seen += [it.sequence for it in await anext(batches)]
        live_log.server.kill()
        await live_log.server.start()
        await live_log.appender.append(entries(trades(10, first=11)))
        while len(seen) < 20:
            seen += [it.sequence for it in await anext(batches)]
    assert seen == list(range(1, 21))
