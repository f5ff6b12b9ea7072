"""The newest events of the log, for whoever starts and needs to know where it stopped."""

from adapters.jetstream.reader import JetStreamLog
from domain.log import Recorded

RECENT_BATCH_MAX = 5_000


async def recent(log: JetStreamLog, count: int) -> list[Recorded]:
    """The last `count` events, or all where there are fewer, in sequence."""
    last = await log.last_sequence()
    events: list[Recorded] = []
    after = max(0, last - count)
    async for batch in log.read(after=after, batch_max=RECENT_BATCH_MAX, follow=False):
        events += batch
    return events[-count:] if count else []


async def recent_ids(log: JetStreamLog, count: int) -> list[str]:
    """The ids of the last `count` events, in sequence."""
    return [recorded.event.id for recorded in await recent(log, count)]


async def last_event(log: JetStreamLog) -> Recorded | None:
    """The newest event, None for an empty log."""
    events = await recent(log, 1)
    return events[0] if events else None
