"""Saves a read model's rows and its checkpoint in one transaction, guard first."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from adapters.postgres.errors import PERMANENT, TRANSIENT, is_transient
from adapters.postgres.pool import Connection, Connections
from adapters.postgres.upsert import Upsert
from projections.parking import Parked
from projections.projection import (
    Checkpoint,
    CheckpointMovedError,
    StoreRefusedError,
    StoreUnavailableError,
    TakenBack,
)

C = TypeVar("C")
T = TypeVar("T")

ATTEMPTS_MAX = 30
WAIT_S_MIN = 0.1
WAIT_S_MAX = 5.0
"""Waits double from the one to the other: about two minutes in all before giving up."""

_log = logging.getLogger("curvetape.projections")

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


class CheckpointedStore(ABC, Generic[C]):
    """What all read models' stores have in common; a store adds how its rows are written."""

    name: ClassVar[str]
    version: ClassVar[int]
    tables: ClassVar[Sequence[Upsert]]
    """All tables of the read model, each by the statement that fills it."""
    bookkeeping: ClassVar[Sequence[Upsert]] = ()
    """Tables beside them that say how they were filled: a replay need not give the same rows."""

    def __init__(self, pool: Connections) -> None:
        self._pool = pool

    @abstractmethod
    async def write(self, connection: Connection, changes: C) -> None:
        """Merge the changes into the rows; runs inside the transaction of `save`."""

    async def checkpoint(self) -> Checkpoint:
        """Where to go on; sequence 0 for a read model that has not begun.

        Raises `StoreRefusedError` where the rows have to be rebuilt: they are another version's,
        or hold what was taken back.
        """
        return await self._patiently(self._checkpoint)

    async def save(
        self, changes: C, *, seen: int, reached: int, reread_after: int | None = None
    ) -> None:
        """Save changes and checkpoint together; waits for a server that is away.

        Raises as `projections.projection.Store` says.
        """
        assert reached > seen, "a save moves the checkpoint on"
        behind = reached if reread_after is None else reread_after
        doubtful = False

        async def attempt() -> None:
            nonlocal doubtful
            # A connection lost during the commit leaves open whether it happened; the
            # checkpoint knows.
            if doubtful and (await self._checkpoint()).sequence == reached:
                return
            doubtful = True
            await self._save(changes, seen, reached, behind)

        await self._patiently(attempt)

    async def take_back(self, taken_back: TakenBack) -> None:
        """Remember it for rebuilds, and refuse the rows that it may have spoilt from now on."""
        await self._patiently(lambda: self._take_back(taken_back))

    async def park(self, parked: Sequence[Parked]) -> None:
        """Remember events that are not in the rows, once each."""
        await self._patiently(lambda: self._park(parked))

    async def parked(self) -> Sequence[Parked]:
        """All events that are set aside, by sequence."""
        return await self._patiently(self._parked)

    async def release(self, changes: C, sequences: Sequence[int]) -> None:
        """Save what parked events change, and forget that they were parked, or nothing.

        Raises `StoreRefusedError` where somebody else has released one of them.
        """
        await self._patiently(lambda: self._release(changes, sequences))

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
            raise StoreRefusedError(
                self.name,
                f"its rows are of version {row['version']}, this program writes version"
                f" {self.version}; rebuild it with `curvetape projections rebuild {self.name}`",
            )
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

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        wait_s = WAIT_S_MIN
        for attempts_left in reversed(range(ATTEMPTS_MAX)):
            try:
                return await step()
            except (*TRANSIENT, *PERMANENT) as error:
                if not is_transient(error):
                    raise StoreRefusedError(self.name, f"the database refused: {error}") from error
                if not attempts_left:
                    raise StoreUnavailableError(
                        self.name, f"the database was away {ATTEMPTS_MAX} times: {error}"
                    ) from error
                _log.warning("%s waits %.1f s for its database: %s", self.name, wait_s, error)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, WAIT_S_MAX)
        raise AssertionError("the last attempt returns or raises")
