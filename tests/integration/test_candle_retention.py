"""Candles of short intervals are let go of on purpose, from plain rows and from pages."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from adapters.archive.folder import FolderStore
from adapters.archive.log import ArchivedLog
from adapters.postgres import candle_retention
from adapters.postgres.candle_load import CandleLoad
from adapters.postgres.candle_retention import trim_candles
from adapters.postgres.candles import CandleStore
from adapters.postgres.compression import compress
from adapters.postgres.generations import Generations
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.retention import TrimError, Trimmed, Trimming
from adapters.postgres.scratch import Scratch
from curvetape.bootstrap import read_models
from curvetape.comparing import Comparing
from curvetape.loading import load_by_columns
from curvetape.rebuilding import Rebuilding
from curvetape.testing.archives import MemoryStream, sealed, stored
from curvetape.testing.certified import certified
from curvetape.testing.events import GENESIS_S, SLOTS_PER_S, batches, curve_traded, recorded
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.waiting import until
from domain.events import AnyEvent
from projections.audit.model_report import ModelReport
from projections.candle_columns import LENGTHS_S, Gathering, framed
from projections.candles import Candle, Candles, Key
from projections.projection import host
from projections.retention import keeping
from projections.runner import Runner

DAY_S = 86_400
DAYS = 8
NEWEST_S = GENESIS_S + DAYS * DAY_S
TODAY_S = NEWEST_S - NEWEST_S % DAY_S
KEEP = keeping("1s=2,15s=4")
SINCE = {1: TODAY_S - 2 * DAY_S, 5: TODAY_S - 4 * DAY_S, 15: TODAY_S - 4 * DAY_S}


def trade(mint: str, time_s: int, number: int) -> AnyEvent:
    slot = int((time_s - GENESIS_S) * SLOTS_PER_S) + 1
    made = curve_traded(
        slot, mint, block_time_s=time_s, virtual_quote_reserves=(30 + number % 40) * 10**9
    )
    pos = msgspec.structs.replace(made.pos, tx=number)
    return msgspec.structs.replace(made, pos=pos, id=f"{number}{made.id}")


def story() -> list[AnyEvent]:
    """A mint that trades often, one that trades once a day or so, and one of three days only."""
    times = [("busy", GENESIS_S + number * 997) for number in range(DAYS * DAY_S // 997)]
    times += [("busy", GENESIS_S + number * 1_994 + 3) for number in range(DAYS * DAY_S // 1_994)]
    times += [("rare", GENESIS_S + number * (DAY_S + 777)) for number in range(DAYS - 1)]
    times += [("short", GENESIS_S + number * 40_000) for number in range(6)]
    times += [("busy", NEWEST_S)]
    times.sort(key=lambda it: it[1])
    return [trade(mint, time_s, number) for number, (mint, time_s) in enumerate(times)]


STORY = story()


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candle_retention, "NOTED_WAIT_S", 0)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Pool]:
    """One connection, given back before the next is opened: some servers offer no second one."""
    pool = await open_pool(dsn, connections_max=1)
    try:
        yield pool
    finally:
        await pool.close()


async def project(dsn: str, events: Sequence[AnyEvent]) -> None:
    await migrate(dsn)
    async with opened(dsn) as pool:
        hosted = [host(Candles(), CandleStore(pool))]
        await Runner(MemoryLog(events), hosted, batch_max=200).run(follow=False)


async def load(dsn: str, events: Sequence[AnyEvent]) -> None:
    """The same as pages."""
    await migrate(dsn)
    async with opened(dsn) as pool:
        await CandleStore(pool).checkpoint()
    loading = await CandleLoad.open(dsn, "public", lanes=1)
    try:
        gathering = Gathering()
        for part in batches(recorded(events), 400):
            made = framed(Candles().apply(part).candles, LENGTHS_S[0])
            closed = gathering.take([made], int(made.rows["start_s"].max()) - 120)
            await loading.write(loading.encoded(closed))
        await loading.write(loading.encoded(gathering.rest()))
        await loading.finish(sequence=len(events))
    finally:
        await loading.close()


def kept_of(events: Sequence[AnyEvent], since: Mapping[int, int] = SINCE) -> dict[Key, Candle]:
    """What the core makes, without what was let go of."""
    every = Candles().apply(recorded(events)).candles
    return {key: it for key, it in every.items() if key[2] >= since.get(key[1], 0)}


async def found(dsn: str) -> dict[Key, Candle]:
    async with opened(dsn) as pool:
        rows = await pool.fetch("select * from candles")
    names = Candle.__struct_fields__
    return {
        (row["mint"], row["interval_s"], row["start_s"]): Candle(
            **{name: int(row[name]) if name.startswith("volume") else row[name] for name in names}
        )
        for row in rows
    }


async def compared(dsn: str, events: Sequence[AnyEvent]) -> ModelReport:
    async with await Scratch.open(dsn, application="test") as scratch:
        hosted = [it for it in read_models(scratch) if it.projection.name == "candles"]
        log = MemoryLog(events)
        report = await Comparing(log, scratch, hosted, print, batch_max=500, rows_max=5).run()
    return report.models[0]


def named(since: Mapping[int, int] = SINCE) -> dict[str, int]:
    names = {1: "1s", 5: "5s", 15: "15s"}
    return {names[length_s]: from_s for length_s, from_s in since.items()}


@pytest.mark.parametrize("fill", [project, load])
async def test_short_candles_go_by_their_interval_and_all_others_stay_to_the_last_bit(
    database_dsn: str, fill: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candle_retention, "BATCH_PAGES", 2)
    await (project if fill is project else load)(database_dsn, STORY)
    every = await found(database_dsn)
    assert every == kept_of(STORY, {})
    gone = len(every) - len(kept_of(STORY))
    told: list[Trimming] = []
    assert await trim_candles(database_dsn, KEEP, told=told.append) == Trimmed(
        name="candles",
        rows=gone,
        complete_from_s=SINCE[1],
        intervals_from_s=named(),
    )
    assert await found(database_dsn) == kept_of(STORY)
    assert (told[0].rows, told[0].removed, told[0].pages) == (None, 0, 0)
    assert (told[-1].removed, told[-1].pages_done) == (gone, told[-1].pages)
    again = await trim_candles(database_dsn, KEEP)
    assert (again.rows, again.intervals_from_s) == (0, named())
    # Whoever keeps more from now on does not get back what is gone.
    longer = await trim_candles(database_dsn, keeping("1s=6"))
    assert (longer.rows, longer.intervals_from_s) == (0, named())
    async with opened(database_dsn) as pool:
        reads = PostgresReads(pool)
        assert [await reads.candles_from(interval_s=it) for it in (1, 5, 60)] == [
            SINCE[1],
            SINCE[5],
            None,
        ]
        rows = await reads.candles("busy", interval_s=60, from_s=0, to_s=1 << 40, limit=10**6)
        assert [row.start_s for row in rows] == sorted(
            start_s for mint, length_s, start_s in every if (mint, length_s) == ("busy", 60)
        )


@pytest.mark.parametrize("fill", [project, load])
async def test_a_comparison_leaves_out_what_was_let_go_of_and_sees_what_is_wrong_behind_it(
    database_dsn: str, fill: object
) -> None:
    await (project if fill is project else load)(database_dsn, STORY)
    await trim_candles(database_dsn, KEEP)
    report = await compared(database_dsn, STORY)
    assert report.verdict == "equal"
    assert [(it.name, it.from_s) for it in report.tables] == [
        ("candles", named()),
        ("candle_hours", {}),
    ]
    assert report.tables[0].rows == len(kept_of(STORY))
    async with opened(database_dsn) as pool:
        await pool.execute("delete from candle_rows where mint = 'busy' and interval_s = 60")
        await pool.execute("delete from candle_pages where mint = 'busy'")
    assert (await compared(database_dsn, STORY)).verdict == "different"


@pytest.mark.parametrize("fill", [project, load])
async def test_what_is_late_for_what_was_let_go_of_comes_into_longer_candles_only(
    database_dsn: str, fill: object
) -> None:
    await (project if fill is project else load)(database_dsn, STORY)
    await trim_candles(database_dsn, KEEP)
    late = [
        trade(mint, GENESIS_S + day * DAY_S + 5, 9_000 + day)
        for mint in ("busy", "rare", "new")
        for day in range(DAYS)
    ]
    every = [*STORY, *late]
    await project(database_dsn, every)
    assert await found(database_dsn) == kept_of(every)
    assert (await compared(database_dsn, every)).verdict == "equal"
    assert (await trim_candles(database_dsn, KEEP)).rows == 0


async def test_candles_go_from_compressed_parts_too(timescale_dsn: str) -> None:
    every = [*STORY, trade("busy", NEWEST_S + 30 * DAY_S, len(STORY))]
    await project(timescale_dsn, every)
    assert (await compress(timescale_dsn, older_than_days=0))[0].chunks == 1
    gone = len(kept_of(every, {})) - len(kept_of(every))
    trimmed = await trim_candles(timescale_dsn, keeping("1s=32,15s=34"))
    assert (trimmed.rows, trimmed.intervals_from_s) == (gone, named())
    assert await found(timescale_dsn) == kept_of(every)


async def test_who_was_interrupted_goes_on_where_it_was(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candle_retention, "BATCH_PAGES", 1)
    await load(postgres_dsn, STORY)

    class KilledError(Exception):
        pass

    def told(at: Trimming) -> None:
        if at.pages_done == 2:
            raise KilledError

    with pytest.raises(KilledError):
        await trim_candles(postgres_dsn, KEEP, told=told)
    left = await found(postgres_dsn)
    assert len(kept_of(STORY)) < len(left) < len(kept_of(STORY, {}))
    # What is left of it is no difference.
    assert (await compared(postgres_dsn, STORY)).verdict == "equal"
    done = await trim_candles(postgres_dsn, KEEP)
    assert done.rows == len(left) - len(kept_of(STORY))
    assert await found(postgres_dsn) == kept_of(STORY)


async def test_who_goes_on_with_what_was_noted_waits_until_all_know(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await project(postgres_dsn, STORY)

    class StoppedError(Exception):
        pass

    async def stopped(_delay_s: float) -> None:
        raise StoppedError

    monkeypatch.setattr(candle_retention, "asyncio", SimpleNamespace(sleep=stopped))
    for _ in range(2):
        with pytest.raises(StoppedError):
            await trim_candles(postgres_dsn, KEEP)
        assert await found(postgres_dsn) == kept_of(STORY, {})


async def test_a_save_under_way_ends_before_anything_is_let_go_of(postgres_dsn: str) -> None:
    """So that nobody brings back what nobody told it was gone."""
    await project(postgres_dsn, STORY)
    late = Candles().apply(recorded([trade("late", GENESIS_S, 9_000)], after=len(STORY)))
    pool = await open_pool(postgres_dsn)
    try:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("select from checkpoints where name = 'candles' for update")
            await CandleStore(pool).write(connection, late)
            trimming = asyncio.create_task(trim_candles(postgres_dsn, KEEP))
            waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
            await until(lambda: pool.fetchval(waiting))
            assert not await pool.fetchval("select count(*) from horizons")
        await trimming
        gone = "select count(*) from candles where mint = 'late' and interval_s < 60"
        assert await pool.fetchval(gone) == 0
    finally:
        await pool.close()


async def test_late_trades_that_take_pages_apart_meanwhile_lose_nothing(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candle_retention, "BATCH_PAGES", 1)
    await load(postgres_dsn, STORY)
    late = [
        trade("busy", GENESIS_S + number * 9_973, 9_000 + number)
        for number in range(DAYS * DAY_S // 9_973)
    ]
    every = [*STORY, *late]
    pool = await open_pool(postgres_dsn)
    try:
        store, last = CandleStore(pool), len(STORY)
        trimming = asyncio.create_task(trim_candles(postgres_dsn, KEEP))
        for batch in batches(recorded(late, after=last), 3):
            reached = batch[-1].sequence
            await store.save(Candles().apply(batch), seen=last, reached=reached)
            last = reached
        await trimming
    finally:
        await pool.close()
    # What was under way when its page's turn came goes the next time.
    await trim_candles(postgres_dsn, KEEP)
    assert await found(postgres_dsn) == kept_of(every)
    assert (await compared(postgres_dsn, every)).verdict == "equal"


@pytest.mark.parametrize("loaded", [False, True])
async def test_a_rebuild_takes_over_the_horizons_and_a_part_of_the_past_has_all(
    postgres_dsn: str, tmp_path: Path, *, loaded: bool
) -> None:
    """Also of what comes late while it is loaded."""
    messages = stored(certified([*STORY[50:], *STORY[:50]]))
    store = FolderStore(tmp_path)
    sealed(store, messages, events_max=300)
    log = ArchivedLog(store, MemoryStream(messages))
    await migrate(postgres_dsn)
    async with opened(postgres_dsn) as pool:
        await Runner(log, [host(Candles(), CandleStore(pool))]).run(follow=False)
    await trim_candles(postgres_dsn, KEEP)
    before = await found(postgres_dsn)
    assert before == kept_of(STORY)

    async def fill(schema: str, until: int) -> None:
        assert await load_by_columns("candles", store, postgres_dsn, schema, until=until, say=print)

    async with await Generations.open(postgres_dsn) as generations:
        await generations.claim("candles")
        with pytest.raises(TrimError, match="just now"):
            await trim_candles(postgres_dsn, KEEP)
        rebuilding = Rebuilding(
            log,
            generations,
            read_models,
            "candles",
            print,
            batch_max=200,
            loads={"candles": fill} if loaded else {},
        )
        await rebuilding.build(fresh=True)
        await rebuilding.serve("next")
    assert await found(postgres_dsn) == before
    assert (await trim_candles(postgres_dsn, KEEP)).rows == 0
    async with opened(postgres_dsn) as pool:
        pages = await pool.fetchval("select count(*) from candle_pages")
        assert (pages > 0) == loaded
        assert await pool.fetchval("select count(*) from candles_previous.horizons") == 3


async def test_where_nothing_is_old_nothing_is_noted(postgres_dsn: str) -> None:
    await migrate(postgres_dsn)
    nothing = Trimmed(name="candles", rows=0, complete_from_s=None)
    assert await trim_candles(postgres_dsn, KEEP) == nothing
    await project(postgres_dsn, STORY)
    assert await trim_candles(postgres_dsn, keeping("15s=9")) == nothing


async def test_what_was_noted_before_there_were_intervals_stays_in_every_generation(
    postgres_dsn: str,
) -> None:
    await project(postgres_dsn, STORY)
    async with await Generations.open(postgres_dsn) as generations:
        await generations.claim("candles")
        rebuilding = Rebuilding(
            MemoryLog(STORY), generations, read_models, "candles", print, batch_max=500
        )
        await rebuilding.build()
        await rebuilding.serve("next")
    async with opened(postgres_dsn) as pool:
        for place in ("public", "candles_previous"):
            await pool.execute(
                f"alter table {place}.horizons drop column interval_s, add primary key (name)"
            )
        await pool.execute("insert into horizons values ('trades', 7, 8)")
        await pool.execute("delete from schema_files where name = '0036_candle_horizons.sql'")
    assert (await migrate(postgres_dsn)).applied == ["0036_candle_horizons.sql"]
    await trim_candles(postgres_dsn, KEEP)
    async with opened(postgres_dsn) as pool:
        rows = await pool.fetch("select * from horizons order by interval_s")
        assert tuple(rows[0]) == ("trades", 7, 8, 0)
        assert [row["interval_s"] for row in rows] == [0, 1, 5, 15]
    async with await Generations.open(postgres_dsn) as generations:
        await generations.claim("candles")
        await Rebuilding(
            MemoryLog(STORY), generations, read_models, "candles", print, batch_max=500
        ).serve("previous")
    # The generation that is served again was never trimmed, and what was has its notes with it.
    assert await found(postgres_dsn) == kept_of(STORY, {})
    async with opened(postgres_dsn) as pool:
        assert await pool.fetchval("select count(*) from candles_previous.horizons") == 3
    assert (await trim_candles(postgres_dsn, KEEP)).rows > 0
