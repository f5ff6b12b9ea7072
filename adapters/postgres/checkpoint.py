"""Saves a read model's rows and its checkpoint in one transaction, guard first."""

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self, TypeVar

import asyncpg

from adapters.patient_store import PatientStore
from adapters.postgres import checkpoint_parts
from adapters.postgres.errors import PERMANENT, TRANSIENT, is_transient
from adapters.postgres.pool import Connection, Connections
from adapters.postgres.upsert import Upsert
from domain.partition import Partition
from projections.parking import Parked
from projections.projection import (
    Checkpoint,
    CheckpointMovedError,
    ProjectionError,
    StoreRefusedError,
    TakenBack,
)

C = TypeVar("C")

_INSERT = (
    "insert into checkpoints (name, version, sequence) values ($1, $2, 0) on conflict do nothing"
)
"""Waits, too, for a save that is being committed on behalf of a runner that was killed: what is
selected behind it no longer changes by itself."""
_SELECT = """
    select version, sequence, reread_after, refused, parts from checkpoints where name = $1
"""
_SELECT_TAKEN_BACK = "select slot, sequence from taken_back order by sequence"
_GUARD = """
    update checkpoints set sequence = $4, reread_after = $5, saved_at = now()
    where name = $1 and version = $2 and sequence = $3 and parts = 1
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
_ALONE = (
    "select from checkpoint_parts where name = $1 order by part for update",
    "select from checkpoints where name = $1 for update",
)
"""In the order in which all take them."""
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
    views: ClassVar[Mapping[str, str]] = {}
    """What is read in the place of tables, by name: queries of the tables by their plain names."""
    partition: Partition | None = None
    """Whose checkpoint it keeps, where the read model is divided by mint; None for the whole."""

    def __init__(self, pool: Connections) -> None:
        self._pool = pool

    def of_part(self, partition: Partition) -> Self:
        """The same store, with the checkpoint and the parked events of one part."""
        part = copy.copy(self)
        part.partition = partition
        return part

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
            parked = [Parked(**row) for row in await connection.fetch(_PARKED, self.name)]
        if self.partition is None:
            return parked
        return [it for it in parked if self.partition.owns(it.mint)]

    async def _release(self, changes: C, sequences: Sequence[int]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            # As each save is: what it merges into does not change until it has.
            for lock in _ALONE:
                await connection.execute(lock, self.name)
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
            assert row is not None, "it was inserted just now"
            if row["version"] != self.version:
                raise self._of_another_version(row["version"])
            if row["refused"] is not None:
                raise StoreRefusedError(self.name, row["refused"])
            place = await self._place(connection, row)
            taken_back = await connection.fetch(_SELECT_TAKEN_BACK)
        return Checkpoint(
            sequence=place.sequence,
            reread_after=place.reread_after,
            taken_back=tuple(TakenBack(**each) for each in taken_back),
        )

    async def _place(
        self, connection: Connection, row: asyncpg.Record
    ) -> checkpoint_parts.PartPlace:
        """Where this store's part is; one that nobody has begun is divided as this one says."""
        partition, parts = self.partition, row["parts"]
        asked = 1 if partition is None else partition.parts
        if parts != asked and not await self._begun(connection, row):
            async with connection.transaction():
                await checkpoint_parts.divide(connection, self.name, asked)
        elif parts != asked:
            raise self._otherwise_divided(parts)
        if partition is None:
            return checkpoint_parts.PartPlace(1, row["sequence"], row["reread_after"])
        place = await checkpoint_parts.place_of(connection, self.name, partition)
        if place is None:
            raise StoreRefusedError(self.name, "it is being divided otherwise just now; try again")
        return place

    async def _begun(self, connection: Connection, row: asyncpg.Record) -> bool:
        if row["parts"] == 1 or row["sequence"]:
            return bool(row["sequence"])
        return any(it.sequence for it in await checkpoint_parts.places_of(connection, self.name))

    def _otherwise_divided(self, parts: int) -> StoreRefusedError:
        asked = 1 if self.partition is None else self.partition.parts
        runners = (
            "run `curvetape project` without --part"
            if parts == 1
            else f"run `curvetape project --part 1/{parts}` to `--part {parts}/{parts}`"
        )
        return StoreRefusedError(
            self.name,
            f"{_divided(parts)}, and this runner takes "
            f"{'all of it' if self.partition is None else f'part {self.partition}'}; {runners}, "
            "or stop all of its runners and run "
            f"`curvetape projections repartition {self.name} --parts {asked}`",
        )

    async def _save(self, changes: C, seen: int, reached: int, reread_after: int) -> None:
        partition = self.partition
        async with self._pool.acquire() as connection, connection.transaction():
            if partition is not None:
                moved = await checkpoint_parts.move(
                    connection, self.name, self.version, partition, seen, reached, reread_after
                )
            else:
                arguments = (self.name, self.version, seen, reached, reread_after)
                moved = await connection.execute(_GUARD, *arguments) == "UPDATE 1"
            if not moved:
                raise await self._moved(connection, seen)
            await self.write(connection, changes)
            if partition is not None:
                await checkpoint_parts.level(connection, self.name)

    async def _moved(self, connection: Connection, seen: int) -> ProjectionError:
        """Why nothing was saved."""
        row, partition = await connection.fetchrow(_SELECT, self.name), self.partition
        if row is None:
            return CheckpointMovedError(self.name, seen, 0)
        if row["parts"] != (1 if partition is None else partition.parts):
            return self._otherwise_divided(row["parts"])
        if row["version"] != self.version:
            return self._of_another_version(row["version"])
        found: int = row["sequence"]
        if partition is not None:
            place = await checkpoint_parts.place_of(connection, self.name, partition)
            found = found if place is None else place.sequence
        return CheckpointMovedError(self.name, seen, found, partition)

    async def _take_back(self, taken_back: TakenBack) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_TAKE_BACK, taken_back.slot, taken_back.sequence)
            await connection.execute(_REFUSE, taken_back.sequence, taken_back.sentence)


def _divided(parts: int) -> str:
    return "it is not divided" if parts == 1 else f"it is divided into {parts} parts"
