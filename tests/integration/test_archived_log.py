"""The stream with its archive in front reads as one log, also when the stream has aged out."""

from pathlib import Path

import pytest

from adapters.archive import chain
from adapters.archive.folder import FolderStore
from adapters.archive.log import ArchivedLog, OtherLogError, check_same
from adapters.jetstream.ageing import let_go
from curvetape.archiving import Archiving
from curvetape.testing.archives import MemoryStream, numbered, sealed, stored
from curvetape.testing.certified import certified
from curvetape.testing.events import created, curve_traded
from curvetape.testing.log import LiveLog, entries
from domain.archive import ArchiveDamagedError
from domain.events import AnyEvent
from domain.log import SequenceGapError, Stored


def trades(count: int, *, first: int = 1) -> list[AnyEvent]:
    return [curve_traded(number, f"mint{number % 3}") for number in range(first, first + count)]


def empty(folder: Path) -> None:
    for path in folder.rglob("*.*"):
        path.unlink()


async def read(log: ArchivedLog, *, after: int = 0, **given: object) -> list[Stored]:
    batches = log.read_stored(after=after, batch_max=7, follow=False, **given)  # type: ignore[arg-type]  # subjects only
    return [it async for batch in batches for it in batch]


@pytest.mark.parametrize("after", [0, 1, 9, 10, 11, 19, 20, 24, 25])
async def test_there_is_no_seam_wherever_reading_begins(after: int, tmp_path: Path) -> None:
    log = numbered(trades(25))
    store = FolderStore(tmp_path)
    sealed(store, log[:20], events_max=10)
    archived = ArchivedLog(store, MemoryStream(log[15:]))
    assert await read(archived, after=after) == log[after:]
    assert await archived.last_sequence() == 25


async def test_segments_that_are_sealed_while_it_reads_are_found(tmp_path: Path) -> None:
    log = numbered(trades(40))
    store = FolderStore(tmp_path)
    sealed(store, log[:10], events_max=10)
    stream = MemoryStream(log[5:])
    archived = ArchivedLog(store, stream)
    found: list[Stored] = []
    async for batch in archived.read_stored(after=0, batch_max=5, follow=False):
        found += batch
        if len(found) == 5:  # all but the end is sealed and let go while the first is read
            empty(tmp_path)
            sealed(store, log[:38], events_max=10)
            stream.messages = log[35:]
    assert found == log


async def test_what_neither_has_is_a_hole(tmp_path: Path) -> None:
    log = numbered(trades(25))
    store = FolderStore(tmp_path)
    sealed(store, log[:10], events_max=10)
    with pytest.raises(SequenceGapError, match="expected sequence 11, received 16"):
        await read(ArchivedLog(store, MemoryStream(log[15:])))


async def test_of_some_subjects_too(live_log: LiveLog, tmp_path: Path) -> None:
    """Their sequences do not follow each other, so the hole itself is not seen by them."""
    held = certified(trades(30))
    await live_log.appender.append(entries(event for _, _, event in held))
    await let_go(live_log.connection, "PUMP", up_to=30, spare=0)
    store = FolderStore(tmp_path)
    sealed(store, stored(held)[:20], events_max=10)
    with pytest.raises(SequenceGapError, match="expected sequence 21, received 31"):
        await read(ArchivedLog(store, live_log.log), subjects=["pump.slot.>"])
    sealed_rest = FolderStore(tmp_path / "whole")
    sealed(sealed_rest, stored(held)[:40], events_max=10)
    found = await read(ArchivedLog(sealed_rest, live_log.log), subjects=["pump.slot.>"])
    assert [it.sequence for it in found] == list(range(2, 61, 2))


async def test_what_the_stream_has_is_not_read_from_the_archive(tmp_path: Path) -> None:
    log = numbered(trades(25))
    store = FolderStore(tmp_path)
    (manifest, _) = sealed(store, log[:20], events_max=10)
    (tmp_path / manifest.name).write_bytes(b"damaged")
    assert await read(ArchivedLog(store, MemoryStream(log))) == log
    assert await read(ArchivedLog(store, MemoryStream(log[15:])), after=15) == log[15:]
    with pytest.raises(ArchiveDamagedError, match=manifest.name):
        await read(ArchivedLog(store, MemoryStream(log[15:])), after=14)


async def test_a_hole_in_the_stream_is_filled_from_the_archive(tmp_path: Path) -> None:
    log = numbered(trades(25))
    store = FolderStore(tmp_path)
    sealed(store, log[:20], events_max=10)
    holed = MemoryStream([*log[:4], *log[12:]])
    assert await read(ArchivedLog(store, holed)) == log


async def test_subjects_are_found_in_segments_as_on_a_server(
    live_log: LiveLog, tmp_path: Path
) -> None:
    events = [*trades(20), created(30, "mint1"), *trades(5, first=40)]
    await live_log.appender.append(
        entries(certified(events).messages[at][2] for at in range(60)[:51])
    )
    store = FolderStore(tmp_path)
    await Archiving(live_log.log, store, print, events_max=10).once(rest=True)
    archived = ArchivedLog(store, live_log.log)
    for subjects in (
        ["pump.*.*.mint1"],
        ["pump.token.>"],
        ["pump.slot.confirmed"],
        ["pump.curve.traded.mint0", "pump.slot.*"],
        ["pump"],
        [">"],
    ):
        expected = [
            it
            async for batch in live_log.log.read_stored(
                after=0, batch_max=9, follow=False, subjects=subjects
            )
            for it in batch
        ]
        assert await read(archived, subjects=subjects) == expected


async def test_the_archive_of_another_log_is_refused(live_log: LiveLog, tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    sealed(store, stored(certified(trades(20))), events_max=10)
    (*_, last) = chain.manifests(store)
    await live_log.appender.append(entries(trades(3)))
    with pytest.raises(OtherLogError, match="is of another log"):
        await check_same(store, last, live_log.log)
    await live_log.appender.append(entries(trades(60, first=4)))
    with pytest.raises(OtherLogError, match="give the archive that was sealed from this stream"):
        await Archiving(live_log.log, store, print, events_max=10).once()
