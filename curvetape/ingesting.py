"""Ingest put together: sources, what the log's end says, and the pipeline between them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import msgspec

from adapters.jetstream.connection import Connection
from adapters.jetstream.known import last_on_subject
from adapters.jetstream.patience import patiently
from adapters.jetstream.reader import JetStreamLog
from adapters.jetstream.tail import recent, recent_ids
from adapters.solana_rpc.client import RpcBlocks
from adapters.yellowstone.backoff import WAIT_S_MAX, WAIT_S_MIN, Backoff
from adapters.yellowstone.client import YellowstoneSource
from adapters.yellowstone.endpoint import Endpoint, EndpointError
from adapters.yellowstone.health import Health
from adapters.yellowstone.limits import Limits
from curvetape.amending import certificates_behind, newest_in_order
from curvetape.appending import appender
from curvetape.bootstrap import NATS_URL
from curvetape.config import Settings
from curvetape.decoding import Decoders
from curvetape.garbage import seldom_collecting
from domain.events import SlotConfirmed, SolPriced, decode
from ingest.attention import AttentiveClock
from ingest.certificates import Certificates
from ingest.mux import Mux
from ingest.pipeline import DEAD_IDS, Pipeline
from ingest.plan import Planner
from ingest.raw import RawKeeper
from ingest.recovery import Recovery
from ingest.repair import Repair
from ingest.seen import Seen
from ingest.slots import HOLE_WAIT_S, Slots
from ingest.source import Source
from ingest.votes import AGREE_WAIT_S, DRAW_WAIT_S, FIRST_WAIT_S, SILENT_S, Voters

TAIL_EVENTS = 200_000
"""Messages that are read back from the log's end when ingest starts: more than it ever has on its
way to being proven."""

Say = Callable[[str], None]


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long ingest waits for what; the defaults fit a chain of 400 ms a slot."""

    hole_wait_s: float = HOLE_WAIT_S
    agree_wait_s: float = AGREE_WAIT_S
    draw_wait_s: float = DRAW_WAIT_S
    silent_s: float = SILENT_S
    first_wait_s: float = FIRST_WAIT_S
    limits: Limits = Limits()
    reconnect_s_min: float = WAIT_S_MIN
    reconnect_s_max: float = WAIT_S_MAX


class Ingest(msgspec.Struct, frozen=True):
    """All that a running ingest consists of."""

    pipeline: Pipeline
    sources: Mux
    health: Sequence[Health]
    """One for each endpoint."""

    async def run(self) -> None:
        """Until no source is left."""
        with seldom_collecting():
            await self.pipeline.run(self.sources)


@asynccontextmanager
async def ingesting(
    settings: Settings, *, say: Say, patience: Patience | None = None
) -> AsyncIterator[Ingest]:
    """Ingest that goes on where the log ends; `SourceError` for addresses of another form."""
    assert settings.yellowstone_url is not None, "the command asks for it"
    patience = patience or Patience()
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(
            await Connection.open(settings.nats_url or NATS_URL, name="curvetape ingest")
        )
        log = await appender(connection, settings, "PUMP")
        dead_letters = await appender(connection, settings, "DEAD")
        stack.callback(log.close)
        stack.callback(dead_letters.close)
        raw = await appender(connection, settings, "RAW") if settings.raw_hours else None
        if raw is not None:
            stack.callback(raw.close)
        decoders = await stack.enter_async_context(Decoders(settings.ingest_workers, say=say))
        recovery = await recovered(connection)
        endpoints = endpoints_of(settings)
        nodes = [] if settings.rpc_url is None else [RpcBlocks(settings.rpc_url)]
        slots = Slots(
            Voters(
                [endpoint.url for endpoint in endpoints],
                arbiters=[node.name for node in nodes],
                agree_wait_s=patience.agree_wait_s,
                draw_wait_s=patience.draw_wait_s,
                silent_s=patience.silent_s,
                first_wait_s=patience.first_wait_s,
            ),
            start=recovery.start,
            gaps=recovery.gaps,
            filled=recovery.filled,
            unproven_after=recovery.unproven_after,
            hole_wait_s=patience.hole_wait_s,
        )
        streams = [
            YellowstoneSource(
                endpoint,
                owed=slots.owed,
                limits=patience.limits,
                early=settings.commitment == "processed",
                backoff=Backoff(
                    wait_s_min=patience.reconnect_s_min, wait_s_max=patience.reconnect_s_max
                ),
                say=say,
            )
            for endpoint in endpoints
        ]
        sources: list[Source] = [*streams]
        for node in nodes:
            stack.push_async_callback(node.close)
            sources.append(Repair(node, slots.wants, rate_per_s_max=settings.rpc_rate, say=say))
        pipeline = Pipeline(
            log=log,
            dead_letters=dead_letters,
            planner=Planner(slots, recovery.ledger),
            certificates=Certificates(recovery.certified),
            dead_seen=await _dead_seen(connection),
            priced_s=max(recovery.priced_s, await _priced_s(connection)),
            decode=decoders.decode,
            keep_raw=None if raw is None else RawKeeper(raw).keep,
            others=partial(certificates_behind, connection),
            clock_s=AttentiveClock(),
        )
        yield Ingest(
            pipeline, Mux(sources, needed=streams, say=say), [each.health for each in streams]
        )


def endpoints_of(settings: Settings) -> list[Endpoint]:
    """The configured endpoints; `EndpointError` names one that cannot be meant so."""
    texts = (text.strip() for text in (settings.yellowstone_url or "").split(","))
    endpoints = [Endpoint.parse(text, x_token=settings.yellowstone_token) for text in texts if text]
    names = [endpoint.url for endpoint in endpoints]
    for name in names:
        if names.count(name) > 1:
            raise EndpointError(name, "it is named twice; its one vote would count as two")
    return endpoints


async def recovered(connection: Connection) -> Recovery:
    """What the log's gaps, its last certificate and its newest messages say."""
    log, recovery = JetStreamLog(connection), Recovery()
    async for batch in log.read_stored(
        after=0, batch_max=1_000, follow=False, subjects=["pump.gap.>"]
    ):
        recovery.take_gaps(decode(stored.payload) for stored in batch)
    last = await patiently(
        connection, lambda: last_on_subject(connection, "PUMP", SlotConfirmed.subject_root)
    )
    if last is not None:
        certificate = decode(last.payload)
        assert isinstance(certificate, SlotConfirmed), "the subject has one kind"
        if certificate.revision > 1:  # where an amendment stands nothing goes on
            newest = await newest_in_order(connection, last.sequence)
            recovery.take_certificate(*newest)
        recovery.take_certificate(last.sequence, certificate)
    async for batch in recent(log, TAIL_EVENTS):
        for stored in batch:
            recovery.take(stored.sequence, stored.payload, decode(stored.payload))
    recovery.finish()
    return recovery


async def _dead_seen(connection: Connection) -> Seen:
    seen = Seen(DEAD_IDS)
    seen.update(await recent_ids(connection, "DEAD", DEAD_IDS))
    return seen


async def _priced_s(connection: Connection) -> int:
    """The second of the last price in the log; 0 where there is none."""
    last = await patiently(
        connection, lambda: last_on_subject(connection, "PUMP", SolPriced.subject_root)
    )
    if last is None:
        return 0
    price = decode(last.payload)
    assert isinstance(price, SolPriced), "the subject has one kind"
    return price.publish_time_s
