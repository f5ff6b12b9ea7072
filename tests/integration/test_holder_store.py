"""Holdings are kept as the core says, whatever comes late, twice or not to its end."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.postgres.holders import HolderStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from curvetape.testing.events import batches, curve_traded, recorded
from curvetape.testing.forks import abandoned, confirmed, provisional
from curvetape.testing.holders import holder_histories
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.waiting import until
from domain.events import AnyEvent
from domain.position import Position
from projections.holders import Changes, Holders
from projections.holding import Holding, Launch, Liquidity
from projections.parking import Parked
from projections.projection import StoreRefusedError, host
from projections.runner import Runner

DERIVED = ("balance", "received", "sent")
WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    """A migrated, empty database; one connection, since that is all some servers offer."""
    await migrate(database_dsn)
    opened = await open_pool(database_dsn, connections_max=1)
    yield opened
    await opened.close()


async def empty(pool: Pool) -> None:
    await pool.execute(
        "truncate holders, holder_launches, holder_liquidity, holder_counts, checkpoints,"
        " parked_events"
    )


async def kept(pool: Pool) -> Changes:
    """What the tables hold, as the core says it."""
    found = Changes()
    for row in await pool.fetch("select * from holders"):
        holding = Holding(*(row[name] for name in Holding.__struct_fields__))
        found.holdings[row["mint"], row["wallet"]] = holding
        assert all(row[name] == getattr(holding, name) for name in DERIVED)
    for row in await pool.fetch("select * from holder_launches"):
        found.launches[row["mint"]] = Launch(*(row[name] for name in Launch.__struct_fields__))
    for row in await pool.fetch("select * from holder_liquidity"):
        moved = Liquidity(*(row[name] for name in Liquidity.__struct_fields__))
        found.liquidity[row["mint"], row["pos"]] = moved
    held = Counter(mint for (mint, _), it in found.holdings.items() if it.balance)
    counts = dict(map(tuple, await pool.fetch("select * from holder_counts")))
    assert counts == {mint: held[mint] for mint, _ in found.holdings}
    return found


async def save(pool: Pool, events: Sequence[AnyEvent], *, size: int) -> None:
    store = HolderStore(pool)
    await store.checkpoint()
    for batch in batches(recorded(events), size):
        seen, reached = batch[0].sequence - 1, batch[-1].sequence
        await store.save(Holders().apply(batch), seen=seen, reached=reached)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=holder_histories(events_max=25), order=st.randoms(use_true_random=False))
async def test_any_batching_and_any_order_of_arrival_leave_the_same_rows(
    pool: Pool, events: list[AnyEvent], order: Any
) -> None:
    expected = Holders().apply(recorded(events))
    shuffled = list(events)
    order.shuffle(shuffled)
    for size in (1, 2, 7, 500):
        await empty(pool)
        await save(pool, shuffled, size=size)
        assert await kept(pool) == expected


async def test_a_fork_leaves_no_trace_and_what_landed_again_counts_once(pool: Pool) -> None:
    def trade(slot: int) -> AnyEvent:
        return curve_traded(1, "m", pos=Position(slot, 7, 2, 0), user="ann", token_amount=5)

    died, landed = provisional(trade(1)), provisional(trade(2))
    story = [died, abandoned(1, 1), landed, confirmed(2)]
    await Runner(MemoryLog(story), [host(Holders(), HolderStore(pool))], batch_max=2).run(
        follow=False
    )
    holding = (await kept(pool)).holdings["m", "ann"]
    assert (holding.bought, holding.first_pos) == (5, landed.pos.order_key)


async def test_a_token_s_holders_are_counted_as_they_come_go_and_come_late(pool: Pool) -> None:
    events: list[AnyEvent] = [
        curve_traded(2, "m", user="ann", token_amount=5),
        curve_traded(3, "m", user="bob", token_amount=5, user_token_balance=0),
        curve_traded(4, "m", user="cat", token_amount=5),
        curve_traded(5, "m", user="ann", side="sell", token_amount=5),
        curve_traded(1, "m", user="bob", token_amount=7, user_token_balance=7),
    ]
    await save(pool, events, size=1)
    assert await pool.fetchval("select holders from holder_counts where mint = 'm'") == 1
    await kept(pool)


async def test_who_applies_what_was_parked_waits_for_a_save_so_that_both_are_counted(
    postgres_dsn: str,
) -> None:
    await migrate(postgres_dsn)
    pool = await open_pool(postgres_dsn, connections_max=3)
    try:
        bought, sold = (
            recorded([curve_traded(slot, "m", user="ann", side=side, token_amount=5)])
            for slot, side in ((1, "buy"), (2, "sell"))
        )
        store = HolderStore(pool)
        await store.checkpoint()
        await store.park([Parked(sequence=7, event_id="e", mint="m", reason="it failed")])
        async with pool.acquire() as other, other.transaction():
            await other.execute("update checkpoints set sequence = 1 where name = 'holders'")
            await store.write(other, Holders().apply(bought))
            releasing = asyncio.create_task(store.release(Holders().apply(sold), [7]))
            while not await pool.fetchval("select count(*) from pg_locks where not granted"):
                assert not releasing.done(), "it did not wait"
        await releasing
        assert await pool.fetchval("select holders from holder_counts where mint = 'm'") == 0
    finally:
        await pool.close()


async def test_applying_twice_from_one_checkpoint_is_refused_and_changes_nothing(
    pool: Pool,
) -> None:
    events = [curve_traded(2, "m", user="ann", token_amount=5)]
    await save(pool, events, size=1)
    before = await kept(pool)
    with pytest.raises(Exception, match="was 1 where 0 was expected"):
        await HolderStore(pool).save(Holders().apply(recorded(events)), seen=0, reached=1)
    assert await kept(pool) == before
    assert msgspec.structs.astuple(before.holdings["m", "ann"])[5:] == (5, 0, 0, 0, None)


async def test_rows_of_a_version_without_counts_are_counted_and_then_of_the_next_version(
    postgres_dsn: str,
) -> None:
    await migrate(postgres_dsn)
    pool = await open_pool(postgres_dsn, connections_max=1)
    try:
        await save(pool, [curve_traded(2, "m", user=user) for user in ("ann", "bob")], size=2)
        await pool.execute("drop table holder_counts")
        await pool.execute("delete from schema_files where name = '0031_holder_counts.sql'")
        await pool.execute("update checkpoints set version = 2 where name = 'holders'")
        assert (await migrate(postgres_dsn)).applied == ["0031_holder_counts.sql"]
        at = await pool.fetchrow("select version, sequence from checkpoints where name = 'holders'")
        assert at is not None
        assert tuple(at) == (3, 2)
        with pytest.raises(StoreRefusedError, match="version 3"):
            await HolderStore(pool).checkpoint()
        await kept(pool)
    finally:
        await pool.close()


async def test_what_an_older_program_saves_during_the_migration_is_counted(
    postgres_dsn: str,
) -> None:
    await migrate(postgres_dsn)
    pool = await open_pool(postgres_dsn, connections_max=2)
    try:
        await save(pool, [curve_traded(2, "m", user="ann")], size=1)
        await pool.execute("drop table holder_counts")
        await pool.execute("delete from schema_files where name = '0031_holder_counts.sql'")
        await pool.execute("update checkpoints set version = 2 where name = 'holders'")
        async with pool.acquire() as older, older.transaction():
            await older.execute("update checkpoints set sequence = 2 where name = 'holders'")
            migrating = asyncio.create_task(migrate(postgres_dsn))

            async def waits() -> bool:
                return bool(await pool.fetchval(WAITING))

            await until(waits)
            await older.execute(
                "insert into holders (mint, wallet, first_pos, first_time_s, last_pos,"
                " last_time_s, bought, sold, deposited, withdrawn)"
                " values ('m', 'bob', 3, 3, 3, 3, 1, 0, 0, 0)"
            )
        assert (await migrating).applied == ["0031_holder_counts.sql"]
        assert len((await kept(pool)).holdings) == 2
    finally:
        await pool.close()
