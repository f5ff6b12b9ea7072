"""One push consumer's life: what the server sends in order, buffered within its flow control."""

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from typing import Self

import nats.errors
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError, NotFoundError

from adapters.jetstream.connection import Connection, Listening
from domain.log import LogError, LogUnavailableError, Stored

HEARTBEAT_WAIT_S = 2.0
SILENCE_S_MAX = 3 * HEARTBEAT_WAIT_S
"""A consumer that sends nothing for this long, not even a heartbeat, is no more."""
FORGOTTEN_AFTER_S = 10.0
"""The server drops a consumer that nobody listens to after this long."""
_DOTS = 8
"""In the subject that a message could be acknowledged at, where no domain is named."""


class DeliveryEndedError(Exception):
    """The consumer sends no more, or lost something on the way; another one has to go on."""


class Delivery:
    """The messages of a stream from one sequence on, as an unacknowledged push consumer.

    The buffer is bounded by the server: it sends 32 MB at most beyond the last flow control
    request that was answered, and a request is answered only when all before it was taken.
    """

    def __init__(self, connection: Connection, stream: str) -> None:
        self._connection = connection
        self._stream = stream
        self._name = f"reader-{secrets.token_hex(8)}"
        self._epoch = connection.epoch
        self._buffer: deque[tuple[bytes, bytes, bytes | None]] = deque()
        self._arrived = asyncio.Event()
        self._listening: Listening | None = None
        self._count = 0
        self.buffered_bytes = 0
        self._headers: list[bytes | None] = []
        self.pending = 0
        """How many messages the server had yet to send when it sent the last one taken."""

    @classmethod
    async def open(
        cls, connection: Connection, stream: str, *, first: int, subjects: Sequence[str] = ()
    ) -> Self:
        """Have the stream sent from the sequence `first` on; raises `LogError`.

        With `subjects` only what is on one of them, wildcards allowed.
        """
        delivery = cls(connection, stream)
        inbox = connection.new_inbox()
        delivery._listening = await connection.listen(inbox, delivery._take)
        connection.on_loss(delivery._arrived.set)
        config = ConsumerConfig(
            name=delivery._name,
            deliver_subject=inbox,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=first,
            filter_subjects=list(subjects) or None,
            ack_policy=AckPolicy.NONE,
            max_deliver=1,
            flow_control=True,
            idle_heartbeat=HEARTBEAT_WAIT_S,
            inactive_threshold=FORGOTTEN_AFTER_S,
            mem_storage=True,
            num_replicas=1,
        )
        try:
            consumer = await connection.jetstream.add_consumer(stream, config)
        except NotFoundError as error:
            delivery.close()
            raise LogError(
                f"{connection.url} has no stream {stream}; create it with `curvetape streams apply`"
            ) from error
        except (APIError, nats.errors.Error) as error:
            delivery.close()
            raise LogUnavailableError(f"{stream} could not be read: {error!r}") from error
        delivery.pending = consumer.num_pending or 0
        return delivery

    def close(self) -> None:
        """End it, without waiting for anything, so that it works wherever a reader is given up."""
        if self._listening is None:
            return
        self._connection.off_loss(self._arrived.set)
        self._listening.stop()
        self._listening = None
        self._buffer.clear()
        subject = f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}"
        self._connection.post(f"PUB {subject} 0\r\n\r\n".encode())

    @property
    def ids(self) -> list[str]:
        """What the log knows the messages by that were taken last, in their order."""
        return [_header(each or b"", b"Nats-Msg-Id").decode() for each in self._headers]

    async def take(self, count_max: int) -> Sequence[Stored]:
        """What has arrived, up to `count_max` messages and at least one.

        Waits for the first one. Raises `DeliveryEndedError` when the connection was lost, the
        consumer fell silent or the server ended it.
        """
        while True:
            taken = self._drain(count_max)
            if taken:
                return taken
            if self._epoch != self._connection.epoch or not self._connection.connected:
                raise DeliveryEndedError("the connection was lost")
            self._arrived.clear()
            try:
                async with asyncio.timeout(SILENCE_S_MAX):
                    await self._arrived.wait()
            except TimeoutError as error:
                raise DeliveryEndedError(f"nothing came for {SILENCE_S_MAX:g} s") from error

    def _drain(self, count_max: int) -> list[Stored]:
        """Take messages up to a status message or a loss, which end what is taken together."""
        taken: list[Stored] = []
        all_headers = self._headers = []
        buffer, count, size, pending = self._buffer, self._count, 0, b""
        while buffer and len(taken) < count_max:
            reply, payload, headers = buffer[0]
            if headers is not None and headers.startswith(b"NATS/1.0 "):
                if taken:
                    break  # it may end the delivery; what came before it goes first
                buffer.popleft()
                self._obey(reply, headers)
                continue
            if reply.count(b".") == _DOTS:
                _, sequence, number, _, left = reply.rsplit(b".", 4)
            else:  # longer ones name a domain and an account first, and end in a token of no use
                _, _, _, _, _, _, _, sequence, number, _, left, *_ = reply.split(b".")
            if int(number) != count + 1:
                if taken:
                    break
                raise DeliveryEndedError("messages were lost on the way")
            buffer.popleft()
            size += len(payload)
            count, pending = count + 1, left
            taken.append(Stored(int(sequence), payload))
            all_headers.append(headers)
        if taken:
            self.buffered_bytes -= size
            self._count, self.pending = count, int(pending)
        return taken

    def _obey(self, reply: bytes, headers: bytes) -> None:
        """Act on a status message: flow control, heartbeat, or the consumer's end."""
        line, _, rest = headers.partition(b"\r\n")
        if not line.startswith(b"NATS/1.0 100"):
            raise DeliveryEndedError(line.decode(errors="replace"))
        if int(_header(rest, b"Nats-Last-Consumer") or 0) > self._count:
            raise DeliveryEndedError("messages were lost on the way")
        stalled = _header(rest, b"Nats-Consumer-Stalled")
        if b"Heartbeat" in line and not stalled and self.pending:
            # An idle consumer has sent all there is, so what it promised was deleted meanwhile.
            raise DeliveryEndedError("what was still to come was deleted")
        for waiting in (reply, stalled):
            if waiting:
                self._connection.post(b"PUB " + waiting + b" 0\r\n\r\n")

    def _take(self, _subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        self._buffer.append((reply, data, headers))
        self.buffered_bytes += len(data)
        self._arrived.set()


def _header(lines: bytes, name: bytes) -> bytes:
    for line in lines.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == name.lower():
            return value.strip()
    return b""
