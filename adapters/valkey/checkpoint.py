"""Saves a read model's rows and its checkpoint in one step, guard first."""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, TypeVar

import msgspec

from adapters.patient_store import PatientStore
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

HELD_WAIT_S = 0.05
TURNS_MAX = 36_000
"""How often a save finds the rows held, or changed by somebody else, before it gives up: half an
hour, where they are held."""

_UNFINISHED = "it is being filled, or whoever did so has stopped in between"

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


class CheckpointedStore(PatientStore[C]):
    """What all read models' stores have in common; a store adds how its rows are written."""

    server: ClassVar = "the server of CURVETAPE_REDIS_URL"
    errors: ClassVar = ANY
    attempts_max: ClassVar = 720
    """An hour with the waits between. Nobody else waits meanwhile, since the read models of this
    server have a reader of their own."""
    is_transient = staticmethod(is_transient)

    def __init__(self, valkey: Valkey, *, role: Role = "served") -> None:
        """Fills the generation that is in the role then."""
        self._valkey = valkey
        self._keys = Keys(self.name, role)

    async def fill(self, changes: C, *, part: int, reached: int) -> None:
        """Save a part, counted from 0, of what empty rows are filled with up to a sequence.

        The rows are refused until `filled` says that all are there. Raises `StoreRefusedError`
        where somebody else has saved to them, and `StoreUnavailableError`.
        """

        async def commands(place: _Place) -> Sequence[Command]:
            written = await self.write(place.keys, changes, reached=reached)
            now = ("filled", str(part + 1), "refused", _UNFINISHED)
            return [*written, ("HSET", place.keys.checkpoint, *now)]

        await self._fill(commands, part=part, then=str(part + 1))

    async def filled(self, *, parts: int, reached: int) -> None:
        """Set the checkpoint of rows that were filled; raises as `fill` does."""

        async def commands(place: _Place) -> Sequence[Command]:
            now = ("sequence", str(reached), "reread_after", str(reached))
            return [
                ("HSET", place.keys.checkpoint, *now),
                ("HDEL", place.keys.checkpoint, "filled", "refused"),
            ]

        await self._fill(commands, part=parts, then="")

    @abstractmethod
    async def write(self, keys: GenerationKeys, changes: C, *, reached: int) -> Sequence[Command]:
        """What merges the changes into the rows.

        Rows may be read for it: nothing is done where any has changed since.
        """

    def outdated(self, keys: GenerationKeys) -> Sequence[Command]:
        """What makes those forget who know rows by the checkpoint, which has not moved."""
        return ()

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
            raise self._of_another_version(version)
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

    async def _fill(
        self, commands: Callable[[_Place], Awaitable[Sequence[Command]]], *, part: int, then: str
    ) -> None:
        """Do it where so many parts are there, and once; `then` is what it says of parts itself."""
        before = [("version", str(self.version)), ("sequence", "0")]
        before += [("filled", str(part) if part else ""), ("refused", _UNFINISHED if part else "")]
        attempts = 0

        async def attempt() -> None:
            nonlocal attempts
            attempts += 1
            place, failed = await self._changed(commands, before)
            if failed is None:
                return
            there = await self._valkey.one("HGET", place.keys.checkpoint, "filled") or ""
            # As with a save, an answer that was lost leaves open whether it happened.
            if attempts == 1 or there != then:
                raise StoreRefusedError(self.name, "another program fills it, too; try again")

        await self._patiently(attempt)

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
