"""The slots read model in PostgreSQL holds and says what the one in memory does."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.postgres.migrations import migrate
from adapters.postgres.pool import open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.slots import SlotStore
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.reads import MemoryReads
from domain.log import Recorded
from projections.slot_reads import SlotReads, Stretch, state_of
from projections.slots import Slots

SLOTS = st.integers(1, 10)
ACTS = st.one_of(
    st.tuples(st.just("seal"), SLOTS),
    st.tuples(st.just("abandon"), SLOTS),
    st.tuples(st.just("gap"), SLOTS, SLOTS),
    st.tuples(st.just("fill"), SLOTS, SLOTS),
)


async def said(reads: SlotReads) -> list[object]:
    told: list[object] = [await reads.bounds()]
    for slot in range(12):
        row = await reads.slot(slot)
        told += [row and (row.certificate, row.child, row.bounds), row and state_of(slot, row)]
        found = await reads.slot_range(slot, slot + 4)
        told.append(found and (found.blocks, found.executed, found.ours, found.decoded))
        told.append(
            sorted(
                await reads.gaps(Stretch(slot, slot + 2)), key=lambda it: (it.from_slot, it.to_slot)
            )
        )
        told += [await reads.slots_around(slot, to_s) for to_s in (slot, slot + 3, 100)]
    return told


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts=st.lists(ACTS, max_size=15), cut=st.integers(1, 5))
async def test_both_say_the_same_of_any_log(
    postgres_dsn: str, acts: list[tuple[Any, ...]], cut: int
) -> None:
    held = CertifiedLog()
    for act, *slots in acts:
        if act == "seal":
            held.seal(slots[0], block_time_s=slots[0] // 2)
        else:
            getattr(held, act)(*sorted(slots))
    recorded = [Recorded(sequence, event) for sequence, _, event in held]
    await migrate(postgres_dsn)
    pool = await open_pool(postgres_dsn, connections_max=1)
    try:
        await pool.execute("truncate slot_certificates, slot_gaps, checkpoints")
        store = SlotStore(pool)
        await store.checkpoint()
        for start in range(0, len(recorded), cut):
            batch = recorded[start : start + cut]
            await store.save(Slots().apply(batch), seen=start, reached=start + len(batch))
        assert await said(PostgresReads(pool)) == await said(MemoryReads(recorded))
    finally:
        await pool.close()
