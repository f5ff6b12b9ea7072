"""Checkpoints of a read model that is divided by mint: one for each part, and the lowest for all.

Whoever locks both locks parts before the whole, so that nobody waits in a circle.
"""

from collections.abc import Sequence

import msgspec

from adapters.postgres.pool import Connection
from domain.partition import Partition
from projections.projection import ProjectionError

_SELECT = """
    select sequence, reread_after from checkpoint_parts
    where name = $1 and part = $2 and parts = $3
"""
_PLACES = "select part, sequence, reread_after from checkpoint_parts where name = $1 order by part"
_GUARD = """
    update checkpoint_parts set sequence = $6, reread_after = $7, saved_at = now()
    where name = $1 and part = $2 and parts = $3 and version = $4 and sequence = $5
"""
"""The version stands in the row itself: who waits for it sees what a swap has made of it."""
_LOCK = """
    select version, sequence, reread_after, parts from checkpoints where name = $1
    for no key update
"""
_LEVEL = """
    update checkpoints set sequence = lowest.sequence, reread_after = lowest.reread_after,
        saved_at = now()
    from (
        select min(sequence) as sequence, min(reread_after) as reread_after
        from checkpoint_parts where name = $1
    ) as lowest
    where name = $1
"""
_CLEAR = "delete from checkpoint_parts where name = $1"
_DIVIDE = """
    insert into checkpoint_parts (name, part, parts, version, sequence, reread_after)
    select name, part, $2, version, sequence, reread_after
    from checkpoints, generate_series(1, $2) as part where name = $1
"""
_PARTS = "update checkpoints set parts = $2, saved_at = now() where name = $1"
_ATTEMPTS_MAX = 10


class PartPlace(msgspec.Struct, frozen=True):
    """How far one part is."""

    part: int
    sequence: int
    reread_after: int


class UnevenPartsError(ProjectionError):
    """The parts are not at one sequence, so rows could be divided in no other way."""

    def __init__(self, name: str, places: Sequence[PartPlace]) -> None:
        found = ", ".join(f"part {it.part} at {it.sequence:,}" for it in places)
        super().__init__(
            name,
            f"its parts are not at one sequence: {found}; stop all of its runners, then run "
            f"`curvetape projections repartition {name} --parts N`, which brings them level",
        )
        self.places = places


async def place_of(connection: Connection, name: str, partition: Partition) -> PartPlace | None:
    """Where a part is; None where the read model is divided otherwise."""
    row = await connection.fetchrow(_SELECT, name, partition.part, partition.parts)
    return None if row is None else PartPlace(partition.part, row["sequence"], row["reread_after"])


async def places_of(connection: Connection, name: str) -> Sequence[PartPlace]:
    """Where each part is; none of a read model that is not divided."""
    return [PartPlace(*row) for row in await connection.fetch(_PLACES, name)]


async def move(
    connection: Connection, name: str, version: int, partition: Partition, *to: int
) -> bool:
    """Move a part's checkpoint from where it was seen to a sequence, with its `reread_after`.

    `to` is these three. Whether it was there; nobody else can move it until the transaction ends.
    """
    part, parts = partition.part, partition.parts
    return await connection.execute(_GUARD, name, part, parts, version, *to) == "UPDATE 1"


async def level(connection: Connection, name: str) -> None:
    """Note what the lowest part holds as what the read model does.

    Parts do so in turn, so it is the last statement of their transactions.
    """
    # Who has waited has to look again at what the others did meanwhile: one statement would not.
    await connection.execute(_LOCK, name)
    await connection.execute(_LEVEL, name)


async def divide(connection: Connection, name: str, parts: int) -> int:
    """Divide a read model into so many parts, or with 1 into none, in the transaction under way.

    Returns the sequence that all of it is at, or where it is divided so already, the lowest part.
    Raises `UnevenPartsError`.
    """
    for _ in range(_ATTEMPTS_MAX):
        await connection.fetch(f"{_PLACES} for update", name)
        whole = await connection.fetchrow(_LOCK, name)
        assert whole is not None, "it has begun"
        places = await places_of(connection, name) if whole["parts"] > 1 else []
        # Others may have divided it before the whole was locked.
        if whole["parts"] in (1, len(places)):
            break
    else:
        raise UnevenPartsError(name, places)
    if whole["parts"] == parts:
        return int(whole["sequence"])
    if len({it.sequence for it in places}) > 1:
        raise UnevenPartsError(name, places)
    await connection.execute(_CLEAR, name)
    await connection.execute(_PARTS, name, parts)
    if parts > 1:
        await connection.execute(_DIVIDE, name, parts)
    return int(whole["sequence"])
