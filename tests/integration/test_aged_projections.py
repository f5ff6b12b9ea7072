"""Read models that start anew read the archive where the stream has let go of what they need."""

import asyncio
from pathlib import Path
from typing import NamedTuple

import asyncpg
import msgspec
import pytest

from adapters.archive.folder import FolderStore
from adapters.jetstream.ageing import extent
from curvetape.ageing import Ageing
from curvetape.archiving import Archiving
from curvetape.bootstrap import projecting
from curvetape.config import Settings
from curvetape.testing.archives import sealed, stored
from curvetape.testing.certified import CertifiedLog, Message, certified
from curvetape.testing.contents import READ_MODELS, TABLES
from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog
from curvetape.testing.simulated import first_blocks, views
from curvetape.testing.waiting import until
from domain.events import AnyEvent
from domain.log import Entry, LogError, SequenceGapError
from ingest.transaction import translated

APPEND_MAX = 500
SEGMENT = 80
KEEP = 250

Rows = dict[str, list[str]]


def market() -> list[AnyEvent]:
    return [
        event
        for block, _ in first_blocks(60)[:20]
        for tx in views(block)
        if not tx.failed
        for event in translated(tx).events
    ]


async def append(log: LiveLog, messages: list[Message]) -> None:
    entries = [
        Entry(subject=event.subject, id=f"{sequence}", payload=payload)
        for sequence, payload, event in messages
    ]
    for at in range(0, len(entries), APPEND_MAX):
        await log.appender.append(entries[at : at + APPEND_MAX])


async def rows(dsn: str) -> Rows:
    database = await asyncpg.connect(dsn, ssl=False)
    try:
        return {
            table: [
                row[0] for row in await database.fetch(f"select t::text from {table} t order by 1")
            ]
            for table in READ_MODELS
        }
    finally:
        await database.close()


async def emptied(dsn: str) -> None:
    database = await asyncpg.connect(dsn, ssl=False)
    try:
        await database.execute(f"truncate {', '.join(TABLES)}, checkpoints")
    finally:
        await database.close()


async def project(settings: Settings) -> None:
    async with projecting(settings) as runner:
        await runner.run(follow=False)


class Aged(NamedTuple):
    """A log of a market, the rows of all of it, and the archive that has its beginning."""

    log: LiveLog
    settings: Settings
    held: CertifiedLog
    rows: Rows


@pytest.fixture
async def aged(live_log: LiveLog, postgres_dsn: str, tmp_path: Path) -> Aged:
    held = certified(market())
    await append(live_log, held.messages)
    settings = Settings(
        nats_url=live_log.server.url, postgres_dsn=postgres_dsn, project_batch_max=97
    )
    await project(settings)
    expected = await rows(postgres_dsn)
    assert all(expected[table] for table in ("candles", "trades", "tokens"))
    await emptied(postgres_dsn)
    store = FolderStore(tmp_path / "archive")
    await Archiving(live_log.log, store, print, events_max=SEGMENT).once()
    await Ageing(live_log.connection, store, print, keep=KEEP).let_go()
    assert (await extent(live_log.connection, "PUMP")).first_sequence > 3 * SEGMENT
    return Aged(live_log, settings, held, expected)


def with_archive(settings: Settings, folder: Path) -> Settings:
    return msgspec.structs.replace(settings, archive_url=str(folder))


async def test_read_models_start_anew_from_archive_and_stream_with_the_same_rows(
    aged: Aged, tmp_path: Path
) -> None:
    settings = with_archive(aged.settings, tmp_path / "archive")
    await project(settings)
    assert await rows(aged.settings.postgres_dsn or "") == aged.rows


async def test_parts_start_anew_from_archive_and_stream_with_the_same_rows_together(
    aged: Aged, tmp_path: Path
) -> None:
    settings = with_archive(aged.settings, tmp_path / "archive")
    for part in ("2/3", "1/3", "3/3"):
        await project(msgspec.structs.replace(settings, project_part=part))
    assert await rows(aged.settings.postgres_dsn or "") == aged.rows


async def test_without_the_archive_they_stop_and_say_which_setting_names_it(aged: Aged) -> None:
    with pytest.raises(SequenceGapError, match=r"expected sequence 1, .* CURVETAPE_ARCHIVE_URL"):
        await project(aged.settings)


async def test_the_archive_of_another_log_is_not_projected(aged: Aged, tmp_path: Path) -> None:
    """Also where it ends before the stream begins, so that no message of both can be compared."""
    other = stored(certified([curve_traded(slot, "mint") for slot in range(1, 400)]))
    first = (await extent(aged.log.connection, "PUMP")).first_sequence
    for count, refused in ((first + 1, "is of another log"), (first - 5, "in no archive")):
        folder = tmp_path / f"other{count}"
        sealed(FolderStore(folder), other[:count])
        with pytest.raises(LogError, match=refused):
            await project(with_archive(aged.settings, folder))
        assert not any((await rows(aged.settings.postgres_dsn or "")).values())


async def test_who_is_up_to_date_follows_the_stream_although_the_archive_is_away(
    aged: Aged, tmp_path: Path
) -> None:
    await project(with_archive(aged.settings, tmp_path / "archive"))
    unreachable = tmp_path / "file"
    unreachable.write_bytes(b"no folder")
    async with projecting(with_archive(aged.settings, unreachable / "archive")) as runner:
        running = asyncio.create_task(runner.run())
        last = aged.held.messages[-1][2].pos.slot
        aged.held.append(curve_traded(last + 1, "mint"))
        aged.held.seal(last + 1)
        await append(aged.log, aged.held.messages[-2:])

        async def caught_up() -> bool:
            if running.done():
                running.result()
            return all(it.sequence == len(aged.held.messages) for it in await runner.status())

        await until(caught_up)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
