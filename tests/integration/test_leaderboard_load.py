"""Leaderboards that are filled from the archive by columns are those that a replay makes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from adapters import patient_store
from adapters.archive import chain
from adapters.archive.folder import FolderStore
from adapters.archive.leaderboard_source import changes as segment_changes
from adapters.archive.log import ArchivedLog
from adapters.archive.segment import Content
from adapters.embedded.valkey import ValkeyServer
from adapters.valkey.checkpoint import CheckpointedStore
from adapters.valkey.client import Command, Condition, Valkey
from adapters.valkey.comparison import compared
from adapters.valkey.generations import Generations
from adapters.valkey.leaderboards import RETAINED_S, LeaderboardStore
from curvetape import loading_keys
from curvetape.bootstrap import leaderboards
from curvetape.comparing_keys import KeyComparing
from curvetape.loading_keys import load_keys_by_columns
from curvetape.rebuilding_keys import KeyLoad, KeyRebuilding
from curvetape.testing.archives import MemoryStream, sealed
from curvetape.testing.leaderboards import stretched, valkey_of
from curvetape.testing.loads import SEGMENT_EVENTS, history
from domain.archive import ArchiveDamagedError, Manifest
from domain.events import decode, encode
from domain.log import Stored
from domain.position import Position, PositionOutOfRangeError
from projections.generation import GenerationError
from projections.leaderboards import Changes, Leaderboards
from projections.projection import StoreRefusedError
from projections.runner import Runner

NAME = Leaderboards.name
BATCH_MAX = 100
DAYS_FACTOR = 30_000
"""Makes the history's blocks some hours apart."""


@pytest.fixture
async def valkey(valkey_server: ValkeyServer) -> AsyncIterator[Valkey]:
    async with valkey_of(valkey_server) as opened:
        yield opened


def story(factor: int = 1) -> list[Stored]:
    """The history of all loads, so many times as long."""
    messages = history()
    events = stretched([decode(it.payload) for it in messages], factor)
    return [Stored(it.sequence, encode(to)) for it, to in zip(messages, events, strict=True)]


async def project(valkey: Valkey, log: ArchivedLog) -> None:
    await Runner(log, [leaderboards(valkey)], batch_max=BATCH_MAX).run(follow=False)


def rebuilding(
    valkey: Valkey, log: ArchivedLog, load: KeyLoad, said: list[str] | None = None
) -> KeyRebuilding:
    return KeyRebuilding(
        log,
        Generations(valkey, NAME),
        partial(leaderboards, valkey),
        print if said is None else said.append,
        batch_max=BATCH_MAX,
        load=load,
    )


def load_of(store: FolderStore, loaded: list[int], said: list[str] | None = None) -> KeyLoad:
    async def load(rows: CheckpointedStore[Changes], until: int) -> None:
        say = print if said is None else said.append
        loaded.append(await load_keys_by_columns(store, rows, until=until, say=say))

    return load


async def assert_next_is_served(valkey: Valkey) -> None:
    """That they hold the same, row by row; that what nothing compares agrees, too."""
    generations = Generations(valkey, NAME)
    live, built = await generations.keys("served"), await generations.keys("next")
    for table in await compared(valkey, live, built, rows_max=5):
        assert table.digest == table.digest_replayed, table
        assert table.rows > 0
    fields = ("version", "sequence", "reread_after", "newest_s", "refused")
    places = await valkey.ask([("HMGET", it.checkpoint, *fields) for it in (live, built)])
    assert places[0] == places[1]
    mints = await valkey.ask([("ZRANGE", it.touched, "0", "-1") for it in (live, built)])
    assert sorted(mints[0]) == sorted(mints[1])
    kinds = []
    for each in (live, built):
        keys = await valkey.one("KEYS", f"{each.root}:*")
        kinds.append({key.removeprefix(each.root) for key in keys})
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("left_in_the_stream", [0, 250])
@pytest.mark.parametrize("factor", [1, DAYS_FACTOR])
async def test_what_is_loaded_is_what_a_replay_makes(
    valkey: Valkey, tmp_path: Path, left_in_the_stream: int, factor: int
) -> None:
    """With forks, late events and odd amounts, in a minute or in a month."""
    messages, store = story(factor), FolderStore(tmp_path)
    segments = sealed(
        store, messages[: len(messages) - left_in_the_stream], events_max=SEGMENT_EVENTS
    )
    assert len(segments) > 3
    log = ArchivedLog(store, MemoryStream(messages))
    await project(valkey, log)
    loaded: list[int] = []
    said: list[str] = []
    work = rebuilding(valkey, log, load_of(store, loaded, said))
    assert (await work.build()).sequence == len(messages)
    assert loaded == [segments[-1].last_sequence]
    assert [line for line in said if "sealed events in" in line]
    await assert_next_is_served(valkey)
    await work.serve("next")
    hosted = partial(leaderboards, valkey)
    comparing = KeyComparing(log, valkey, hosted, print, batch_max=BATCH_MAX, rows_max=5)
    assert (await comparing.run()).verdict == "equal"


async def test_what_no_window_can_hold_is_never_sent(
    valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages, store = story(DAYS_FACTOR), FolderStore(tmp_path)
    sealed(store, messages, events_max=SEGMENT_EVENTS)
    log = ArchivedLog(store, MemoryStream(messages))
    await project(valkey, log)
    starts_s: list[int] = []
    fill = LeaderboardStore.fill

    async def filled(self: LeaderboardStore, changes: Changes, *, part: int, reached: int) -> None:
        starts_s.extend((*(key[2] for key in changes.buckets), *changes.prices))
        await fill(self, changes, part=part, reached=reached)

    monkeypatch.setattr(LeaderboardStore, "fill", filled)
    await rebuilding(valkey, log, load_of(store, [])).build()
    keys = await Generations(valkey, NAME).keys("next")
    newest_s = int(await valkey.one("HGET", keys.checkpoint, "newest_s"))
    assert starts_s
    assert min(starts_s) > newest_s - RETAINED_S


async def test_a_load_that_was_interrupted_counts_for_nothing_and_begins_anew(
    valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages, store = story(), FolderStore(tmp_path)
    segments = sealed(store, messages, events_max=SEGMENT_EVENTS)
    log = ArchivedLog(store, MemoryStream(messages))
    await project(valkey, log)
    others = asyncio.all_tasks()

    def damaged(of: FolderStore, segment: Manifest) -> Content:
        if segment.first_sequence == segments[2].first_sequence:
            raise ArchiveDamagedError(segment.file, "is not whole")
        return content_of(of, segment)

    content_of = chain.content_of
    work = rebuilding(valkey, log, load_of(store, []))
    with monkeypatch.context() as patch:
        patch.setattr(chain, "content_of", damaged)
        with pytest.raises(ArchiveDamagedError):
            await work.build()
    assert asyncio.all_tasks() == others
    with pytest.raises(GenerationError, match="was refused: it is being filled"):
        await work.serve("next")
    assert (await work.build()).sequence == len(messages)
    await assert_next_is_served(valkey)


async def test_parts_whose_answers_were_lost_count_once(
    valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages, store = story(), FolderStore(tmp_path)
    sealed(store, messages, events_max=SEGMENT_EVENTS)
    log = ArchivedLog(store, MemoryStream(messages))
    await project(valkey, log)
    change, lost = Valkey.change, 0

    async def deaf(
        self: Valkey,
        conditions: Sequence[Condition],
        commands: Sequence[Command],
        *,
        spoilt: Command,
    ) -> Condition | None:
        nonlocal lost
        done = await change(self, conditions, commands, spoilt=spoilt)
        if done is None and lost % 2 == 0:
            lost += 1
            raise ConnectionError("the answer was lost")
        lost += 1
        return done

    monkeypatch.setattr(patient_store, "WAIT_S_MIN", 0.001)
    monkeypatch.setattr(loading_keys, "ROWS_TOGETHER", 20)
    with monkeypatch.context() as patch:
        patch.setattr(Valkey, "change", deaf)
        await rebuilding(valkey, log, load_of(store, [])).build()
    assert lost > 40
    await assert_next_is_served(valkey)


async def test_of_two_loads_at_a_time_one_stops(valkey: Valkey, tmp_path: Path) -> None:
    messages, store = story(), FolderStore(tmp_path)
    sealed(store, messages, events_max=SEGMENT_EVENTS)
    log = ArchivedLog(store, MemoryStream(messages))
    await project(valkey, log)
    works = [rebuilding(valkey, log, load_of(store, [])) for _ in range(2)]
    ended = await asyncio.gather(*(it.build() for it in works), return_exceptions=True)
    (stopped,) = [each for each in ended if isinstance(each, BaseException)]
    assert isinstance(stopped, StoreRefusedError), stopped
    assert "another program fills it" in str(stopped)
    await assert_next_is_served(valkey)


async def test_what_a_load_cannot_apply_is_left_to_a_replay(
    valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replay can park an event; the keys of the segments before are thrown away."""
    messages, store = story(), FolderStore(tmp_path)
    segments = sealed(store, messages, events_max=SEGMENT_EVENTS)
    log = ArchivedLog(store, MemoryStream(messages))
    await project(valkey, log)
    made: list[Changes] = []

    def refusing(content: Content, abandoned: dict[int, int], *, after_s: int) -> Changes:
        if len(made) == 2:
            raise PositionOutOfRangeError(Position(1, 1 << 17, 0, 0))
        made.append(segment_changes(content, abandoned, after_s=after_s))
        return made[-1]

    monkeypatch.setattr("curvetape.loading_keys.changes", refusing)
    said: list[str] = []
    await rebuilding(valkey, log, load_of(store, []), said).build()
    await assert_next_is_served(valkey)
    (told,) = [line for line in said if "event by event" in line]
    assert f"{segments[2].first_sequence:,} to {segments[2].last_sequence:,}" in told
    assert "does not fit 32 slot" in told


async def test_without_whole_segments_before_the_served_ones_place_nothing_is_loaded(
    valkey: Valkey, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path)
    sealed(store, story(), events_max=SEGMENT_EVENTS)
    rows = LeaderboardStore(valkey)
    assert await load_keys_by_columns(store, rows, until=10, say=print) == 0
    assert (await rows.checkpoint()).sequence == 0
