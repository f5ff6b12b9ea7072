"""Dead letters tried again in a test's own log, and what is there before and after."""

import dataclasses
from collections.abc import Sequence

from adapters.jetstream.appender import JetStreamAppender
from curvetape.letters import Choice, Filed, filed
from curvetape.retrying import Outcome, Retry
from curvetape.testing.log import LiveLog
from curvetape.testing.pipelines import whole
from domain.chain import Block
from domain.events import ProgramEvent, SlotAbandoned, SlotConfirmed
from domain.log import Appender
from ingest.transaction import entries

WINDOW_S = 0.1
"""After so long a forgetful server knows no ids any more: only we can tell what is there."""


async def retry(
    live_log: LiveLog,
    *,
    choice: Choice | None = None,
    log: Appender | None = None,
    ingest_stopped: bool = True,
) -> list[Outcome]:
    """Try letters again, all where there is no choice, through appenders of its own."""
    monitor_url = live_log.server.monitor_url
    events = await JetStreamAppender.open(live_log.connection, monitor_urls=monitor_url)
    dead = await JetStreamAppender.open(
        live_log.connection, stream="DEAD", monitor_urls=monitor_url
    )
    said: list[str] = []
    task = Retry(live_log.connection, say=said.append, ingest_stopped=ingest_stopped)
    try:
        return await task.run(choice or Choice(), log=log or events, dead_letters=dead)
    finally:
        events.close()
        dead.close()


async def bury(live_log: LiveLog, subject: str, payload: bytes) -> None:
    """Add a letter as another version, or another writer, might have written it."""
    await live_log.connection.jetstream.publish(subject, payload)


async def forgetful(live_log: LiveLog) -> None:
    """Let the server forget ids after `WINDOW_S`."""
    jetstream = live_log.connection.jetstream
    for stream in ("PUMP", "DEAD"):
        config = (await jetstream.stream_info(stream)).config
        await jetstream.update_stream(dataclasses.replace(config, duplicate_window=WINDOW_S))


async def left(live_log: LiveLog) -> list[Filed]:
    """The letters that are there."""
    return [each async for each in filed(live_log.connection)]


async def counted(live_log: LiveLog) -> set[str]:
    """Events with a certificate behind them that nothing took back."""
    waiting: dict[int, set[str]] = {}
    proven: set[str] = set()
    for event in await whole(live_log):
        if isinstance(event, ProgramEvent):
            waiting.setdefault(event.pos.slot, set()).add(event.id)
        elif isinstance(event, SlotAbandoned):
            waiting.pop(event.slot, None)
        elif isinstance(event, SlotConfirmed):
            proven |= waiting.pop(event.slot, set())
    return proven


def events_of(blocks: Sequence[Block]) -> list[str]:
    """The ids of all events that the decoder finds in blocks today, sorted."""
    found = (entry for it in blocks for tx in it.transactions for entry in entries(tx).entries)
    return sorted(entry.id for entry in found)
