"""Saves a read model's rows and its checkpoint in one transaction, guard first."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, TypeVar

from adapters.patient_store import PatientStore
from adapters.postgres.errors import PERMANENT, TRANSIENT, is_transient
from adapters.postgres.pool import Connection, Connections
from adapters.postgres.upsert import Upsert
from projections.parking import Parked
from projections.projection import (
    Checkpoint,
    CheckpointMovedError,
    StoreRefusedError,
    TakenBack,
)

C = TypeVar("C")

_INSERT = (
    "insert into checkpoints (name, version, sequence) values ($1, $2, 0) on conflict do nothing"
)
"""Waits, too, for a save that is being committed on behalf of a runner that was killed: what is
selected behind it no longer changes by itself."""
_SELECT = "select version, sequence, reread_after, refused from checkpoints where name = $1"
_SELECT_TAKEN_BACK = "select slot, sequence from taken_back order by sequence"
_GUARD = """
    update checkpoints set sequence = $4, reread_after = $5, saved_at = now()
    where name = $1 and version = $2 and sequence = $3
"""
_TAKE_BACK = "insert into taken_back (slot, sequence) values ($1, $2) on conflict do nothing"
_PARK = """
    insert into parked_events (name, sequence, event_id, mint, reason)
    select $1, * from unnest($2::bigint[], $3::text[], $4::text[], $5::text[])
    on conflict do nothing
"""
_PARKED = """
    select sequence, event_id, mint, reason from parked_events where name = $1 order by sequence
"""
_RELEASE = "delete from parked_events where name = $1 and sequence = any($2::bigint[])"
_REFUSE = "update checkpoints set refused = $2 where sequence < $1"
"""All read models that hold the events or may do so before they stop, too: the next start passes
over the events for all."""


class CheckpointedStore(PatientStore[C]):
    """What all read models' stores have in common; a store adds how its rows are written."""

    server: ClassVar = "the database"
    errors: ClassVar = (*TRANSIENT, *PERMANENT)
    attempts_max: ClassVar = 30
    """Two minutes with the waits between."""
    is_transient = staticmethod(is_transient)
    tables: ClassVar[Sequence[Upsert]]
    """All tables of the read model, each by the statement that fills it."""
    bookkeeping: ClassVar[Sequence[Upsert]] = ()
    """Tables beside them that say how they were filled: a replay need not give the same rows."""

    def __init__(self, pool: Connections) -> None:
        self._pool = pool

    @abstractmethod
    async def write(self, connection: Connection, changes: C) -> None:
        """Merge the changes into the rows; runs inside the transaction of `save`."""

    async def _park(self, parked: Sequence[Parked]) -> None:
        columns = zip(
            *((each.sequence, each.event_id, each.mint, each.reason) for each in parked),
            strict=True,
        )
        async with self._pool.acquire() as connection:
            await connection.execute(_PARK, self.name, *map(list, columns))

    async def _parked(self) -> Sequence[Parked]:
        async with self._pool.acquire() as connection:
            return [Parked(**row) for row in await connection.fetch(_PARKED, self.name)]

    async def _release(self, changes: C, sequences: Sequence[int]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            gone = await connection.execute(_RELEASE, self.name, list(sequences))
            if gone != f"DELETE {len(sequences)}":
                raise StoreRefusedError(
                    self.name, "somebody else has released parked events of it just now; try again"
                )
            await self.write(connection, changes)

    async def _checkpoint(self) -> Checkpoint:
        async with self._pool.acquire() as connection:
            await connection.execute(_INSERT, self.name, self.version)
            row = await connection.fetchrow(_SELECT, self.name)
            taken_back = await connection.fetch(_SELECT_TAKEN_BACK)
        assert row is not None, "it was inserted just now"
        if row["version"] != self.version:
            raise self._of_another_version(row["version"])
        if row["refused"] is not None:
            raise StoreRefusedError(self.name, row["refused"])
        return Checkpoint(
            sequence=row["sequence"],
            reread_after=row["reread_after"],
            taken_back=tuple(TakenBack(**each) for each in taken_back),
        )

    async def _save(self, changes: C, seen: int, reached: int, reread_after: int) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            moved = await connection.execute(
                _GUARD, self.name, self.version, seen, reached, reread_after
            )
            if moved != "UPDATE 1":
                row = await connection.fetchrow(_SELECT, self.name)
                raise CheckpointMovedError(self.name, seen, row["sequence"] if row else 0)
            await self.write(connection, changes)

    async def _take_back(self, taken_back: TakenBack) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_TAKE_BACK, taken_back.slot, taken_back.sequence)
            await connection.execute(_REFUSE, taken_back.sequence, taken_back.sentence)
