"""A read model that is divided is built anew, swapped in and rolled back as any other."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from adapters.postgres import migrations
from adapters.postgres.candles import CandleStore
from adapters.postgres.generations import Generations
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import NO_CONNECTIONS
from curvetape.bootstrap import read_models
from curvetape.rebuilding import Rebuilding, check_name
from curvetape.testing.forks import abandoned, confirmed, trade
from curvetape.testing.history import as_it_came
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.replicas import (
    PARTS,
    compare,
    divide,
    is_as_one_runner_would_have_it,
    opened,
    places,
    project,
    runner_on,
)
from curvetape.testing.waiting import until
from domain.events import AnyEvent
from domain.partition import Partition, partitions
from projections.parking import Parked
from projections.runner import ProjectionsStoppedError


@pytest.fixture(scope="module")
def history() -> Sequence[AnyEvent]:
    """With forks, gaps that are filled late, and a slot that died."""
    return [event for *_, event in as_it_came()]


class Traffic:
    """A log that grows, and a runner for each part, each at its own pace."""

    def __init__(self, dsn: str, history: Sequence[AnyEvent], name: str) -> None:
        self._dsn = dsn
        self._rest = list(history)
        self._name = name
        self.log = MemoryLog(self._more(1_000))

    def _more(self, count: int) -> Sequence[AnyEvent]:
        more, self._rest = self._rest[:count], self._rest[count:]
        return more

    async def _grow(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            self.log.add(*self._more(10))

    async def _follow(self, partition: Partition) -> None:
        async with opened(self._dsn) as pool:
            await runner_on(
                pool, self.log, partition, [self._name], batch_max=3 * partition.part
            ).run()

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """All of it within the block; whatever stops is the block's failure."""
        following = [asyncio.create_task(self._follow(it)) for it in partitions(PARTS)]
        growing = asyncio.create_task(self._grow())
        try:
            yield
            growing.cancel()
            self.log.add(*self._rest)
            last = await self.log.last_sequence()

            async def all_there() -> bool:
                stopped = [it.exception() for it in following if it.done()]
                assert not stopped, stopped
                return (await places(self._dsn))[self._name] == (last, (last,) * PARTS)

            await until(all_there, wait_s_max=60)
        finally:
            for task in (*following, growing):
                task.cancel()
            await asyncio.gather(*following, growing, return_exceptions=True)


@pytest.mark.parametrize("name", ["candles", "portfolios", "search"])
async def test_a_generation_is_swapped_in_under_runners_of_all_parts(
    postgres_dsn: str, history: Sequence[AnyEvent], name: str
) -> None:
    await migrate(postgres_dsn)
    traffic = Traffic(postgres_dsn, history, name)

    async def begun() -> bool:
        return (await places(postgres_dsn)).get(name, (0, ()))[0] > 300

    async with traffic.going_on(), AsyncExitStack() as stack:
        await until(begun)
        generations = await stack.enter_async_context(await Generations.open(postgres_dsn))
        async with opened(postgres_dsn) as pool:
            store = check_name(read_models(NO_CONNECTIONS), name).store
            table = store.tables[0].table  # type: ignore[attr-defined]  # see above
            await pool.execute(
                f"delete from {table} where ctid = (select ctid from {table} limit 1)"
            )
        work = Rebuilding(traffic.log, generations, read_models, name, print, batch_max=50)
        await work.build()
        await work.serve("next")
        await asyncio.sleep(0.1)
        await work.serve("previous")
        await asyncio.sleep(0.1)
        await work.serve("previous")
    assert await is_as_one_runner_would_have_it(postgres_dsn, traffic.log, name)
    assert (await compare(postgres_dsn, traffic.log, [name])).verdict == "equal"


async def test_what_was_served_before_is_served_again_after_it_was_divided_otherwise(
    postgres_dsn: str, history: Sequence[AnyEvent]
) -> None:
    log = MemoryLog(history)
    for partition, until_ in zip(partitions(2), (500, 800), strict=True):
        await project(postgres_dsn, log, partition, ["candles"], until=until_)
    async with await Generations.open(postgres_dsn) as generations:
        work = Rebuilding(log, generations, read_models, "candles", print, batch_max=50)
        await work.build()
        await work.serve("next")
        before = await generations.beside("candles", "previous")
        assert before is not None
        assert before.parts == (500, 800)
    await divide(postgres_dsn, log, "candles", 3)
    await project(postgres_dsn, log, Partition(2, 3), ["candles"])
    async with await Generations.open(postgres_dsn) as generations:
        work = Rebuilding(log, generations, read_models, "candles", print, batch_max=50)
        served = await work.serve("previous")
    assert served.parts == (800, len(history), 800)
    for partition in partitions(3):
        await project(postgres_dsn, log, partition, ["candles"])
    assert (await compare(postgres_dsn, log, ["candles"])).verdict == "equal"


async def test_what_a_part_parked_just_now_stays_parked_across_a_swap(
    postgres_dsn: str, history: Sequence[AnyEvent]
) -> None:
    log = MemoryLog(history)
    for partition, until_ in zip(partitions(2), (500, 800), strict=True):
        await project(postgres_dsn, log, partition, ["candles"], until=until_)
    mints = [next(it for it in "abcd" if partition.owns(it)) for partition in partitions(2)]
    parked = [
        Parked(sequence=sequence, event_id=f"e{sequence}", mint=mint, reason="bitter")
        for mint, sequences in zip(mints, ((471, 500, 501), (800, 801)), strict=True)
        for sequence in sequences
    ]
    async with (
        await Generations.open(postgres_dsn) as generations,
        opened(postgres_dsn) as pool,
    ):
        store = CandleStore(pool)
        await store.park(parked)
        work = Rebuilding(log, generations, read_models, "candles", print, batch_max=50)
        await work.build()
        await work.serve("next")
        # Where its part is, the slot of event 500 is not decided yet.
        assert [it.sequence for it in await store.parked()] == [500, 501, 801]


async def test_generations_from_before_there_were_parts_are_served_as_any_other(
    postgres_dsn: str, history: Sequence[AnyEvent], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for file in sorted(migrations.SCHEMA.iterdir()):
        if file.name < "0019":
            (tmp_path / file.name).write_text(file.read_text())
    with monkeypatch.context() as before:
        before.setattr(migrations, "SCHEMA", tmp_path)
        await migrate(postgres_dsn)
    async with opened(postgres_dsn) as pool:
        await pool.execute("create schema candles_next")
        for table in ("checkpoints", "taken_back", "parked_events", "candles"):
            await pool.execute(
                f"create table candles_next.{table} (like public.{table} including all)"
            )
        await pool.execute(
            "insert into candles_next.checkpoints (name, version, sequence)"
            " select 'candles', $1, 0",
            check_name(read_models(pool), "candles").projection.version,
        )
    log = MemoryLog(history[:300])
    await project(postgres_dsn, log, None, ["candles"])
    async with await Generations.open(postgres_dsn) as generations:
        work = Rebuilding(log, generations, read_models, "candles", print, batch_max=50)
        assert (await work.serve("next")).sequence == 300
    assert (await compare(postgres_dsn, log, ["candles"])).verdict == "equal"


async def test_what_was_taken_back_too_late_stops_all_parts_and_is_healed_by_a_rebuild(
    postgres_dsn: str,
) -> None:
    gone, kept = "mint3", "mint4"
    assert [Partition(2, 2).owns(it) for it in (gone, kept)] == [False, True]
    log = MemoryLog([trade(5, mint=gone), confirmed(5), trade(6, mint=kept), confirmed(6)])
    for partition in partitions(2):
        await project(postgres_dsn, log, partition, ["trades"])
    log.add(abandoned(5, 1), trade(7, mint=gone), trade(7, 1, mint=kept), confirmed(7))
    for partition, sentence in zip(
        reversed(partitions(2)), ("after its", "slot 5 was"), strict=True
    ):
        with pytest.raises(ProjectionsStoppedError, match=sentence):
            await project(postgres_dsn, log, partition, ["trades"])
    assert (await places(postgres_dsn))["trades"] == (4, (4, 4))
    async with await Generations.open(postgres_dsn) as generations:
        work = Rebuilding(log, generations, read_models, "trades", print, batch_max=50)
        await work.build()
        assert (await work.serve("next")).parts == (4, 4)
    for partition in partitions(2):
        await project(postgres_dsn, log, partition, ["trades"])
    assert (await compare(postgres_dsn, log, ["trades"])).verdict == "equal"
    async with opened(postgres_dsn) as pool:
        rows = await pool.fetch("select mint from trades order by pos")
    assert [row["mint"] for row in rows] == [kept, gone, kept]
