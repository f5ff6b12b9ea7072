"""A resolver of a log whose beginning is in the archive alone: launches, and its own attempts."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from adapters.archive.folder import FolderStore
from adapters.jetstream.ageing import extent
from curvetape.ageing import Ageing
from curvetape.archiving import Archiving
from curvetape.config import Settings
from curvetape.describing import Reading, describing, last_described
from curvetape.simulator.gateway import Gateway
from curvetape.testing.events import created, curve_traded
from curvetape.testing.log import LiveLog, entries
from curvetape.testing.metadata import undescribed
from domain.document import Fetched
from domain.events import AnyEvent, TokenDescribed
from domain.log import Recorded
from ingest.metadata.backlog import NS_PER_S
from ingest.metadata.resolver import Resolver

LAUNCHES = 5
TRADES = 400
SEGMENT = 80
KEEP = 100

URI = "https://ipfs.io/ipfs/Qm{:044d}"


@pytest.fixture
async def settings(live_log: LiveLog) -> AsyncIterator[Settings]:
    """Of a resolver that asks the simulated market's gateway."""
    gateway = Gateway("127.0.0.1:0")
    await gateway.start()
    yield Settings(
        nats_url=live_log.server.url,
        nats_monitor_url=live_log.server.monitor_url,
        ipfs_gateways=gateway.url,
        describe_allow=gateway.url.split("/")[2],
    )
    await gateway.stop()


async def aged(live: LiveLog, folder: Path, *others: AnyEvent) -> None:
    """Launches, other events and many trades, of which the archive has the first alone."""
    launches = [created(n, f"m{n}", uri=URI.format(n)) for n in range(1, LAUNCHES + 1)]
    trades = [curve_traded(100 + number, "m1") for number in range(TRADES)]
    await live.appender.append(entries([*launches, *others, *trades]))
    store = FolderStore(folder)
    await Archiving(live.log, store, print, events_max=SEGMENT).once()
    await Ageing(live.connection, store, print, keep=KEEP).let_go()
    assert (await extent(live.connection, "PUMP")).first_sequence > LAUNCHES + len(others)


async def test_tokens_that_only_the_archive_has_are_described(
    live_log: LiveLog, settings: Settings, tmp_path: Path
) -> None:
    await aged(live_log, tmp_path / "archive")
    settings = msgspec.structs.replace(settings, archive_url=str(tmp_path / "archive"))
    said: list[str] = []
    async with describing(settings, say=said.append) as it:
        await it.run(follow=False)
    assert said == []
    for number in range(1, LAUNCHES + 1):
        found = await last_described(live_log.connection, f"m{number}")
        assert found is not None
        assert isinstance(found.event, TokenDescribed)
        assert found.event.created_sequence == number


async def test_without_the_archive_it_is_said_that_tokens_are_missing(
    live_log: LiveLog, settings: Settings, tmp_path: Path
) -> None:
    await aged(live_log, tmp_path / "archive")
    said: list[str] = []
    async with describing(settings, say=said.append) as it:
        await it.run(follow=False)
    assert len(said) == 1
    assert "set CURVETAPE_ARCHIVE_URL for them" in said[0]
    assert await last_described(live_log.connection, ">") is None


class _Found:
    async def fetch(self, address: str) -> Fetched:
        return Fetched(b'{"description":"late"}')


async def test_an_attempt_follows_one_that_the_stream_has_let_go_of(
    live_log: LiveLog, settings: Settings, tmp_path: Path
) -> None:
    failed = undescribed(1, "m1", complete_until=0)
    await aged(live_log, tmp_path / "archive", failed)
    settings = msgspec.structs.replace(settings, archive_url=str(tmp_path / "archive"))

    async def held(mint: str) -> Recorded | None:
        return await last_described(live_log.connection, mint)

    assert await held("m1") is None
    resolver = Resolver(
        log=live_log.appender,
        held=held,
        documents=_Found(),
        gateways=["https://gateway.example/ipfs/"],
        after=0,
        parallel_max=2,
        rate_per_s=1_000,
        now_ns=lambda: max(time.time_ns(), failed.received_at_ns) + 3_600 * NS_PER_S,
    )
    await resolver.run(Reading(settings, live_log.connection).batches(after=0, follow=False))
    found = await held("m1")
    assert found is not None
    assert isinstance(found.event, TokenDescribed)
    assert (found.event.attempt, found.event.description) == (2, "late")
    assert resolver.progress.described == LAUNCHES
