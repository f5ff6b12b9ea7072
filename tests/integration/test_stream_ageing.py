"""The stream lets go only of what is sealed and verified, and the log reads on as one."""

from pathlib import Path

import pytest

from adapters.archive import chain
from adapters.archive.folder import FolderStore
from adapters.archive.log import ArchivedLog
from adapters.jetstream.ageing import extent, let_go
from adapters.jetstream.definition import load
from adapters.jetstream.streams import apply, diff
from curvetape.ageing import Ageing, first_open_gap
from curvetape.archiving import Archiving
from curvetape.definitions import definitions
from curvetape.testing.archives import stored
from curvetape.testing.certified import CertifiedLog, certified
from curvetape.testing.events import curve_traded
from curvetape.testing.log import LiveLog, entries
from domain.archive import ArchiveDamagedError
from domain.log import LogError, Stored

SEGMENT = 20
KEEP = 30


async def archived(log: LiveLog, held: CertifiedLog, folder: Path) -> FolderStore:
    await log.appender.append(entries(event for _, _, event in held))
    store = FolderStore(folder)
    await Archiving(log.log, store, print, events_max=SEGMENT).once()
    return store


def trades(count: int) -> CertifiedLog:
    return certified([curve_traded(slot, "mint") for slot in range(1, count + 1)])


async def everything(store: FolderStore, log: LiveLog) -> list[Stored]:
    reader = ArchivedLog(store, log.log)
    batches = reader.read_stored(after=0, batch_max=100, follow=False)
    return [it async for batch in batches for it in batch]


async def test_what_is_sealed_and_far_behind_goes_and_the_log_reads_on(
    live_log: LiveLog, tmp_path: Path
) -> None:
    held = trades(60)
    store = await archived(live_log, held, tmp_path)
    ageing = Ageing(live_log.connection, store, print, keep=KEEP)
    assert await ageing.let_go() == 80
    assert (await extent(live_log.connection, "PUMP")).first_sequence == 81
    assert await everything(store, live_log) == stored(held)
    assert await ageing.let_go() == 0
    await live_log.appender.append(entries([curve_traded(1_000, "mint")]))
    assert (await extent(live_log.connection, "PUMP")).first_sequence == 81
    defined = load(definitions() / "streams.toml")
    assert await diff(live_log.connection, defined) == [], "no limit is left behind"


async def test_nothing_goes_that_the_archive_does_not_give_back(
    live_log: LiveLog, tmp_path: Path
) -> None:
    store = await archived(live_log, trades(60), tmp_path)
    damaged = chain.manifests(store)[2].file
    (tmp_path / damaged).write_bytes(b"PAR1")
    with pytest.raises(ArchiveDamagedError, match=damaged):
        await Ageing(live_log.connection, store, print, keep=KEEP).let_go()
    assert (await extent(live_log.connection, "PUMP")).first_sequence == 1


async def test_an_open_gap_is_kept_until_it_is_filled(live_log: LiveLog, tmp_path: Path) -> None:
    held = CertifiedLog()
    for slot in range(1, 21):
        held.append(curve_traded(slot, "mint"))
        held.seal(slot)
    held.gap(21, 24)
    for slot in range(25, 65):
        held.append(curve_traded(slot, "mint"))
        held.seal(slot)
    store = await archived(live_log, held, tmp_path)
    ageing = Ageing(live_log.connection, store, print, keep=KEEP)
    assert await ageing.let_go() == 40
    behind = len(held.messages)
    held.fill(21, 24)
    await live_log.appender.append(entries(event for _, _, event in held.messages[behind:]))
    assert await ageing.let_go() == 40


async def test_a_limit_that_a_killed_sealer_left_is_lifted_first(
    live_log: LiveLog, tmp_path: Path
) -> None:
    store = await archived(live_log, trades(60), tmp_path)
    (defined,) = [it for it in load(definitions() / "streams.toml") if it.name == "PUMP"]
    jetstream = live_log.connection.jetstream
    config = defined.config()
    config.max_msgs = 100
    config.discard = "old"  # type: ignore[assignment]  # as it stands in the API
    await jetstream.update_stream(config)
    said: list[str] = []
    await Ageing(live_log.connection, store, said.append, keep=KEEP).recover()
    assert said == ["PUMP had a limit in force, left by a killed sealer; it is lifted"]
    assert await diff(live_log.connection, [defined]) == []
    assert [it.outcome for it in await apply(live_log.connection, [defined])] == ["unchanged"]


async def test_more_than_could_be_spared_is_an_error(live_log: LiveLog) -> None:
    await live_log.appender.append(entries(event for _, _, event in trades(60)))
    left = await let_go(live_log.connection, "PUMP", up_to=50, spare=10)
    assert (left.first_sequence, left.last_sequence) == (51, 120)
    again = await let_go(live_log.connection, "PUMP", up_to=50, spare=0)
    assert again == left
    with pytest.raises(LogError, match="PUMP begins at 56, behind 54"):
        await let_go(live_log.connection, "PUMP", up_to=55, spare=-1)


def test_a_gap_is_open_until_all_of_its_slots_are_filled() -> None:
    held = CertifiedLog()
    held.gap(10, 19)
    held.fill(10, 12)
    held.gap(30, 30)
    held.fill(16, 40)
    found = [(sequence, event) for sequence, _, event in held]
    assert first_open_gap(found) == 1
    held.fill(13, 15)
    assert first_open_gap([(sequence, event) for sequence, _, event in held]) is None
    assert first_open_gap(found[2:3]) == 3
