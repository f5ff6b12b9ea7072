"""Recorders on JetStream keep their promises when writers die, fork, or lose the server."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import (
    InterfaceError,
    OperationalError,
    Tracking,
)

from adapters.embedded.nats import NatsServer
from adapters.eventsourcing_jetstream.recorders import (
    JetStreamApplicationRecorder,
    JetStreamProcessRecorder,
    JetStreamTrackingRecorder,
)
from curvetape.testing.proxy import BadLine
from curvetape.testing.recorders import constructed, environment, stored, versions
from curvetape.testing.servers import nats_in

# A server that is away, and answers that are lost


def test_a_server_that_is_not_there_is_waited_for_and_no_longer() -> None:
    factory = constructed(environment("nats://user:secret@127.0.0.1:9", JETSTREAM_TIMEOUT="0.5"))
    began_s = monotonic()
    with pytest.raises(OperationalError, match=r"within 0\.5 s") as raised:
        factory.application_recorder()
    assert "secret" not in str(raised.value)
    assert monotonic() - began_s < 5
    factory.close()
    with pytest.raises(InterfaceError, match="closed"):
        factory.application_recorder()


async def test_a_server_that_comes_back_in_time_is_not_noticed(server_folder: Path) -> None:
    async with nats_in(server_folder / "nats") as server:
        factory = constructed(environment(server.url))
        recorder = await asyncio.to_thread(factory.application_recorder)
        one = uuid4()
        await asyncio.to_thread(recorder.insert_events, [stored(one, 1)])
        server.kill()
        writing = asyncio.create_task(
            asyncio.to_thread(recorder.insert_events, [stored(one, 2), stored(one, 3)])
        )
        await asyncio.sleep(0.2)
        assert not writing.done()
        await server.start()
        assert await writing == [2, 3]
        assert versions(await asyncio.to_thread(recorder.select_events, one)) == [1, 2, 3]
        await asyncio.to_thread(factory.close)


@pytest.mark.parametrize("size", [0, 1, 2, 5])
async def test_what_was_stored_before_its_answer_was_lost_is_stored_once(
    nats_server: NatsServer, size: int
) -> None:
    async with BadLine(nats_server.port) as line:
        factory = constructed(environment(f"nats://127.0.0.1:{line.port}"))
        recorder = await asyncio.to_thread(factory.process_recorder)
        one = uuid4()
        await asyncio.to_thread(recorder.insert_events, [stored(one, 1)])
        for number in range(3):
            line.muted = True
            batch = [stored(one, 2 + number * size + at) for at in range(size)]
            writing = asyncio.create_task(
                asyncio.to_thread(
                    recorder.insert_events, batch, tracking=Tracking("up", number + 1)
                )
            )
            await asyncio.sleep(0.3)
            assert not writing.done()
            line.cut()
            ids = await writing
            first = 1 + number * (size + 1)
            assert ids == [first + 1 + at for at in range(1, size + 1)]
        assert len(await asyncio.to_thread(recorder.select_events, one)) == 1 + 3 * size
        assert await asyncio.to_thread(recorder.max_tracking_id, "up") == 3
        await asyncio.to_thread(factory.close)


async def test_a_subscription_goes_on_after_a_cut_without_a_hole_or_a_double(
    nats_server: NatsServer,
) -> None:
    async with BadLine(nats_server.port) as line:
        env = environment(f"nats://127.0.0.1:{line.port}")
        factory, writer = constructed(env), constructed(env | {"JETSTREAM_URL": nats_server.url})
        recorder = await asyncio.to_thread(factory.application_recorder)
        other = await asyncio.to_thread(writer.application_recorder)
        seen: list[int] = []

        def read() -> None:
            with recorder.subscribe() as subscription:
                for notification in subscription:
                    seen.append(notification.id)
                    if len(seen) == 90:
                        return

        reading = asyncio.create_task(asyncio.to_thread(read))
        for number in range(30):
            if number % 10 == 5:
                line.cut()
            await asyncio.to_thread(other.insert_events, [stored(uuid4(), v) for v in range(3)])
        await asyncio.wait_for(reading, 20)
        assert seen == list(range(1, 91))
        for made in (factory, writer):
            await asyncio.to_thread(made.close)


def test_a_subscriber_is_told_when_the_factory_is_closed(env: dict[str, str]) -> None:
    factory = constructed(env)
    subscription = factory.application_recorder().subscribe()
    threading.Timer(0.3, factory.close).start()
    with pytest.raises(InterfaceError, match="closed"):
        next(subscription)


async def test_a_subscriber_that_is_slow_is_not_sent_more_than_it_can_hold(
    env: dict[str, str],
) -> None:
    factory = constructed(env)
    recorder = factory.application_recorder()
    assert isinstance(recorder, JetStreamApplicationRecorder)
    one = uuid4()
    for start in range(0, 20_000, 1_000):
        recorder.insert_events([stored(one, start + at, b"x" * 500) for at in range(1_000)])
    with recorder.subscribe() as subscription:
        first = next(subscription)
        await asyncio.sleep(1)
        held = subscription._handover._count  # type: ignore[attr-defined]  # looked at from outside
        assert held < 12_000
        rest = [next(subscription).id for _ in range(19_999)]
    assert [first.id, *rest] == list(range(1, 20_001))
    factory.close()


def test_whoever_waits_for_a_notification_is_told_at_once(
    env: dict[str, str], recorder: JetStreamProcessRecorder
) -> None:
    timer = threading.Timer(0.5, lambda: recorder.insert_tracking(Tracking("up", 7)))
    timer.start()
    began_s = monotonic()
    recorder.wait("up", 7, timeout=10)
    assert monotonic() - began_s < 2
    timer.join()
    other = constructed(env).tracking_recorder()
    assert isinstance(other, JetStreamTrackingRecorder)
    other.wait("up", 7, timeout=0.0)
    other.link.close()


# Writers that die, and that fork


def dying(env: dict[str, str], *, size: int, dies_behind: int) -> None:
    """A process that stores a batch, and is killed once so many of its messages are sent."""
    script = f"""
import os, signal
from uuid import UUID
from eventsourcing.persistence import StoredEvent, Tracking
from nats.aio.client import Client
from adapters.eventsourcing_jetstream import Factory

recorder = Factory(dict(os.environ)).process_recorder()
publish, sent = Client.publish, 0

async def watched(self, subject, payload=b"", reply="", headers=None):
    global sent
    await publish(self, subject, payload, reply, headers)
    if headers and "Nats-Batch-Id" in headers:
        sent += 1
        if sent == {dies_behind}:
            await self.flush()
            os.kill(os.getpid(), signal.SIGKILL)

Client.publish = watched
ids = [UUID(int=number) for number in range(3)]
events = [StoredEvent(ids[at % 3], 1 + at // 3, "topic", b"x" * 500) for at in range({size})]
recorder.insert_events(events, tracking=Tracking("up", 1))
"""
    ended = subprocess.run([sys.executable, "-c", script], env=os.environ | env, check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.parametrize("dies_behind", [1, 2, 7, 29, 30, 31])
def test_a_writer_killed_in_the_middle_of_a_batch_leaves_all_or_nothing(
    env: dict[str, str], recorder: JetStreamProcessRecorder, dies_behind: int
) -> None:
    size = 30
    dying(env, size=size, dies_behind=dies_behind)
    found = [len(recorder.select_events(UUID(int=number))) for number in range(3)]
    whole = dies_behind > size
    assert found == [10 * whole] * 3
    assert recorder.max_tracking_id("up") == (1 if whole else None)
    assert recorder.max_notification_id() == (size + 1 if whole else None)
    if not whole:
        batch = [stored(UUID(int=number), 1) for number in range(3)]
        assert recorder.insert_events(batch, tracking=Tracking("up", 1)) == [2, 3, 4]


def test_a_process_that_forks_may_go_on_in_both(env: dict[str, str]) -> None:
    script = """
import os, sys
from uuid import uuid4
from eventsourcing.persistence import StoredEvent
from adapters.eventsourcing_jetstream import Factory

factory = Factory(dict(os.environ))
recorder = factory.application_recorder()
one = uuid4()
assert recorder.insert_events([StoredEvent(one, 1, "t", b"")]) == [1]
child = os.fork()
if child == 0:
    assert recorder.insert_events([StoredEvent(one, 2, "t", b"")]) == [2]
    factory.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert recorder.insert_events([StoredEvent(one, 3, "t", b"")]) == [3]
assert len(recorder.select_events(one)) == 3
factory.close()
"""
    subprocess.run([sys.executable, "-c", script], env=os.environ | env, check=True, timeout=30)
