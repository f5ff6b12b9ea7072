"""The metadata resolver put together: the log, the web, and the loop between them."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import TypeAlias

import msgspec

from adapters.jetstream.ageing import extent
from adapters.jetstream.connection import Connection
from adapters.jetstream.known import last_on_subject
from adapters.jetstream.patience import patiently
from adapters.metadata.documents import HttpDocuments
from curvetape.appending import appender
from curvetape.archives import log_of
from curvetape.bootstrap import NATS_URL
from curvetape.config import Settings, SettingsError
from domain.events import (
    SlotAbandoned,
    SlotConfirmed,
    TokenCreated,
    TokenDescribed,
    decode,
)
from domain.log import Recorded, decoded
from ingest.metadata.resolver import Resolver

READ_BATCH_MAX = 1_000
SUBJECTS = (
    f"{TokenCreated.subject_root}.>",
    f"{TokenDescribed.subject_root}.>",
    SlotConfirmed.subject_root,
    SlotAbandoned.subject_root,
)
"""What a resolver has to know of the log."""

Say = Callable[[str], None]
Batches: TypeAlias = AsyncGenerator[Sequence[Recorded], None]


class Describing(msgspec.Struct, frozen=True):
    """A resolver and the log that it goes on with."""

    resolver: Resolver
    after: int
    _log: "Reading"

    async def run(self, *, follow: bool = True) -> None:
        """Until the log ends; without `follow` that is where it ends now."""
        async with aclosing(self._log.batches(after=self.after, follow=follow)) as batches:
            await self.resolver.run(batches)


class Reading:
    """The log, as far as it is about tokens and slots."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._log = log_of(settings, connection)

    async def batches(
        self, *, after: int, follow: bool
    ) -> AsyncGenerator[Sequence[Recorded], None]:
        """Batches in sequence; raises `LogError`."""
        async for stored in self._log.read_stored(
            after=after, batch_max=READ_BATCH_MAX, follow=follow, subjects=SUBJECTS
        ):
            events, fault = decoded(stored)
            if events:
                yield events
            if fault is not None:
                raise fault


@asynccontextmanager
async def describing(settings: Settings, *, say: Say) -> AsyncIterator[Describing]:
    """A resolver that goes on where the log's last description says; `SettingsError`."""
    gateways, allowed = gateways_of(settings), allowed_of(settings)
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(
            await Connection.open(settings.nats_url or NATS_URL, name="curvetape describe")
        )
        log = await appender(connection, settings, "PUMP")
        stack.callback(log.close)
        documents = await stack.enter_async_context(
            HttpDocuments(connections_max=settings.describe_parallel, allowed=allowed)
        )

        async def held(mint: str) -> Recorded | None:
            return await last_described(connection, mint)

        last = await last_described(connection, ">")
        after = 0
        if last is not None:
            assert isinstance(last.event, TokenDescribed), "its subject says so"
            after = last.event.complete_until
        first = (await extent(connection, "PUMP")).first_sequence
        if settings.archive_url is None and first > after + 1:
            say(
                f"the log begins at sequence {first:,}; tokens that were created between "
                f"{after:,} and there are not described: set CURVETAPE_ARCHIVE_URL for them"
            )
        resolver = Resolver(
            log=log,
            held=held,
            documents=documents,
            gateways=gateways,
            after=after,
            parallel_max=settings.describe_parallel,
            rate_per_s=settings.describe_rate,
        )
        yield Describing(resolver, after, Reading(settings, connection))


async def last_described(connection: Connection, mint: str) -> Recorded | None:
    """The newest description of a token in the stream; of all, where `mint` is `>`."""
    subject = f"{TokenDescribed.subject_root}.{mint}"
    last = await patiently(connection, lambda: last_on_subject(connection, "PUMP", subject))
    return None if last is None else Recorded(last.sequence, decode(last.payload))


def gateways_of(settings: Settings) -> list[str]:
    """The gateways to IPFS, each with a slash at its end; `SettingsError`."""
    gateways = [each.strip() for each in settings.ipfs_gateways.split(",") if each.strip()]
    for gateway in gateways:
        if not gateway.startswith(("http://", "https://")):
            raise SettingsError(
                "CURVETAPE_IPFS_GATEWAYS",
                settings.ipfs_gateways,
                f"{gateway!r} is no address as https://ipfs.io/ipfs/",
            )
    return [gateway.rstrip("/") + "/" for gateway in gateways]


def allowed_of(settings: Settings) -> list[tuple[str, int]]:
    """The hosts and ports that may be asked although they are not public; `SettingsError`."""
    allowed = []
    for each in (settings.describe_allow or "").split(","):
        if not (place := each.strip()):
            continue
        host, _, port = place.rpartition(":")
        if not host or not port.isdigit():
            raise SettingsError(
                "CURVETAPE_DESCRIBE_ALLOW",
                settings.describe_allow or "",
                f"{place!r} is no host with a port, as 127.0.0.1:8081",
            )
        allowed.append((host.strip("[]").lower(), int(port)))
    return allowed
