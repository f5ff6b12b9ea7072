"""Replicas share a read model's tokens: together they make the rows of one runner, once each."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import asyncpg
import pytest

from adapters.postgres import checkpoint_parts
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import NO_CONNECTIONS
from adapters.postgres.reads import PostgresReads
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from curvetape import comparing
from curvetape.bootstrap import read_models
from curvetape.testing.events import curve_traded, recorded
from curvetape.testing.history import as_it_came
from curvetape.testing.holders import deposited, withdrawn
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
from curvetape.unparking import unpark_parts
from domain.events import AnyEvent, TokenCreated
from domain.partition import Partition, partitions
from projections.generation import GenerationError
from projections.parking import Parked
from projections.part_log import PartLog
from projections.partitioning import can_be_divided
from projections.projection import Checkpoint, CheckpointMovedError, Hosted, StoreRefusedError
from projections.runner import ProjectionsStoppedError, Runner
from projections.tokens import Tokens
from projections.trades import Changes, Trades

DIVIDED = [it.projection.name for it in read_models(NO_CONNECTIONS) if can_be_divided(it)]
WAITS = "select count(*) > 0 from pg_locks where not granted"
FEW = ("candles", "portfolios")


@pytest.fixture(scope="module")
def history() -> Sequence[AnyEvent]:
    """With forks, gaps that are filled late, a slot that died, and liquidity that was moved."""
    came = [event for *_, event in as_it_came()]
    began_s = next(it.block_time_s for it in came if isinstance(it, TokenCreated))
    makes: list[Callable[..., AnyEvent]] = [deposited, withdrawn]
    moved = [
        make(number, f"mint{number % 12}", block_time_s=began_s)
        for number, make in enumerate(makes * 12)
    ]
    return [*moved, *came]


async def test_replicas_that_die_and_start_again_make_the_rows_of_one_runner(
    postgres_dsn: str, history: Sequence[AnyEvent]
) -> None:
    log, moments = MemoryLog(history), random.Random(5)
    await migrate(postgres_dsn)

    async def replica(partition: Partition) -> None:
        for _ in range(3):
            async with opened(postgres_dsn) as pool:
                runner = runner_on(pool, log, partition, batch_max=7)
                running = asyncio.create_task(runner.run(follow=False))
                await asyncio.wait([running], timeout=moments.uniform(0.05, 0.4))
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
        await project(postgres_dsn, log, partition)

    await asyncio.gather(*map(replica, partitions(PARTS)))
    found = await places(postgres_dsn)
    whole = dict.fromkeys(("sol_prices", "slots"), (len(history), ()))
    assert found == dict.fromkeys(DIVIDED, (len(history), (len(history),) * PARTS)) | whole
    assert (await compare(postgres_dsn, log)).verdict == "equal"
    for name in DIVIDED:
        assert await is_as_one_runner_would_have_it(postgres_dsn, log, name), name


@pytest.mark.parametrize("left_max", [10, 10_000])
async def test_parts_that_are_not_level_are_compared_each_where_it_is(
    postgres_dsn: str,
    history: Sequence[AnyEvent],
    monkeypatch: pytest.MonkeyPatch,
    left_max: int,
) -> None:
    """Whether their lead is replayed before the tables are kept as they are, or then."""
    monkeypatch.setattr(comparing, "LEFT_EVENTS_MAX", left_max)
    log, lengths = MemoryLog(history), (1_300, len(history), 900)
    for partition, length in zip(partitions(PARTS), lengths, strict=True):
        await project(postgres_dsn, log, partition, DIVIDED, until=length)
    assert set((await places(postgres_dsn)).values()) == {(900, lengths)}
    async with opened(postgres_dsn) as pool:
        told = {it.name: it.sequence for it in await PostgresReads(pool).positions()}
    assert set(told.values()) == {900}, "who asks is told what all parts hold"
    report = await compare(postgres_dsn, log, DIVIDED)
    assert report.verdict == "equal", report
    async with opened(postgres_dsn) as pool:
        await pool.execute("delete from trades where ctid = (select ctid from trades limit 1)")
    assert (await compare(postgres_dsn, log, ["trades"])).verdict == "different"


async def test_of_two_runners_on_one_part_one_goes_on_and_the_other_says_why_not(
    postgres_dsn: str, history: Sequence[AnyEvent]
) -> None:
    log = MemoryLog(history)
    await project(postgres_dsn, log, Partition(1, 2), FEW)
    async with AsyncExitStack() as stack:
        runners = [
            runner_on(
                await stack.enter_async_context(opened(postgres_dsn)), log, Partition(2, 2), FEW
            )
            for _ in range(2)
        ]
        ended = await asyncio.gather(
            *(it.run(follow=False) for it in runners), return_exceptions=True
        )
    errors = [
        it for each in ended if isinstance(each, ProjectionsStoppedError) for it in each.errors
    ]
    assert {type(it) for it in errors} == {CheckpointMovedError}
    assert {it.name for it in errors} == set(FEW)
    assert "another runner of part 2/2 is at work" in str(errors[0])
    await project(postgres_dsn, log, Partition(2, 2), FEW)  # where each has stopped the other
    assert (await compare(postgres_dsn, log, FEW)).verdict == "equal"


async def test_who_would_divide_otherwise_is_refused_and_told_what_to_do(
    postgres_dsn: str, history: Sequence[AnyEvent]
) -> None:
    log = MemoryLog(history[:300])
    await project(postgres_dsn, log, Partition(2, 3), ["candles"])
    for partition, takes in ((None, "takes all of it"), (Partition(1, 2), "takes part 1/2")):
        parts = 1 if partition is None else 2
        with pytest.raises(ProjectionsStoppedError) as caught:
            await project(postgres_dsn, log, partition, ["candles"])
        said = str(caught.value)
        assert f"it is divided into 3 parts, and this runner {takes}" in said
        assert "`curvetape project --part 1/3` to `--part 3/3`" in said
        assert f"`curvetape projections repartition candles --parts {parts}`" in said
    assert (await places(postgres_dsn))["candles"] == (0, (0, 300, 0))
    await project(postgres_dsn, log, None, ["trades"])
    with pytest.raises(ProjectionsStoppedError, match="it is not divided, and this runner"):
        await project(postgres_dsn, log, Partition(1, 3), ["trades"])


async def test_parts_are_brought_level_and_divided_anew_without_a_rebuild(
    postgres_dsn: str, history: Sequence[AnyEvent]
) -> None:
    log, length = MemoryLog(history), len(history)
    for partition, until_ in zip(partitions(2), (700, 1_500), strict=True):
        await project(postgres_dsn, log, partition, FEW, until=until_)
    for name in FEW:
        assert await divide(postgres_dsn, log, name, 3) == 1_500
    assert await places(postgres_dsn) == dict.fromkeys(FEW, (1_500, (1_500,) * 3))
    for partition, until_ in zip(partitions(3), (length, 1_640, 1_620), strict=True):
        await project(postgres_dsn, log, partition, FEW, until=until_)
    for name in FEW:
        assert await divide(postgres_dsn, log, name, 1) == length
    assert await places(postgres_dsn) == dict.fromkeys(FEW, (length, ()))
    more = [*history, curve_traded(999_999_999, "mint7")]
    await project(postgres_dsn, MemoryLog(more), None, FEW)
    report = await compare(postgres_dsn, MemoryLog(more), FEW)
    assert report.verdict == "equal", report


async def test_a_runner_that_is_at_work_stops_once_its_read_model_is_divided_otherwise(
    postgres_dsn: str, history: Sequence[AnyEvent]
) -> None:
    log = MemoryLog(history[:300])
    for partition in partitions(2):
        await project(postgres_dsn, log, partition, ["candles"])
    async with opened(postgres_dsn) as pool:
        runner = runner_on(pool, log, Partition(1, 2), ["candles"])
        running = asyncio.create_task(runner.run())

        async def begun() -> bool:
            return (await runner.status())[0].state == "tail"

        await until(begun)
        await divide(postgres_dsn, log, "candles", 4)
        log.add(*history[300:])
        with pytest.raises(ProjectionsStoppedError, match="it is divided into 4 parts, and this"):
            await asyncio.wait_for(running, 10)
    assert (await places(postgres_dsn))["candles"] == (300, (300,) * 4)


async def test_what_cannot_be_divided_is_not(
    postgres_dsn: str, history: Sequence[AnyEvent]
) -> None:
    log = MemoryLog(history[:300])
    await project(postgres_dsn, log, None, ["sol_prices"])
    with pytest.raises(GenerationError, match="sol_prices cannot be divided by mint"):
        await divide(postgres_dsn, log, "sol_prices", 2)
    with pytest.raises(GenerationError, match="candles has not begun"):
        await divide(postgres_dsn, log, "candles", 2)


async def test_parked_events_are_those_of_their_tokens_part(postgres_dsn: str) -> None:
    await migrate(postgres_dsn)
    events = [curve_traded(number, f"mint{number}") for number in range(1, 9)]
    parked = [Parked.of(it, "bitter") for it in recorded(events)]
    async with opened(postgres_dsn) as pool:
        stores = [TokenStore(pool).of_part(it) for it in partitions(2)]
        for store in stores:
            await store.checkpoint()
            await store.park(
                [it for it in parked if store.partition and store.partition.owns(it.mint)]
            )
            await store.save(Tokens().apply(()), seen=0, reached=len(events))
        found = [[it.mint for it in await store.parked()] for store in stores]
        assert found == [["mint1", "mint2", "mint3", "mint8"], ["mint4", "mint5", "mint6", "mint7"]]
        (tokens,) = [it for it in read_models(pool) if it.projection.name == Tokens.name]
        applied = await unpark_parts(MemoryLog(events), tokens, 2)
        assert (applied.applied, applied.stayed) == (8, ())
        assert await pool.fetchval("select count(*) from tokens") == 8
        assert await TokenStore(pool).of_part(Partition(1, 2)).parked() == []


async def test_a_part_refuses_what_another_one_found_to_be_taken_back(
    postgres_dsn: str, history: Sequence[AnyEvent]
) -> None:
    log = MemoryLog(history[:300])
    for partition in partitions(2):
        await project(postgres_dsn, log, partition, ["trades"])
    async with opened(postgres_dsn) as pool:
        await pool.execute("update checkpoints set refused = 'slot 7 was taken back'")
        with pytest.raises(StoreRefusedError, match="slot 7 was taken back"):
            await TradeStore(pool).of_part(Partition(2, 2)).checkpoint()


async def test_the_lowest_part_is_found_also_by_who_had_to_wait_for_another(
    postgres_dsn: str,
) -> None:
    """What the second one saw before it waited is not what counts."""
    await migrate(postgres_dsn)
    first, second = partitions(2)
    async with opened(postgres_dsn) as pool:
        for partition in (first, second):
            await TradeStore(pool).of_part(partition).checkpoint()
        async with pool.acquire() as one, pool.acquire() as other, other.transaction():
            async with one.transaction():
                assert await checkpoint_parts.move(one, "trades", Trades.version, first, 0, 10, 7)
                assert await checkpoint_parts.move(
                    other, "trades", Trades.version, second, 0, 20, 9
                )
                await checkpoint_parts.level(one, "trades")
                levelling = asyncio.create_task(checkpoint_parts.level(other, "trades"))
                await until(lambda: one.fetchval(WAITS))
            await levelling
        async with opened(postgres_dsn) as again:
            (told,) = await PostgresReads(again).positions()
    assert (told.name, told.sequence, told.reread_after) == ("trades", 10, 7)


async def test_a_part_that_waits_for_a_swap_saves_nothing_of_its_own_version(
    postgres_dsn: str,
) -> None:
    await migrate(postgres_dsn)
    async with opened(postgres_dsn) as pool:
        store = TradeStore(pool).of_part(Partition(2, 2))
        assert await store.checkpoint() == Checkpoint()
        async with pool.acquire() as swap, swap.transaction():
            await swap.execute("update checkpoint_parts set version = 99")
            await swap.execute("update checkpoints set version = 99")
            saving = asyncio.create_task(store.save([], seen=0, reached=5))
            await until(lambda: swap.fetchval(WAITS))
        with pytest.raises(StoreRefusedError, match="rows are of version 99"):
            await saving
    assert (await places(postgres_dsn))["trades"] == (0, (0, 0))


class Forgetful(TradeStore):
    """Never hears that its first save was committed."""

    told = True

    async def _save(self, changes: Changes, seen: int, reached: int, reread_after: int) -> None:
        await super()._save(changes, seen, reached, reread_after)
        if self.told:
            self.told = False
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")


async def test_a_part_whose_commit_was_not_answered_does_not_repeat_it(
    postgres_dsn: str, history: Sequence[AnyEvent]
) -> None:
    log = MemoryLog(history[:300])
    await project(postgres_dsn, log, Partition(1, 2), ["trades"])
    async with opened(postgres_dsn) as pool:
        partition = Partition(2, 2)
        store = Forgetful(pool).of_part(partition)
        hosted = Hosted(Trades(), store, partition)  # type: ignore[arg-type]  # as `host` joins
        await Runner(PartLog(log, partition), [hosted], batch_max=50, partition=partition).run(
            follow=False
        )
        assert not store.told
    assert (await compare(postgres_dsn, log, ["trades"])).verdict == "equal"
