"""A read model is built anew beside the served one, and swapped in under reads and writes."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from adapters.postgres.candles import CandleStore
from adapters.postgres.generations import Generations, schema_of
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from curvetape.bootstrap import read_models
from curvetape.rebuilding import Rebuilding, UnknownProjectionError
from curvetape.testing.events import burned, completed, created, curve_traded, migrated, pool_traded
from curvetape.testing.forks import confirmed
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.waiting import until
from domain.events import AnyEvent
from projections.candles import Candles
from projections.generation import Generation, GenerationError
from projections.narrowed import Part
from projections.parking import Parked
from projections.projection import StoreRefusedError
from projections.runner import Runner

TABLES = {
    "candles": ("candles", "candle_hours"),
    "trades": ("trades",),
    "tokens": ("tokens", "token_burns"),
    "portfolios": ("portfolio_trades", "portfolio_positions", "portfolio_days"),
}
CANDLES = [it.table for it in (*CandleStore.tables, *CandleStore.bookkeeping)]
GROWTH_EVENTS = 8


def story(first_slot: int, count: int) -> list[AnyEvent]:
    """So many events of three tokens, a slot for each."""
    builders = (created, curve_traded, curve_traded, completed, migrated, pool_traded, burned)
    return [
        builders[number % len(builders)](first_slot + number, f"mint{number % 3}")
        for number in range(count)
    ]


@asynccontextmanager
async def opened(dsn: str, *, schema: str | None = None) -> AsyncIterator[Pool]:
    pool = await open_pool(dsn, schema=schema)
    try:
        yield pool
    finally:
        await pool.close()


async def digest(dsn: str, name: str, *, schema: str = "public") -> str:
    """All rows of a read model, in an order of their own."""
    found = hashlib.sha256()
    async with opened(dsn) as pool:
        for table in TABLES[name]:
            rows = await pool.fetch(f"select t::text from {schema}.{table} t order by 1")
            found.update("\n".join(row[0] for row in rows).encode())
    return found.hexdigest()


async def execute(dsn: str, statement: str) -> str:
    async with opened(dsn) as pool:
        return await pool.execute(statement)


async def project(dsn: str, log: MemoryLog) -> None:
    await migrate(dsn)
    async with opened(dsn) as pool:
        await Runner(log, read_models(pool)).run(follow=False)


@asynccontextmanager
async def rebuilding(
    dsn: str, log: MemoryLog, name: str, said: Callable[[str], None] = print
) -> AsyncIterator[Rebuilding]:
    async with await Generations.open(dsn) as generations:
        yield Rebuilding(log, generations, read_models, name, said, batch_max=50)


class Traffic:
    """A log that grows, a runner that follows it and a reader that never stops asking."""

    def __init__(self, dsn: str, log: MemoryLog) -> None:
        self._dsn = dsn
        self._log = log
        self.answers: dict[str, list[int]] = {name: [] for name in TABLES}

    async def grow(self) -> None:
        while True:
            slot = 1_000 + await self._log.last_sequence()
            self._log.add(*story(slot, GROWTH_EVENTS))
            await asyncio.sleep(0.02)

    async def follow(self) -> None:
        async with opened(self._dsn) as pool:
            await Runner(self._log, read_models(pool)).run()

    async def ask(self) -> None:
        questions = {
            "candles": "select sum(buys + sells) from candles where interval_s = 86400",
            "trades": "select count(*) from trades",
            "tokens": "select sum(trades) from tokens",
            "portfolios": "select sum(buys + sells) from portfolio_positions",
        }
        async with opened(self._dsn) as pool:
            while True:
                for name, question in questions.items():
                    self.answers[name].append(int(await pool.fetchval(question) or 0))

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """All of it within the block; its failures are the block's."""
        following = asyncio.create_task(self.follow())
        others = [asyncio.create_task(self.grow()), asyncio.create_task(self.ask())]
        try:
            yield
            others[0].cancel()
            last = await self._log.last_sequence()
            async with await Generations.open(self._dsn) as generations:

                async def all_there() -> bool:
                    served = await generations.served()
                    return all(served[name].sequence == last for name in TABLES)

                await until(all_there)
                assert not following.done()
            assert not others[1].done()
        finally:
            for task in (following, *others):
                task.cancel()
            await asyncio.gather(following, *others, return_exceptions=True)


@pytest.mark.parametrize("name", TABLES)
async def test_the_swap_and_the_way_back_fail_no_read_and_lose_no_write(
    postgres_dsn: str, name: str
) -> None:
    log = MemoryLog(story(1, 2_000))
    await project(postgres_dsn, log)
    table = "candle_rows" if name == "candles" else TABLES[name][0]
    await execute(postgres_dsn, f"delete from {table} where mint = 'mint1'")
    traffic = Traffic(postgres_dsn, log)
    async with traffic.going_on(), rebuilding(postgres_dsn, log, name) as work:
        await asyncio.sleep(0.2)
        await work.build()
        swapped = await work.serve("next")
        mended = len(traffic.answers[name])
        await asyncio.sleep(0.3)
        await work.serve("previous")
        await asyncio.sleep(0.2)
        again = await work.serve("previous")
    assert again.sequence > swapped.sequence > 2_000
    answers = traffic.answers[name][: mended + 1]
    assert answers == sorted(answers), "a swap never shows less than was shown before"
    async with rebuilding(postgres_dsn, log, name) as work:
        await work.build_part(Part(), "truth")
    assert await digest(postgres_dsn, name) == await digest(postgres_dsn, name, schema="truth")


@pytest.mark.parametrize("name", ["candles", "portfolios"])
async def test_a_generation_is_stored_as_the_served_one_is(postgres_dsn: str, name: str) -> None:
    """How much of a page an update finds free, and what is kept in the row itself."""
    log = MemoryLog(story(1, 50))
    await project(postgres_dsn, log)
    async with opened(postgres_dsn) as pool, rebuilding(postgres_dsn, log, name) as work:
        await work.build()
        served, beside = [
            await pool.fetch(
                "select relname, reloptions from pg_class"
                " where relnamespace = $1::text::regnamespace and relname = any($2::text[])"
                " order by relname",
                schema,
                work.tables,
            )
            for schema in ("public", schema_of(name, "next"))
        ]
    assert any(row["reloptions"] for row in served)
    assert beside == served


async def test_a_build_that_was_interrupted_goes_on_where_it_was(postgres_dsn: str) -> None:
    log = MemoryLog(story(1, 3_000))
    await project(postgres_dsn, log)
    async with rebuilding(postgres_dsn, log, "trades") as work:
        building = asyncio.create_task(work.build())
        async with await Generations.open(postgres_dsn) as generations:

            async def begun() -> bool:
                found = await generations.beside("trades", "next")
                return found is not None and found.sequence > 0

            await until(begun)
            building.cancel()
            await asyncio.gather(building, return_exceptions=True)
            left = await generations.beside("trades", "next")
    assert left is not None
    assert 0 < left.sequence < 3_000
    said: list[str] = []
    async with rebuilding(postgres_dsn, log, "trades", said.append) as work:
        assert (await work.build()).sequence == 3_000
        assert "going on" in said[0]
        await work.build(fresh=True)
        assert "building" in said[-1] or "building" in said[-2]
        await work.serve("next")
    schema = schema_of("trades", "previous")
    assert await digest(postgres_dsn, "trades") == await digest(
        postgres_dsn, "trades", schema=schema
    )


async def test_a_rebuild_heals_what_was_refused(postgres_dsn: str) -> None:
    log = MemoryLog(story(1, 100))
    await project(postgres_dsn, log)
    await execute(postgres_dsn, "update checkpoints set refused = 'it was taken back'")
    async with opened(postgres_dsn) as pool:
        with pytest.raises(StoreRefusedError):
            await CandleStore(pool).checkpoint()
    async with rebuilding(postgres_dsn, log, "candles") as work:
        await work.build()
        await work.serve("next")
        with pytest.raises(GenerationError, match="was refused"):
            await work.serve("previous")
    async with opened(postgres_dsn) as pool:
        assert (await CandleStore(pool).checkpoint()).sequence == 100


async def test_what_was_parked_just_now_stays_parked_across_a_swap(postgres_dsn: str) -> None:
    """Whoever parks an event passes over it a moment later, and cannot park it again."""
    log = MemoryLog(story(1, 100))
    await project(postgres_dsn, log)
    passed, ahead = (
        Parked(sequence=sequence, event_id=f"e{sequence}", mint="mint1", reason="bitter")
        for sequence in (100, 101)
    )
    async with rebuilding(postgres_dsn, log, "candles") as work, opened(postgres_dsn) as pool:
        await CandleStore(pool).park([passed, ahead])
        await work.build()
        await work.serve("next")
        assert await CandleStore(pool).parked() == [ahead]
        await work.serve("previous")
        assert await CandleStore(pool).parked() == [passed, ahead]


async def test_what_waited_for_its_slot_until_it_was_parked_stays_parked_across_a_swap(
    postgres_dsn: str,
) -> None:
    """The checkpoint is behind such an event long before the event is passed."""
    waiting = curve_traded(200, "mint1", provisional=True)
    log = MemoryLog([*story(1, 100), waiting, curve_traded(150, "mint2")])
    await project(postgres_dsn, log)
    ahead = Parked(sequence=101, event_id=waiting.id, mint="mint1", reason="bitter")
    async with rebuilding(postgres_dsn, log, "candles") as work, opened(postgres_dsn) as pool:
        store = CandleStore(pool)
        assert (await store.checkpoint()).sequence == 102
        await store.park([ahead])
        await work.build()
        await work.serve("next")
        assert await store.parked() == [ahead]
        log.add(confirmed(200))
        await store.save(Candles().apply(()), seen=102, reached=103)  # by who has parked it
        await work.serve("previous")
        assert await store.parked() == [], "what is served now met the event on its way"
        await work.build(fresh=True)
    assert await digest(postgres_dsn, "candles") == await digest(
        postgres_dsn, "candles", schema="candles_next"
    )


async def test_a_part_has_what_the_core_makes_of_that_part_alone(postgres_dsn: str) -> None:
    events = story(1, 200)
    log = MemoryLog(events)
    await project(postgres_dsn, log)
    async with rebuilding(postgres_dsn, log, "candles") as work:
        await work.build_part(Part(until_slot=90, mint="mint1"), "monday")
    async with opened(postgres_dsn, schema="monday") as pool:
        rows = await pool.fetch("select mint, interval_s, start_s from candles")
    batch = [it async for batch in log.read(after=0, batch_max=500, follow=False) for it in batch]
    part = [
        it for it in batch if it.event.pos.slot <= 90 and getattr(it.event, "mint", "") == "mint1"
    ]
    assert {tuple(row) for row in rows} == set(Candles().apply(part).candles)
    assert rows


async def test_what_cannot_be_served_is_refused_in_a_sentence(postgres_dsn: str) -> None:
    log = MemoryLog(story(1, 50))
    with pytest.raises(GenerationError, match="no read models"):
        await Generations.open(postgres_dsn)
    await project(postgres_dsn, log)
    async with rebuilding(postgres_dsn, log, "candles") as work:
        with pytest.raises(GenerationError, match="rebuild it first"):
            await work.serve("next")
        await execute(postgres_dsn, "create schema mine")
        with pytest.raises(GenerationError, match="holds no generation"):
            await work.build_part(Part(mint="m"), "mine")
        for schema in ("public", "pg_catalog", "Mine", "a-b", "x; drop table candles"):
            with pytest.raises(GenerationError, match="no name for a schema"):
                await work.build_part(Part(mint="m"), schema)
        await work.build()
        async with rebuilding(postgres_dsn, log, "candles") as second:
            with pytest.raises(GenerationError, match="another rebuild"):
                await second.build()
        await execute(postgres_dsn, "update candles_next.checkpoints set version = 99")
        with pytest.raises(GenerationError, match="version 99"):
            await work.serve("next")
    async with await Generations.open(postgres_dsn) as generations:
        with pytest.raises(UnknownProjectionError, match="candles, trades, tokens, portfolios"):
            Rebuilding(log, generations, read_models, "candels", print, batch_max=50)


async def test_chunked_tables_stay_chunked_and_keep_their_rows(timescale_dsn: str) -> None:
    """Step by step, since this server serves one connection at a time."""
    log = MemoryLog(story(1, 60))
    await project(timescale_dsn, log)
    before = await digest(timescale_dsn, "candles")
    async with await Generations.open(timescale_dsn) as generations:
        await generations.create(
            "candles",
            "candles_next",
            CANDLES,
            version=Candles.version,
            views=CandleStore.views,
        )
    async with opened(timescale_dsn, schema="candles_next") as pool:
        (hosted,) = [it for it in read_models(pool) if it.projection.name == "candles"]
        await Runner(log, [hosted]).run(follow=False)

    async def is_there(live: Generation) -> frozenset[int]:
        assert (live.sequence, live.parts) == (60, ())
        return frozenset()

    async with await Generations.open(timescale_dsn) as generations:
        await generations.promote("candles", "next", ["candles", *CANDLES], is_there)
    assert await digest(timescale_dsn, "candles") == before
    async with opened(timescale_dsn) as pool:
        chunked = await pool.fetch(
            "select hypertable_schema from timescaledb_information.hypertables"
            " where hypertable_name = 'candle_rows' order by 1"
        )
    assert [row[0] for row in chunked] == ["candles_previous", "public"]
