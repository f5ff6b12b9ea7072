"""Read models that several runners share, on a log in memory and a real database."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from adapters.postgres.generations import Generations
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import NO_CONNECTIONS, Pool, open_pool
from adapters.postgres.scratch import Scratch
from curvetape.bootstrap import read_models
from curvetape.comparing import Comparing
from curvetape.rebuilding import Rebuilding, check_name
from curvetape.repartitioning import repartition
from curvetape.testing.memory_log import MemoryLog
from domain.partition import Partition
from projections.audit.model_report import ModelsReport
from projections.narrowed import Part
from projections.part_log import PartLog
from projections.partitioning import share
from projections.runner import Runner

PARTS = 3


@asynccontextmanager
async def opened(dsn: str, *, schema: str | None = None) -> AsyncIterator[Pool]:
    """A few connections."""
    pool = await open_pool(dsn, connections_max=4, schema=schema)
    try:
        yield pool
    finally:
        await pool.close()


def runner_on(
    pool: Pool,
    log: MemoryLog,
    partition: Partition | None,
    names: Sequence[str] = (),
    *,
    batch_max: int = 50,
) -> Runner:
    """What one replica runs of these read models, as `curvetape project` does."""
    found = share(read_models(pool), partition, names)
    if partition is None:
        return Runner(log, found.whole, batch_max=batch_max)
    read = PartLog(log, partition)
    return Runner(read, found.of_part, batch_max=batch_max, partition=partition)


async def project(
    dsn: str,
    log: MemoryLog,
    partition: Partition | None,
    names: Sequence[str] = (),
    *,
    until: int | None = None,
) -> None:
    """Bring a part to the log's end, or to where it was when a sequence was its last."""
    await migrate(dsn)
    events = [
        it async for batch in log.read(after=0, batch_max=9_999, follow=False) for it in batch
    ]
    bounded = MemoryLog([it.event for it in events[:until]])
    async with opened(dsn) as pool:
        await runner_on(pool, bounded, partition, names).run(follow=False)


async def compare(dsn: str, log: MemoryLog, names: Sequence[str] = ()) -> ModelsReport:
    """What is served beside a replay: some read models, or all."""
    async with await Scratch.open(dsn, application="test") as scratch:
        hosted = [it for it in read_models(scratch) if not names or it.projection.name in names]
        return await Comparing(log, scratch, hosted, print, batch_max=500, rows_max=3).run()


async def places(dsn: str) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Where each read model is, and each of its parts, by name."""
    async with await Generations.open(dsn) as generations:
        served = await generations.served()
    return {name: (it.sequence, it.parts) for name, it in served.items()}


async def divide(dsn: str, log: MemoryLog, name: str, parts: int) -> int:
    """Divide what is served, as `curvetape projections repartition` does."""
    async with await Generations.open(dsn) as generations:
        return await repartition(log, generations, read_models, name, parts, print, batch_max=50)


async def digest(pool: Pool, name: str, schema: str) -> str:
    """All rows of a read model, in an order of their own; `AssertionError` for an empty table."""
    found = hashlib.sha256()
    store = check_name(read_models(NO_CONNECTIONS), name).store
    for table in store.tables:  # type: ignore[attr-defined]  # it is kept in PostgreSQL
        rows = await pool.fetch(
            f"select t::text from {schema}.{table.table} t order by 1"  # noqa: S608  # our own names
        )
        assert rows, f"{table.table} holds nothing that could differ"
        found.update("\n".join(row[0] for row in rows).encode())
    return found.hexdigest()


async def is_as_one_runner_would_have_it(dsn: str, log: MemoryLog, name: str) -> bool:
    """Whether the rows are those of a read model that nobody has divided."""
    async with await Generations.open(dsn) as generations:
        rebuilding = Rebuilding(log, generations, read_models, name, print, batch_max=997)
        await rebuilding.build_part(Part(), f"{name}_truth")
    async with opened(dsn) as pool:
        return await digest(pool, name, "public") == await digest(pool, name, f"{name}_truth")
