"""Read models built beside those that are served, and put into their place in one step.

A generation is a number; which one is served, next or previous is said by a key for each. So a swap
moves no row.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterator
from contextlib import asynccontextmanager, contextmanager

from adapters.valkey.client import Valkey
from adapters.valkey.errors import ANY, ServerUnreachableError
from adapters.valkey.keys import GenerationKeys, Keys, Role
from adapters.valkey.sweeping import sweep
from projections.generation import Generation, GenerationError, Place

HELD_S_MAX = 20
"""How long nothing can be saved to what is served after whoever holds it has died."""
SCRATCH_S_MAX = 60
"""How long a comparison that has died keeps others from beginning one."""
RENEWALS = 5
"""How often both are renewed before they would end."""

_CREATE = """
    local now = redis.call('TIME')
    local generation = string.format('%d%06d', now[1], now[2])
    if ARGV[3] == '' then
        redis.call('SET', KEYS[1], generation)
    elseif not redis.call('SET', KEYS[1], generation, 'NX', 'EX', ARGV[3]) then
        return false
    end
    redis.call('HSET', ARGV[1] .. ':' .. generation .. ':checkpoint',
        'version', ARGV[2], 'sequence', '0', 'reread_after', '0', 'swept', '1')
    return generation
"""

_RENEW = """
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
    return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""

_LET_GO = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"

_SWAP = """
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'held by nobody' end
    local served, incoming = redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3])
    if not served or not incoming then return 'absent' end
    local function key(generation, kind) return ARGV[2] .. ':' .. generation .. ':' .. kind end
    local sequence = redis.call('HGET', key(served, 'checkpoint'), 'sequence')
    if redis.call('HGET', key(incoming, 'checkpoint'), 'sequence') ~= sequence then
        return 'behind'
    end
    for place = 3, #ARGV do
        local parked = redis.call('HGET', key(served, 'parked'), ARGV[place])
        if parked then redis.call('HSETNX', key(incoming, 'parked'), ARGV[place], parked) end
        redis.call('HDEL', key(served, 'parked'), ARGV[place])
    end
    redis.call('SET', KEYS[2], incoming)
    if KEYS[3] ~= KEYS[4] then redis.call('DEL', KEYS[3]) end
    redis.call('SET', KEYS[4], served)
    redis.call('DEL', KEYS[1])
    return 'done'
"""
"""What is parked moves along where the rows are about to reach it: whoever saves to what is served
has parked it and is about to pass over it. It is not kept in `previous`, too: that has to be
brought past it before it is served again."""


class Generations:
    """The generations of one read model on a server."""

    def __init__(self, valkey: Valkey, name: str) -> None:
        self._valkey = valkey
        self._keys = Keys(name)
        self.name = name

    async def served(self) -> Generation | None:
        """The one that answers; None where none was ever made. Raises `ServerUnreachableError`."""
        return await self._in("served")

    async def beside(self, place: Place) -> Generation | None:
        """The generation in a place; None where there is none."""
        return await self._in(place)

    async def parked(self) -> int:
        """How many events the served one has set aside."""
        with _spoken():
            keys = await self._generation("served")
            return 0 if keys is None else int(await self._valkey.one("HLEN", keys.parked))

    async def create(self, place: Place, *, version: int) -> str:
        """Make an empty generation; replaces what the place held. Says what its keys begin with."""
        with _spoken():
            found = await self._create(place, version)
            assert found is not None, "nothing keeps it from being made"
            await sweep(self._valkey, self._keys)
        return found.root

    async def promote(
        self, place: Place, catch_up: Callable[[int], Awaitable[Container[int]]]
    ) -> Generation:
        """Serve a generation; what was served until then is `previous`.

        Nothing can be saved to what is served from the moment that `catch_up` is given its
        sequence; it brings the generation to the same one, and says which events wait for their
        slots there. Who reads never waits, and who saves goes on with the new one where the
        versions are the same. Raises `GenerationError`, and leaves all as it was.
        """
        async with self.held() as token:
            live, found = await self.served(), await self.beside(place)
            if live is None or found is None:
                raise GenerationError(f"{self.name} has no {place} generation; rebuild it first")
            undecided = await catch_up(live.sequence)
            with _spoken():
                keys = await self._generation("served")
                assert keys is not None, "it is held"
                parked = await self._valkey.one("HKEYS", keys.parked)
                ahead = [it for it in parked if int(it) > live.sequence or int(it) in undecided]
                said = await self._valkey.run(
                    _SWAP,
                    [
                        self._keys.held,
                        self._keys.generation,
                        self._keys.generation_in(place),
                        self._keys.generation_in("previous"),
                    ],
                    token,
                    self._keys.root,
                    *ahead,
                )
            if said != b"done":
                raise GenerationError(
                    f"{self.name}: the {place} generation was not brought to sequence "
                    f"{live.sequence}, or somebody else has changed it meanwhile; try again"
                )
        with _spoken():
            await sweep(self._valkey, self._keys)
        served = await self.served()
        assert served is not None, "it is served since just now"
        return served

    @asynccontextmanager
    async def held(self) -> AsyncIterator[str]:
        """Within the block nothing is saved to what is served; whoever would save waits.

        What it yields is for `check_held`. Raises `GenerationError` where somebody else holds it.
        """
        token = secrets.token_hex(16)
        command = ("SET", self._keys.held, token, "NX", "EX", str(HELD_S_MAX))
        with _spoken():
            if not await self._valkey.one(*command):
                raise GenerationError(
                    f"{self.name} is just being compared or swapped by another program; try again"
                )
        async with self._renewed(self._keys.held, token, HELD_S_MAX):
            yield token

    async def check_held(self, token: str) -> None:
        """Raise `GenerationError` unless it has been held all the time."""
        await self._check(self._keys.held, token, HELD_S_MAX)

    @asynccontextmanager
    async def scratch(self, *, version: int) -> AsyncIterator[str]:
        """An empty generation that is thrown away after the block, one at a time.

        What it yields is for `check_scratch`. Raises `GenerationError` where there is one.
        """
        with _spoken():
            await sweep(self._valkey, self._keys)
            found = await self._create("scratch", version, str(SCRATCH_S_MAX))
        if found is None:
            raise GenerationError(
                f"{self.name} is just being compared by another program; if that has died, try "
                f"again in {SCRATCH_S_MAX} s"
            )
        generation = found.root.rpartition(":")[2]
        pointer = self._keys.generation_in("scratch")
        try:
            async with self._renewed(pointer, generation, SCRATCH_S_MAX):
                yield generation
        finally:
            with _spoken():
                await sweep(self._valkey, self._keys)

    async def check_scratch(self, generation: str) -> None:
        """Raise `GenerationError` unless it is there still."""
        await self._check(self._keys.generation_in("scratch"), generation, SCRATCH_S_MAX)

    async def keys(self, role: Role) -> GenerationKeys:
        """The keys of the generation in a role; raises `GenerationError` where there is none."""
        with _spoken():
            found = await self._generation(role)
        if found is None:
            raise GenerationError(f"{self.name} has no {role} generation")
        return found

    @asynccontextmanager
    async def _renewed(self, key: str, value: str, expires_s: int) -> AsyncIterator[None]:
        """Keep a key that expires for as long as the block runs, and remove it then."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(expires_s / RENEWALS)
                await self._valkey.run(_RENEW, [key], value, str(expires_s))

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            with _spoken():
                await self._valkey.run(_LET_GO, [key], value)

    async def _check(self, key: str, value: str, expires_s: int) -> None:
        with _spoken():
            kept = await self._valkey.run(_RENEW, [key], value, str(expires_s))
        if not kept:
            raise GenerationError(
                f"{self.name}: the server was not heard of for {expires_s} s, so others may have "
                "changed something on the way; try again"
            )

    async def _create(self, role: Role, version: int, expires: str = "") -> GenerationKeys | None:
        generation = await self._valkey.run(
            _CREATE, [self._keys.generation_in(role)], self._keys.root, str(version), expires
        )
        return None if generation is None else self._keys.of(generation.decode())

    async def _generation(self, role: Role) -> GenerationKeys | None:
        generation = await self._valkey.one("GET", self._keys.generation_in(role))
        return self._keys.of(generation) if generation else None

    async def _in(self, role: Role) -> Generation | None:
        with _spoken():
            keys = await self._generation(role)
            if keys is None:
                return None
            version, sequence, refused = await self._valkey.one(
                "HMGET", keys.checkpoint, "version", "sequence", "refused"
            )
        if not version:
            return None
        return Generation(
            name=self.name, version=int(version), sequence=int(sequence), refused=refused or None
        )


@contextmanager
def _spoken() -> Iterator[None]:
    """A server that does not answer, or refuses, is said to."""
    try:
        yield
    except ANY as error:
        raise ServerUnreachableError(str(error) or type(error).__name__) from error
