"""Saves a read model's rows and its checkpoint in one step, guard first."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Generic, TypeVar

import msgspec

from adapters.valkey.client import Command, Condition, Valkey
from adapters.valkey.errors import ANY, is_transient
from adapters.valkey.keys import GenerationKeys, Keys, Role
from adapters.valkey.sweeping import sweep
from adapters.valkey.values import encode
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

ATTEMPTS_MAX = 720
WAIT_S_MIN = 0.1
WAIT_S_MAX = 5.0
"""Waits double from the one to the other: about an hour in all before giving up. Nobody else waits
meanwhile, since the read models of this server have a reader of their own."""
HELD_WAIT_S = 0.05
TURNS_MAX = 36_000
"""How often a save finds the rows held, or changed by somebody else, before it gives up: half an
hour, where they are held."""

_log = logging.getLogger("curvetape.projections")

_FIELDS = ("version", "sequence", "reread_after", "refused", "swept")

_PLACE = """
    local generation = redis.call('GET', KEYS[1]) or ''
    local checkpoint = ARGV[1] .. ':' .. generation .. ':checkpoint'
    local found = redis.call('HMGET', checkpoint, 'sequence', 'released')
    return {generation, found[1] or '', found[2] or ''}
"""

_BEGIN = """
    local generation = redis.call('GET', KEYS[1])
    if generation and redis.call('EXISTS', ARGV[1] .. ':' .. generation .. ':checkpoint') == 1 then
        return generation
    end
    if ARGV[3] ~= 'served' then return false end
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


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """What rows are merged with: they are the same for as long as nothing of this changes."""

    keys: GenerationKeys
    sequence: str
    conditions: tuple[Condition, ...]


class CheckpointedStore(ABC, Generic[C]):
    """What all read models' stores have in common; a store adds how its rows are written."""

    name: ClassVar[str]
    version: ClassVar[int]

    def __init__(self, valkey: Valkey, *, role: Role = "served") -> None:
        """Fills the generation that is in the role then."""
        self._valkey = valkey
        self._keys = Keys(self.name, role)

    @abstractmethod
    async def write(self, keys: GenerationKeys, changes: C, *, reached: int) -> Sequence[Command]:
        """What merges the changes into the rows.

        Rows may be read for it: nothing is done where any has changed since.
        """

    def outdated(self, keys: GenerationKeys) -> Sequence[Command]:
        """What makes those forget who know rows by the checkpoint, which has not moved."""
        return ()

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

    async def _checkpoint(self) -> Checkpoint:
        generation: bytes | None = await self._valkey.run(
            _BEGIN, [self._keys.generation], self._keys.root, str(self.version), self._keys.role
        )
        if generation is None:
            raise StoreRefusedError(self.name, f"its {self._keys.role} generation is gone")
        keys = self._keys.of(generation.decode())
        (
            (version, sequence, reread_after, refused, swept),
            slots,
            sequences,
        ) = await self._valkey.ask(
            [
                ("HMGET", keys.checkpoint, *_FIELDS),
                ("HKEYS", self._keys.taken_back),
                ("HVALS", self._keys.taken_back),
            ]
        )
        if not swept:
            await sweep(self._valkey, self._keys)
            await self._valkey.one("HSET", keys.checkpoint, "swept", "1")
        if version != str(self.version):
            raise StoreRefusedError(
                self.name,
                f"its rows are of version {version}, this program writes version {self.version}; "
                f"rebuild it with `curvetape projections rebuild {self.name}`",
            )
        if refused:
            raise StoreRefusedError(self.name, refused)
        taken_back = zip(map(int, sequences), map(int, slots), strict=True)
        return Checkpoint(
            sequence=int(sequence),
            reread_after=int(reread_after),
            taken_back=tuple(
                TakenBack(slot=slot, sequence=sequence) for sequence, slot in sorted(taken_back)
            ),
        )

    async def _save(self, changes: C, seen: int, reached: int, reread_after: int) -> None:
        at_seen = ("sequence", str(seen))

        async def commands(place: _Place) -> Sequence[Command]:
            reaches = ("sequence", str(reached), "reread_after", str(reread_after))
            written = await self.write(place.keys, changes, reached=reached)
            return [*written, ("HSET", place.keys.checkpoint, *reaches)]

        place, failed = await self._changed(commands, [at_seen, ("version", str(self.version))])
        if failed is not None:
            found = await self._valkey.one("HGET", place.keys.checkpoint, "sequence")
            raise CheckpointMovedError(self.name, seen, int(found or 0))

    async def _release(self, changes: C, sequences: Sequence[int]) -> None:
        fields = [str(sequence) for sequence in sequences]

        async def commands(place: _Place) -> Sequence[Command]:
            there = await self._valkey.one("HMGET", place.keys.parked, *fields)
            if not all(there):
                raise StoreRefusedError(
                    self.name, "somebody else has released parked events of it just now; try again"
                )
            return [
                *await self.write(place.keys, changes, reached=int(place.sequence)),
                ["HDEL", place.keys.parked, *fields],
                ("HINCRBY", place.keys.checkpoint, "released", "1"),
                *self.outdated(place.keys),
            ]

        _, failed = await self._changed(commands, [("version", str(self.version))])
        if failed is not None:
            raise StoreRefusedError(
                self.name, "its rows are of another version than this program writes"
            )

    async def _park(self, parked: Sequence[Parked]) -> None:
        async def commands(place: _Place) -> Sequence[Command]:
            return [
                ("HSETNX", place.keys.parked, str(each.sequence), encode(each)) for each in parked
            ]

        await self._changed(commands, [])

    async def _parked(self) -> Sequence[Parked]:
        place = await self._place()
        found = await self._valkey.one("HVALS", place.keys.parked)
        return sorted(
            (msgspec.json.decode(each, type=Parked) for each in found), key=lambda it: it.sequence
        )

    async def _changed(
        self,
        commands: Callable[[_Place], Awaitable[Sequence[Command]]],
        fields: Sequence[tuple[str, str]],
    ) -> tuple[_Place, Condition | None]:
        """Do what `commands` says where the checkpoint's fields are these, or nothing.

        Those that are not are what is returned. Who is held waits, and where rows have changed
        since they were read they are read again.
        """
        for _ in range(TURNS_MAX):
            place = await self._place()
            held = self._held()
            expected = [Condition(("HGET", place.keys.checkpoint, it), to) for it, to in fields]
            spoilt = ("HSET", place.keys.checkpoint, "refused", "a save broke off in its middle")
            failed = await self._valkey.change(
                (*held, *expected, *place.conditions), await commands(place), spoilt=spoilt
            )
            if failed is None or failed in expected:
                return place, failed
            if failed in held:
                await asyncio.sleep(HELD_WAIT_S)
        raise StoreUnavailableError(
            self.name, f"others have kept it from saving {TURNS_MAX} times; is a comparison stuck?"
        )

    def _held(self) -> Sequence[Condition]:
        return (Condition(("GET", self._keys.held), ""),) if self._keys.role == "served" else ()

    async def _place(self) -> _Place:
        generation, sequence, released = await self._valkey.run(
            _PLACE, [self._keys.generation], self._keys.root
        )
        keys = self._keys.of(generation.decode())
        return _Place(
            keys=keys,
            sequence=sequence.decode(),
            conditions=(
                Condition(("GET", self._keys.generation), generation.decode()),
                Condition(("HGET", keys.checkpoint, "sequence"), sequence.decode()),
                Condition(("HGET", keys.checkpoint, "released"), released.decode()),
            ),
        )

    async def _take_back(self, taken_back: TakenBack) -> None:
        await self._valkey.run(
            _TAKE_BACK,
            [self._keys.generation, self._keys.taken_back],
            self._keys.root,
            str(taken_back.slot),
            str(taken_back.sequence),
            taken_back.sentence,
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
