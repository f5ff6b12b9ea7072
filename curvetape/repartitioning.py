"""Divides a read model among another number of replicas."""

from adapters.postgres.generations import Generations
from adapters.postgres.pool import open_pool
from curvetape.catching_up import Say, catch_up
from curvetape.rebuilding import ReadModels, check_name
from domain.log import EventLog
from domain.partition import partitions
from projections.generation import GenerationError
from projections.parking import Tell
from projections.partitioning import can_be_divided, of_part


async def repartition(
    log: EventLog,
    generations: Generations,
    read_models: ReadModels,
    name: str,
    parts: int,
    say: Say,
    *,
    batch_max: int,
    tell: Tell | None = None,
) -> int:
    """Divide the served read model into so many parts, or with 1 into none.

    Parts that are behind are brought to where the furthest one is first. Returns the sequence that
    all of it is at. Raises `GenerationError`, `LogError`, and `ProjectionsStoppedError` where a
    runner of it is at work.
    """
    pool = await open_pool(generations.dsn, application=f"curvetape repartition {name}")
    try:
        hosted = check_name(read_models(pool), name)
        if parts > 1 and not can_be_divided(hosted):
            raise GenerationError(
                f"{name} cannot be divided by mint; part 1 of however many hosts all of it"
            )
        await generations.claim(name)
        served = (await generations.served()).get(name)
        if served is None:
            raise GenerationError(
                f"{name} has not begun; run `curvetape project --part 1/{parts}` and so on"
            )
        furthest = max(served.parts, default=served.sequence)
        for partition, sequence in zip(partitions(len(served.parts)), served.parts, strict=True):
            if sequence < furthest:
                say(f"{name}: bringing part {partition} from {sequence:,} to {furthest:,}")
                await catch_up(
                    log,
                    of_part(hosted, partition),
                    furthest,
                    say,
                    name=f"{name} part {partition}",
                    batch_max=batch_max,
                    tell=tell,
                )
        return await generations.divide(name, parts)
    finally:
        await pool.close()
