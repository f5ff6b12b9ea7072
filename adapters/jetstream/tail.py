"""The newest of what a stream holds, for whoever starts and needs to know where it stopped."""

from collections.abc import AsyncGenerator, Sequence

import nats.errors
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, Header
from nats.js.errors import APIError

from adapters.jetstream.connection import Connection
from adapters.jetstream.known import last_sequence
from adapters.jetstream.patience import patiently
from adapters.jetstream.reader import JetStreamLog
from domain.log import LogUnavailableError, Stored

RECENT_BATCH_MAX = 5_000
IDS_BATCH_MAX = 500


async def recent(log: JetStreamLog, count: int) -> AsyncGenerator[Sequence[Stored], None]:
    """The last `count` messages, or all where there are fewer, in sequence.

    In batches, to be looked at and let go: a minute of a busy chain is hundreds of megabytes.
    """
    after = max(0, await log.last_sequence() - count)
    if count:
        async for batch in log.read_stored(after=after, batch_max=RECENT_BATCH_MAX, follow=False):
            yield batch


async def recent_ids(connection: Connection, stream: str, count: int) -> list[str]:
    """The ids of those of a stream's last `count` messages that are still there, in sequence.

    For any stream, also one that holds no events or has holes. Raises `LogError`.
    """
    return await patiently(connection, lambda: _recent_ids(connection, stream, count))


async def _recent_ids(connection: Connection, stream: str, count: int) -> list[str]:
    first = max(0, await last_sequence(connection, stream) - count) + 1
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=first,
        ack_policy=AckPolicy.NONE,
        headers_only=True,
        mem_storage=True,
    )
    ids: list[str] = []
    try:
        reader = await connection.jetstream.pull_subscribe(">", stream=stream, config=config)
        try:
            consumer = await reader.consumer_info()
            left = consumer.num_pending or 0
            while left:
                messages = await reader.fetch(min(left, IDS_BATCH_MAX))
                left -= len(messages)
                ids += [(message.headers or {}).get(Header.MSG_ID, "") for message in messages]
        finally:
            await reader.unsubscribe()
        await connection.jetstream.delete_consumer(stream, consumer.name)
    except (APIError, nats.errors.Error) as error:
        raise LogUnavailableError(f"the end of {stream} could not be read: {error!r}") from error
    return ids
