"""A moment is found in a stream without reading up to it."""

import asyncio
import time

from adapters.jetstream.moment import NS_PER_S, sequence_before
from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog, entry

LONG_NS = 3_600 * NS_PER_S
EVENTS = 40


async def test_all_that_was_stored_since_a_moment_is_behind_it(live_log: LiveLog) -> None:
    moments = []
    for slot in range(EVENTS):
        moments.append(time.time_ns())
        await live_log.appender.append([entry(curve_traded(slot, "mint"))])
        await asyncio.sleep(0.002)
    found = [await sequence_before(live_log.connection, "PUMP", each) for each in moments]
    assert found == list(range(EVENTS))


async def test_before_all_and_behind_all_there_is_a_sequence_too(live_log: LiveLog) -> None:
    now_ns = time.time_ns()
    assert await sequence_before(live_log.connection, "PUMP", now_ns) == 0
    await live_log.appender.append([entry(curve_traded(slot, "mint")) for slot in range(3)])
    assert await sequence_before(live_log.connection, "PUMP", now_ns - LONG_NS) == 0
    assert await sequence_before(live_log.connection, "PUMP", now_ns + LONG_NS) == 3
    await live_log.connection.jetstream.purge_stream("DEAD")
    assert await sequence_before(live_log.connection, "DEAD", now_ns) == 0
