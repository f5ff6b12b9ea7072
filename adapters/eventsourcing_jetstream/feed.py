"""A stream's messages as the server pushes them, from one on, until it is told to stop."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Sequence

import nats.errors
from eventsourcing.persistence import OperationalError
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg

from .client import Client, status
from .records import Record
from .replies import UnansweredError

HEARTBEAT_S = 2
SILENCE_S_MAX = 5.0
"""Without even a heartbeat for so long, the server has forgotten us."""
FORGOTTEN_AFTER_S = 30
_S = 1_000_000_000


class _EndedError(Exception):
    """What was pushed has a hole, or does not go on."""


class _Push:
    """One ordered consumer, as long as it lasts; it is not acknowledged and kept in memory."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.messages: deque[Msg] = deque()
        self._count = 0

    async def take(self, message: Msg) -> None:
        """Keep a message until it is asked for; flow control bounds how many there are."""
        self.messages.append(message)
        self.arrived.set()

    async def drain(self, connection: Nats) -> Sequence[Record]:
        """What has come, in its order; `_EndedError` where it has a hole."""
        found: list[Record] = []
        while self.messages:
            message = self.messages.popleft()
            said = status(message)
            if said == "100":
                await self._obey(connection, message)
            elif said:
                raise _EndedError
            else:
                parts = message.reply.split(".")
                at = 5 if len(parts) == 9 else 7  # longer ones name a domain and an account first
                if int(parts[at + 1]) != self._count + 1:
                    raise _EndedError
                self._count += 1
                headers = message.headers or {}
                found.append(Record(message.subject, int(parts[at]), headers, message.data))
        return found

    async def _obey(self, connection: Nats, message: Msg) -> None:
        headers = message.headers or {}
        if int(headers.get("Nats-Last-Consumer", 0)) > self._count:
            raise _EndedError
        for waiting in (message.reply, headers.get("Nats-Consumer-Stalled")):
            if waiting:
                await connection.publish(waiting)


async def pushed(
    client: Client, subject: str, *, start: int | None
) -> AsyncGenerator[Sequence[Record], None]:
    """Batches of a subject's messages from a sequence on, or from its last one where it is None.

    Goes on for ever. Connections that are lost and consumers that end are made anew, each within
    `wait_s_max` of the settings; `OperationalError` when that is not enough.
    """
    while True:
        push = _Push()
        subscription = name = None
        client.on_loss(push.arrived.set)
        try:
            async with asyncio.timeout(client.settings.wait_s_max) as opening:
                connection = await client.connected()
                epoch = client.epoch
                inbox = connection.new_inbox()
                subscription = await connection.subscribe(
                    inbox, cb=push.take, pending_msgs_limit=0, pending_bytes_limit=0
                )
                name = await _consumer(client, subject, inbox, start)
            while client.epoch == epoch and connection.is_connected:
                push.arrived.clear()
                found = await push.drain(connection)
                if found:
                    start = found[-1].sequence + 1
                    yield found
                    continue
                async with asyncio.timeout(SILENCE_S_MAX):
                    await push.arrived.wait()
        except (_EndedError, TimeoutError, UnansweredError, nats.errors.Error) as error:
            if opening.expired():
                raise OperationalError(
                    f"{client.url} has not answered within {client.settings.wait_s_max:g} s:"
                    f" {client.trouble}"
                ) from error
            client.trouble = "the server stopped pushing"
        finally:
            client.off_loss(push.arrived.set)
            with contextlib.suppress(nats.errors.Error):
                if subscription is not None:
                    await subscription.unsubscribe()
                if name is not None and connection.is_connected:
                    target = f"$JS.API.CONSUMER.DELETE.{client.settings.stream}.{name}"
                    await connection.publish(target)
        await client.pause()


async def _consumer(client: Client, subject: str, inbox: str, start: int | None) -> str:
    config: dict[str, object] = {
        "deliver_subject": inbox,
        "filter_subject": subject,
        "ack_policy": "none",
        "max_deliver": 1,
        "flow_control": True,
        "idle_heartbeat": HEARTBEAT_S * _S,
        "inactive_threshold": FORGOTTEN_AFTER_S * _S,
        "mem_storage": True,
        "num_replicas": 1,
    }
    if start is None:
        config["deliver_policy"] = "last"
    else:
        config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": max(start, 1)}
    stream = client.settings.stream
    question = {"stream_name": stream, "config": config}
    answer = await client.api(f"CONSUMER.CREATE.{stream}", question)
    name: str = answer["name"]
    return name
