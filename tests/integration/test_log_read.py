"""The reader on a real server: every event once and in sequence, or an error that says why not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, ConsumerInfo, StreamConfig

from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from adapters.jetstream.delivery import Delivery
from adapters.jetstream.reader import JetStreamLog
from adapters.jetstream.tail import recent, recent_ids
from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.waiting import until
from domain.events import CurveTraded
from domain.log import (
    Entry,
    LogError,
    LogShorterError,
    LogUnavailableError,
    Recorded,
    SequenceGapError,
    UndecodableError,
)

FLOW_BYTES_MAX = 32 * 1024 * 1024


def trades(count: int, *, first: int = 1) -> list[CurveTraded]:
    return [curve_traded(number, f"mint{number % 7}") for number in range(first, first + count)]


async def take(batches: AsyncIterator[Sequence[Recorded]], count: int) -> list[Recorded]:
    taken: list[Recorded] = []
    async with asyncio.timeout(20):
        async for batch in batches:
            taken += batch
            if len(taken) >= count:
                return taken
    raise AssertionError(f"the log ended after {len(taken)} events")


async def drain(batches: AsyncIterator[Sequence[Recorded]], into: list[int]) -> None:
    async for batch in batches:
        into.extend(it.sequence for it in batch)


async def test_a_log_tells_both_of_its_ends(live_log: LiveLog) -> None:
    assert (await live_log.log.first_sequence(), await live_log.log.last_sequence()) == (1, 0)
    await live_log.appender.append(entries(trades(3)))
    assert (await live_log.log.first_sequence(), await live_log.log.last_sequence()) == (1, 3)


@pytest.mark.parametrize("batch_max", [1, 7, 500, 10_000])
async def test_any_batch_size_reads_the_same(live_log: LiveLog, batch_max: int) -> None:
    await live_log.appender.append(entries(trades(1_500)))
    sizes, sequences = [], []
    async for batch in live_log.log.read(after=0, batch_max=batch_max, follow=False):
        sizes.append(len(batch))
        sequences += [it.sequence for it in batch]
    assert sequences == list(range(1, 1_501))
    assert 1 <= min(sizes) <= max(sizes) <= batch_max


async def test_reading_begins_behind_the_sequence_given(live_log: LiveLog) -> None:
    await live_log.appender.append(entries(trades(100)))
    batches = live_log.log.read(after=97, batch_max=10, follow=False)
    assert [it.sequence async for batch in batches for it in batch] == [98, 99, 100]


async def test_reading_an_empty_log_ends_at_once_unless_it_follows(live_log: LiveLog) -> None:
    assert await live_log.all() == []
    following = live_log.log.read(after=0, batch_max=10)
    waiting = asyncio.ensure_future(take(following, 2))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await live_log.appender.append(entries(trades(2)))
    assert [it.sequence for it in await waiting] == [1, 2]


async def test_without_following_what_is_appended_meanwhile_is_left_out(live_log: LiveLog) -> None:
    await live_log.appender.append(entries(trades(10)))
    seen = []
    async for batch in live_log.log.read(after=0, batch_max=3, follow=False):
        seen += [it.sequence for it in batch]
        await live_log.appender.append(entries(trades(5, first=1_000 * len(seen))))
    assert seen == list(range(1, 11))


async def test_an_unknown_event_stops_the_reader_after_all_before_it(live_log: LiveLog) -> None:
    newer = Entry(subject="pump.token.renamed", id="new", payload=b'{"kind":"token.renamed"}')
    known = entries(trades(3))
    await live_log.appender.append([*known[:2], newer, known[2]])
    seen: list[int] = []
    with pytest.raises(UndecodableError, match=r"token\.renamed") as caught:
        await drain(live_log.log.read(after=0, batch_max=10, follow=False), seen)
    assert seen == [1, 2]
    assert (caught.value.sequence, caught.value.payload) == (3, newer.payload)
    after_it = live_log.log.read(after=3, batch_max=10, follow=False)
    assert [it.sequence async for batch in after_it for it in batch] == [4]


async def test_a_hole_in_the_log_is_an_error_and_never_skipped(live_log: LiveLog) -> None:
    jetstream = live_log.connection.jetstream
    await jetstream.add_stream(
        StreamConfig(name="HOLED", subjects=["holed.>"], allow_atomic=True, allow_direct=True)
    )
    for entry in entries(trades(5)):
        await jetstream.publish("holed.x", entry.payload)
    await jetstream.delete_msg("HOLED", 3)
    log = JetStreamLog(live_log.connection, stream="HOLED")
    seen: list[int] = []
    with pytest.raises(SequenceGapError) as caught:
        await drain(log.read(after=0, batch_max=10, follow=False), seen)
    assert seen == [1, 2]
    assert (caught.value.expected, caught.value.received) == (3, 4)


async def test_a_log_that_ends_before_the_checkpoint_is_refused(live_log: LiveLog) -> None:
    await live_log.appender.append(entries(trades(5)))
    with pytest.raises(LogShorterError) as caught:
        await take(live_log.log.read(after=6, batch_max=10), 1)
    assert (caught.value.after, caught.value.last) == (6, 5)


async def test_a_missing_stream_is_said_to_be_missing(live_log: LiveLog) -> None:
    log = JetStreamLog(live_log.connection, stream="NOWHERE")
    with pytest.raises(LogError, match=r"no stream NOWHERE.*curvetape streams apply"):
        await take(log.read(after=0, batch_max=1), 1)


async def test_a_server_that_nobody_runs_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.jetstream.connection.CONNECT_WAIT_S_MAX", 0.5)
    with pytest.raises(LogUnavailableError, match=r"nats://127\.0\.0\.1:1 could not be reached"):
        await Connection.open("nats://127.0.0.1:1")


async def test_closing_the_connection_ends_readers_and_appenders_at_once(
    live_log: LiveLog,
) -> None:
    reading = asyncio.ensure_future(take(live_log.log.read(after=0, batch_max=1), 1))
    await asyncio.sleep(0.1)
    await live_log.connection.close()
    async with asyncio.timeout(2):
        with pytest.raises(LogUnavailableError, match="is closed"):
            await reading
        with pytest.raises(LogUnavailableError, match="is closed"):
            await live_log.appender.append(entries(trades(1)))


async def test_a_reader_that_is_given_up_leaves_no_consumer(live_log: LiveLog) -> None:
    await live_log.appender.append(entries(trades(50)))
    batches = live_log.log.read(after=0, batch_max=10)
    await take(batches, 10)
    assert len(await live_log.connection.jetstream.consumers_info("PUMP")) == 1
    await batches.aclose()  # type: ignore[attr-defined]  # it is a generator

    async def nobody_reads() -> bool:
        return not await live_log.connection.jetstream.consumers_info("PUMP")

    await until(nobody_reads)


async def test_a_reader_that_pauses_holds_no_more_than_the_flow_control_allows(
    live_log: LiveLog,
) -> None:
    large = [
        Entry(subject="pump.sol.priced", id=f"large{number}", payload=b"x" * 500_000)
        for number in range(160)
    ]
    await live_log.appender.append(large)
    delivery = await Delivery.open(live_log.connection, "PUMP", first=1)
    held = -1
    async with asyncio.timeout(10):
        while held != delivery.buffered_bytes:
            held = delivery.buffered_bytes
            await asyncio.sleep(0.3)
    assert 0 < held <= FLOW_BYTES_MAX
    sequences: list[int] = []
    async with asyncio.timeout(20):
        while len(sequences) < len(large):
            sequences += [message.sequence for message in await delivery.take(10)]
            assert delivery.buffered_bytes <= FLOW_BYTES_MAX
    assert sequences == list(range(1, len(large) + 1))
    delivery.close()


async def tail(live_log: LiveLog, count: int) -> list[int]:
    return [it.sequence async for batch in recent(live_log.log, count) for it in batch]


async def test_the_tail_is_the_newest_events_in_sequence(live_log: LiveLog) -> None:
    assert await tail(live_log, 3) == []
    await live_log.appender.append(entries(trades(20)))
    assert await tail(live_log, 3) == [18, 19, 20]
    assert await tail(live_log, 100) == list(range(1, 21))
    assert await tail(live_log, 0) == []


async def test_the_newest_ids_of_a_stream_are_those_that_were_not_deleted(
    live_log: LiveLog,
) -> None:
    connection = live_log.connection
    assert await recent_ids(connection, "DEAD", 3) == []
    dead_letters = await JetStreamAppender.open(
        connection, stream="DEAD", monitor_urls=live_log.server.monitor_url
    )
    letters = [Entry(subject="dead.decode.p", id=f"d{n}", payload=b"{}") for n in range(1_200)]
    await dead_letters.append(letters)
    for sequence in (1_190, 1_200):
        await connection.jetstream.delete_msg("DEAD", sequence)
    assert await recent_ids(connection, "DEAD", 3) == ["d1197", "d1198"]
    kept = [letter.id for letter in letters if letter.id not in {"d1189", "d1199"}]
    assert await recent_ids(connection, "DEAD", 5_000) == kept
    assert await connection.jetstream.consumers_info("DEAD") == []


async def test_some_subjects_alone_are_read_with_their_own_sequences(live_log: LiveLog) -> None:
    events = [curve_traded(number, f"mint{number % 3}") for number in range(1, 31)]
    await live_log.appender.append(entries(events))
    read = [
        stored.sequence
        async for batch in live_log.log.read_stored(
            after=0, batch_max=4, follow=False, subjects=["pump.*.*.mint1"]
        )
        for stored in batch
    ]
    assert read == list(range(1, 31, 3))


async def test_subjects_that_nothing_is_logged_under_end_at_once(live_log: LiveLog) -> None:
    await live_log.appender.append(entries([curve_traded(1, "mint")]))
    read = live_log.log.read_stored(after=0, batch_max=4, follow=False, subjects=["pump.gap.>"])
    assert [batch async for batch in read] == []


async def test_what_is_lost_on_the_way_in_front_of_the_last_message_is_read_again(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live_log.appender.append(entries(trades(5)))
    take, sent = Delivery._take, []

    def lose_the_fourth(delivery: Delivery, *message: Any) -> None:
        sent.append(message)
        if len(sent) == 5:  # all of them have arrived when the first one is looked at
            for number in (0, 1, 2, 4):
                take(delivery, *sent[number])
        elif len(sent) > 5:
            take(delivery, *message)

    monkeypatch.setattr(Delivery, "_take", lose_the_fourth)
    batches = live_log.log.read_stored(after=0, batch_max=10, follow=False, subjects=["pump.*.*.*"])
    async with asyncio.timeout(20):
        read = [stored.sequence async for batch in batches for stored in batch]
    assert read == [1, 2, 3, 4, 5]


async def test_what_is_deleted_while_it_is_read_is_not_waited_for(live_log: LiveLog) -> None:
    connection, count = live_log.connection, 60
    letters = await JetStreamAppender.open(
        connection, stream="DEAD", monitor_urls=live_log.server.monitor_url
    )
    body = b"x" * (FLOW_BYTES_MAX // 40)
    for number in range(count):
        await letters.append([Entry(subject="dead.test", id=f"d{number}", payload=body)])
    log = JetStreamLog(connection, stream="DEAD")
    read: list[int] = []
    async with asyncio.timeout(60):
        async for batch in log.read_stored(after=0, batch_max=1, follow=False, subjects=["dead.>"]):
            if not read:  # the rest of it is on the server, which waits for flow control
                await connection.jetstream.purge_stream("DEAD")
            read += [stored.sequence for stored in batch]
    assert read == list(range(1, len(read) + 1))
    assert len(read) < count


async def test_a_reader_that_is_cancelled_ends_although_the_client_does_not_hear_it(
    live_log: LiveLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request of the client swallows a cancellation that comes with its answer."""
    asked = asyncio.Event()
    ask = JetStreamContext.add_consumer

    async def deaf(
        jetstream: JetStreamContext, stream: str, config: ConsumerConfig
    ) -> ConsumerInfo:
        found = await ask(jetstream, stream, config)
        asked.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return found

    monkeypatch.setattr(JetStreamContext, "add_consumer", deaf)
    await live_log.appender.append(entries(trades(1)))
    read: list[int] = []
    reading = asyncio.create_task(drain(live_log.log.read(after=1, batch_max=10), read))
    await asked.wait()
    reading.cancel()
    done, _ = await asyncio.wait({reading}, timeout=5)
    assert done
