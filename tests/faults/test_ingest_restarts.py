"""Ingest that is killed, that stands in its own way, or that finds a log of another time."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from adapters.embedded.nats import NatsServer
from adapters.jetstream.appender import JetStreamAppender
from adapters.jetstream.connection import Connection
from curvetape.campaign.keeping import Order, TaskKeeper
from curvetape.campaign.reading import Reading
from curvetape.campaign.running import run_plan, settings_for, stored
from curvetape.campaign.schedule import AFTER_S, QUICK, SLOTS, Disruption, Schedule
from curvetape.campaign.verdict import judge
from curvetape.config import Settings, environment
from curvetape.simulator.faults import Script
from curvetape.simulator.forked_chain import ForkedChain
from curvetape.simulator.stage import Stage, staged
from curvetape.testing.log import entries
from domain.events import SlotAbandoned, decode

SLOT_S = 0.04
WAIT_S_MAX = 60.0
LOOK_WAIT_S = 0.05


def chain(slots: int = SLOTS + len(AFTER_S)) -> ForkedChain:
    return ForkedChain(5, slots=slots)


async def read(nats: NatsServer) -> Reading:
    reading = Reading()
    reading.take(await stored(nats))
    return reading


async def certified_up_to(nats: NatsServer, slot: int) -> Reading:
    """The log, once it has the certificate of a slot."""
    deadline = time.monotonic() + WAIT_S_MAX
    while max((reading := await read(nats)).certified, default=-1) < slot:
        assert time.monotonic() < deadline, f"{len(reading.certified)} certificates, none of {slot}"
        await asyncio.sleep(LOOK_WAIT_S)
    return reading


@asynccontextmanager
async def command(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """`curvetape ingest` as a user runs it, killed in the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "curvetape", "ingest"),
        env={**os.environ, **environment(settings)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def playing(stage: Stage) -> None:
    """The whole chain, slowly enough for a process to start beside it."""
    await stage.play(slot_s=SLOT_S)


@pytest.mark.parametrize("moments", [(2,), (10, 25), (6, 14, 22)])
@pytest.mark.parametrize("with_the_log", [False, True])
async def test_kill_9_of_the_command_at_several_moments_loses_and_repeats_nothing(
    fresh_nats: NatsServer, moments: tuple[int, ...], *, with_the_log: bool
) -> None:
    on = chain(SLOTS)
    async with staged(on, Script(seed=5, endpoints=[[], []])) as stage:
        settings = settings_for(stage, fresh_nats)
        play = asyncio.create_task(playing(stage))
        for moment in moments:
            async with command(settings):
                await certified_up_to(fresh_nats, on.slots[moment])
            if with_the_log:
                fresh_nats.kill()
                await fresh_nats.start()
        async with command(settings):
            await certified_up_to(fresh_nats, on.slots[-1])
        await play
        verdict = judge(await stored(fresh_nats), on, unobtainable=frozenset())
    assert verdict.problems == []
    assert verdict.is_whole


async def test_of_two_ingests_on_one_log_the_second_stops_and_says_why(
    fresh_nats: NatsServer,
) -> None:
    on = chain()
    said: list[str] = []
    async with staged(on, Script(seed=5, endpoints=[[]])) as stage:
        order = Order(settings_for(stage, fresh_nats), QUICK)
        both = [TaskKeeper(order, said.append) for _ in range(2)]
        for each in both:
            await each.start()
        try:
            await stage.play(slot_s=SLOT_S / 4)
            await certified_up_to(fresh_nats, on.slots[-1])
        finally:
            for each in both:
                await each.close()
    ended = [sentence for sentence in said if sentence.startswith("ingest ended: ")]
    assert ended
    assert all("another" in sentence for sentence in ended), ended


async def test_a_log_from_before_certificates_goes_on_with_them(fresh_nats: NatsServer) -> None:
    on = chain()
    old = [
        msgspec.structs.replace(event, provisional=False)
        for slot in on.slots[:10]
        for event in on.ledger[slot].events
    ]
    async with await Connection.open(fresh_nats.url) as connection:
        appender = await JetStreamAppender.open(connection, monitor_urls=fresh_nats.monitor_url)
        await appender.append(entries(old))
        appender.close()
    away = Disruption(1, "stop"), Disruption(20, "start")
    plan = Schedule(seed=5, script=Script(seed=5, endpoints=[[]]), disruptions=away)
    end = await run_plan(on, plan, fresh_nats)
    reading = Reading()
    reading.take(end.log)
    newest = max(event.pos.slot for event in old)
    expected = [slot for slot in on.slots if newest < slot <= on.slots[SLOTS - 1]]
    assert sorted(slot for slot in reading.certified if slot <= expected[-1]) == expected
    assert reading.gaps == []
    ids = [decode(each.payload).id for each in end.log]
    assert len(set(ids) & {event.id for event in old}) == len(old)
    assert all(ids.count(event.id) == 1 for event in old), "nothing old was appended again"


async def test_far_behind_blocks_alone_are_read_and_near_the_head_early_transactions_too(
    fresh_nats: NatsServer,
) -> None:
    """What is read of blocks only never has to be taken back."""
    on = ForkedChain(5, slots=SLOTS + len(AFTER_S), fork_share=0.6)
    limits = msgspec.structs.replace(QUICK.limits, catch_up_slots=8, live_slots=4)
    away = Disruption(4, "stop"), Disruption(len(on.steps) * SLOTS // len(on.slots) - 4, "start")
    plan = Schedule(seed=5, script=Script(seed=5, endpoints=[[]]), disruptions=away)
    end = await run_plan(
        on, plan, fresh_nats, patience=msgspec.structs.replace(QUICK, limits=limits)
    )
    assert end.outcome.problems == []
    events = [decode(each.payload) for each in end.log]
    abandoned = {event.slot for event in events if isinstance(event, SlotAbandoned)}
    assert not [slot for slot in abandoned if on.slots[8] < slot < on.slots[20]]
