"""Holdings are kept as the core says, whatever comes late, twice or not to its end."""

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
from domain.events import AnyEvent
from domain.position import Position
from projections.holders import Changes, Holders
from projections.holding import Holding, Launch
from projections.projection import host
from projections.runner import Runner

DERIVED = ("balance", "received", "sent")


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    """A migrated, empty database; one connection, since that is all some servers offer."""
    await migrate(database_dsn)
    opened = await open_pool(database_dsn, connections_max=1)
    yield opened
    await opened.close()


async def empty(pool: Pool) -> None:
    await pool.execute("truncate holders, holder_launches, checkpoints, parked_events")


async def kept(pool: Pool) -> Changes:
    """What the tables hold, as the core says it."""
    found = Changes()
    for row in await pool.fetch("select * from holders"):
        holding = Holding(*(row[name] for name in Holding.__struct_fields__))
        found.holdings[row["mint"], row["wallet"]] = holding
        assert all(row[name] == getattr(holding, name) for name in DERIVED)
    for row in await pool.fetch("select * from holder_launches"):
        found.launches[row["mint"]] = Launch(*(row[name] for name in Launch.__struct_fields__))
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
