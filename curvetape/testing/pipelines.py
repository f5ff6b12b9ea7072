"""Ingest over sources that are lists, into a real log, and what that log says afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial

from adapters.jetstream.appender import JetStreamAppender
from curvetape.amending import certificates_behind
from curvetape.ingesting import recovered
from curvetape.testing.log import LiveLog
from domain.chain import Block, ChainUpdate, RawTransaction
from domain.events import AnyEvent, ProgramEvent, SlotAbandoned, SlotConfirmed, decode
from domain.log import Appender
from ingest.certificates import Certificates
from ingest.mux import Mux
from ingest.pipeline import Pipeline
from ingest.plan import Planner
from ingest.slots import Sealed, Slots
from ingest.transaction import entries
from ingest.votes import Voters
from projections.audit.certificates import Certificates as SlotAudit
from projections.audit.slot_report import SlotReport

NAME = "http://127.0.0.1:1"
"""An endpoint at which nobody listens: what it would send is in a list."""


class ListSource:
    """Hands over batches that are known beforehand, then ends."""

    def __init__(
        self, *batches: Sequence[ChainUpdate], name: str = NAME, pause_s: float = 0.0
    ) -> None:
        """`pause_s` lets what came before reach the log."""
        self.name = name
        self._batches = batches
        self._pause_s = pause_s

    async def batches(self) -> AsyncIterator[Sequence[ChainUpdate]]:
        """Batches as they were given."""
        for batch in self._batches:
            yield batch
            await asyncio.sleep(self._pause_s)


def reading(*sources: ListSource) -> Mux:
    """Sources that nobody has to hear complaints about."""
    said: list[str] = []
    return Mux(sources, say=said.append)


def one_a_batch(updates: Sequence[ChainUpdate]) -> list[Sequence[ChainUpdate]]:
    """Updates that arrive one by one."""
    return [[update] for update in updates]


def early(blocks: Sequence[Block]) -> list[RawTransaction]:
    """The transactions of blocks as they are seen before their blocks are confirmed."""
    return [tx for it in blocks for tx in it.transactions]


def ids_of(blocks: Sequence[Block]) -> list[str]:
    """The ids of all events in blocks, in the chain's order."""
    return [entry.id for tx in early(blocks) for entry in entries(tx).entries]


async def pipeline(
    live_log: LiveLog,
    *,
    names: Sequence[str] = (NAME,),
    log: Appender | None = None,
    clock_s: Callable[[], float] = lambda: 0.0,
    kept: Callable[[Sequence[Sealed]], None] = lambda _: None,
) -> Pipeline:
    """Ingest that goes on where the log ends, as it does after every start.

    `log` stands between it and the real appender; `kept` sees blocks that are about to be sealed.
    """
    connection = live_log.connection
    dead_letters = await JetStreamAppender.open(
        connection, stream="DEAD", monitor_urls=live_log.server.monitor_url
    )
    recovery = await recovered(connection)

    async def keep(sealed: Sequence[Sealed]) -> None:
        kept(sealed)

    return Pipeline(
        log=log or live_log.appender,
        dead_letters=dead_letters,
        planner=Planner(
            Slots(
                Voters(names),
                start=recovery.start,
                gaps=recovery.gaps,
                filled=recovery.filled,
                unproven_after=recovery.unproven_after,
            ),
            recovery.ledger,
        ),
        certificates=Certificates(recovery.certified),
        keep_raw=keep,
        others=partial(certificates_behind, connection),
        clock_s=clock_s,
    )


async def whole(live_log: LiveLog) -> list[AnyEvent]:
    """Every event in the log."""
    return [it.event for it in await live_log.all()]


def counting(events: Sequence[AnyEvent]) -> list[str]:
    """The ids of what counts: events with a certificate behind them that nothing took back."""
    waiting: dict[int, list[str]] = {}
    proven: list[str] = []
    for event in events:
        if isinstance(event, ProgramEvent):
            assert event.provisional
            waiting.setdefault(event.pos.slot, []).append(event.id)
        elif isinstance(event, SlotAbandoned):
            assert event.retracted == len(waiting.pop(event.slot, []))
        elif isinstance(event, SlotConfirmed):
            certified = waiting.pop(event.slot, [])
            assert event.decoded == len(certified)
            proven += certified
    return proven


async def audited(live_log: LiveLog) -> SlotReport:
    """What an audit of the whole log says."""
    walk = SlotAudit()
    async for batch in live_log.log.read_stored(after=0, batch_max=1_000, follow=False):
        for stored in batch:
            walk.take(stored.sequence, stored.payload, decode(stored.payload))
    return walk.report()
