"""Saves a read model's rows and its checkpoint in one transaction, guard first."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar, Generic, TypeVar

from adapters.postgres.errors import PERMANENT, TRANSIENT, is_transient
from adapters.postgres.pool import Connection, Pool
from projections.projection import (
    CheckpointMovedError,
    StoreRefusedError,
    StoreUnavailableError,
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
_SELECT = "select version, sequence from checkpoints where name = $1"
_GUARD = """
    update checkpoints set sequence = $4, saved_at = now()
    where name = $1 and version = $2 and sequence = $3
"""


class CheckpointedStore(ABC, Generic[C]):
    """What all read models' stores have in common; a store adds how its rows are written."""

    name: ClassVar[str]
    version: ClassVar[int]

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @abstractmethod
    async def write(self, connection: Connection, changes: C) -> None:
        """Merge the changes into the rows; runs inside the transaction of `save`."""

    async def checkpoint(self) -> int:
        """The last log sequence that the rows hold, 0 for none.

        Raises `StoreRefusedError` where the rows are another version's.
        """
        return await self._patiently(self._checkpoint)

    async def save(self, changes: C, *, seen: int, reached: int) -> None:
        """Save changes and checkpoint together; waits for a server that is away.

        Raises as `projections.projection.Store` says.
        """
        assert reached > seen, "a save moves the checkpoint on"
        doubtful = False

        async def attempt() -> None:
            nonlocal doubtful
            # A connection lost during the commit leaves open whether it happened; the
            # checkpoint knows.
            if doubtful and await self._checkpoint() == reached:
                return
            doubtful = True
            await self._save(changes, seen, reached)

        await self._patiently(attempt)

    async def _checkpoint(self) -> int:
        async with self._pool.acquire() as connection:
            await connection.execute(_INSERT, self.name, self.version)
            row = await connection.fetchrow(_SELECT, self.name)
        assert row is not None, "it was inserted just now"
        if row["version"] != self.version:
            raise StoreRefusedError(
                self.name,
                f"its rows are of version {row['version']}, this program writes version"
                f" {self.version}; rebuild the read model",
            )
        sequence: int = row["sequence"]
        return sequence

    async def _save(self, changes: C, seen: int, reached: int) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            moved = await connection.execute(_GUARD, self.name, self.version, seen, reached)
            if moved != "UPDATE 1":
                row = await connection.fetchrow(_SELECT, self.name)
                raise CheckpointMovedError(self.name, seen, row["sequence"] if row else 0)
            await self.write(connection, changes)

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
