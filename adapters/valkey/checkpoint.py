"""Saves a read model's rows and its checkpoint in one step, guard first."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from adapters.valkey.client import Command, Condition, Valkey
from adapters.valkey.errors import ANY, is_transient
from adapters.valkey.keys import GenerationKeys, Keys
from projections.projection import (
    Checkpoint,
    CheckpointMovedError,
    StoreRefusedError,
    StoreUnavailableError,
    TakenBack,
)

C = TypeVar("C")
T = TypeVar("T")

ATTEMPTS_MAX = 720
WAIT_S_MIN = 0.1
WAIT_S_MAX = 5.0
"""Waits double from the one to the other: about an hour in all before giving up. Nobody else waits
meanwhile, since the read models of this server have a reader of their own."""
SWEEP_KEYS_MAX = 1_000
"""Keys that are looked at, and removed, at a time."""

_log = logging.getLogger("curvetape.projections")

_PLACE = ("version", "sequence", "reread_after", "refused", "swept")

_BEGIN = """
    local generation = redis.call('GET', KEYS[1])
    if generation and redis.call('EXISTS', ARGV[1] .. ':' .. generation .. ':checkpoint') == 1 then
        return generation
    end
    local now = redis.call('TIME')
    generation = string.format('%d%06d', now[1], now[2])
    redis.call('SET', KEYS[1], generation)
    redis.call('HSET', ARGV[1] .. ':' .. generation .. ':checkpoint',
        'version', ARGV[2], 'sequence', '0', 'reread_after', '0')
    return generation
"""
"""The generation that is served; rows without a checkpoint could be counted twice, so where there
is none a new generation begins, named after the time in microseconds, and what there was is swept
away."""

_TAKE_BACK = """
    redis.call('HSETNX', KEYS[2], ARGV[2], ARGV[3])
    local generation = redis.call('GET', KEYS[1])
    local checkpoint = ARGV[1] .. ':' .. (generation or '') .. ':checkpoint'
    local sequence = redis.call('HGET', checkpoint, 'sequence')
    if sequence and tonumber(sequence) < tonumber(ARGV[3]) then
        redis.call('HSET', checkpoint, 'refused', ARGV[4])
    end
"""


class CheckpointedStore(ABC, Generic[C]):
    """What all read models' stores have in common; a store adds how its rows are written."""

    name: ClassVar[str]
    version: ClassVar[int]

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey
        self._keys = Keys(self.name)

    @abstractmethod
    async def write(self, keys: GenerationKeys, changes: C, *, reached: int) -> Sequence[Command]:
        """What merges the changes into the rows.

        Rows may be read for it: nothing is done where the checkpoint has moved since `seen`, and
        rows do not change without it.
        """

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
            # A connection lost before the answer leaves open whether it happened; the checkpoint
            # knows.
            if doubtful and (await self._checkpoint()).sequence == reached:
                return
            doubtful = True
            await self._save(changes, seen, reached, behind)

        await self._patiently(attempt)

    async def take_back(self, taken_back: TakenBack) -> None:
        """Remember it for rebuilds, and refuse the rows that it may have spoilt from now on."""
        await self._patiently(lambda: self._take_back(taken_back))

    async def _checkpoint(self) -> Checkpoint:
        generation = await self._begin()
        keys = self._keys.of(generation)
        (
            (version, sequence, reread_after, refused, swept),
            slots,
            sequences,
        ) = await self._valkey.ask(
            [
                ("HMGET", keys.checkpoint, *_PLACE),
                ("HKEYS", self._keys.taken_back),
                ("HVALS", self._keys.taken_back),
            ]
        )
        if not swept:
            await self._sweep(generation)
            await self._valkey.one("HSET", keys.checkpoint, "swept", "1")
        if version != str(self.version):
            raise self._refused(
                f"its rows are of version {version}, this program writes version {self.version}"
            )
        if refused:
            raise self._refused(refused)
        taken_back = zip(map(int, sequences), map(int, slots), strict=True)
        return Checkpoint(
            sequence=int(sequence),
            reread_after=int(reread_after),
            taken_back=tuple(
                TakenBack(slot=slot, sequence=sequence) for sequence, slot in sorted(taken_back)
            ),
        )

    async def _begin(self) -> str:
        generation: bytes = await self._valkey.run(
            _BEGIN, [self._keys.generation], self._keys.root, str(self.version)
        )
        return generation.decode()

    async def _sweep(self, generation: str) -> None:
        """Remove what generations before it have left."""
        root, cursor = f"{self._keys.root}:", "0"
        while True:
            after, found = await self._valkey.one(
                "SCAN", cursor, "MATCH", f"{root}[0-9]*:*", "COUNT", str(SWEEP_KEYS_MAX)
            )
            old = [
                key for key in found if int(key[len(root) :].partition(":")[0]) < int(generation)
            ]
            if old:
                await self._valkey.one("UNLINK", *old)
            if (cursor := after) == "0":
                return

    async def _save(self, changes: C, seen: int, reached: int, reread_after: int) -> None:
        generation = await self._valkey.one("GET", self._keys.generation) or ""
        keys = self._keys.of(generation)
        written = await self.write(keys, changes, reached=reached)
        place = ("sequence", str(reached), "reread_after", str(reread_after))
        conditions = (
            Condition(("GET", self._keys.generation), generation),
            Condition(("HGET", keys.checkpoint, "version"), str(self.version)),
            Condition(("HGET", keys.checkpoint, "sequence"), str(seen)),
        )
        spoilt = ("HSET", keys.checkpoint, "refused", "a save broke off in the middle of it")
        if await self._valkey.change(
            conditions, [*written, ("HSET", keys.checkpoint, *place)], spoilt=spoilt
        ):
            found = await self._valkey.one("HGET", keys.checkpoint, "sequence")
            raise CheckpointMovedError(self.name, seen, int(found or 0))

    async def _take_back(self, taken_back: TakenBack) -> None:
        slot, sequence = taken_back.slot, taken_back.sequence
        await self._valkey.run(
            _TAKE_BACK,
            [self._keys.generation, self._keys.taken_back],
            self._keys.root,
            str(slot),
            str(sequence),
            f"slot {slot} was taken back (sequence {sequence}) after its certificate, so its rows "
            "may hold what did not happen",
        )

    def _refused(self, why: str) -> StoreRefusedError:
        return StoreRefusedError(
            self.name,
            f"{why}; `DEL {self._keys.generation}` there has the next start build them anew",
        )

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        wait_s = WAIT_S_MIN
        for attempts_left in reversed(range(ATTEMPTS_MAX)):
            try:
                return await step()
            except ANY as error:
                if not is_transient(error):
                    raise StoreRefusedError(
                        self.name, f"the server of CURVETAPE_REDIS_URL refused: {error}"
                    ) from error
                if not attempts_left:
                    raise StoreUnavailableError(
                        self.name,
                        f"the server of CURVETAPE_REDIS_URL was away {ATTEMPTS_MAX} times: {error}",
                    ) from error
                _log.warning("%s waits %.1f s for its server: %s", self.name, wait_s, error)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, WAIT_S_MAX)
        raise AssertionError("the last attempt returns or raises")
