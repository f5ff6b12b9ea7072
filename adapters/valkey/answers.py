"""Answers of the API that its processes have in common, for a short while."""

import asyncio
import hashlib
import time
from typing import Any, Self

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from adapters.valkey.errors import ANY, ServerAddressError

PREFIX = b"curvetape:answers:"
KEEP_S = 60
"""An answer outlives its position seldom: who asks for it takes none that is older than known."""
ANSWER_TIMEOUT_S = 0.05
"""Whoever waits longer had better ask the database."""
PAUSE_S = 2.0
"""For so long a server that failed is not asked again."""
CONNECTIONS_MAX = 8
BYTES_MAX = 1 << 20
"""Larger ones are kept by the process that made them."""


class ValkeyAnswers:
    """The port `api.cache.SharedAnswers`; a server that is away has nothing."""

    def __init__(self, client: Redis, scope: str) -> None:
        self._client = client
        self._scope = scope.encode()
        self._asked_after_s = 0.0

    @classmethod
    def at(cls, url: str, *, scope: str) -> Self:
        """The Redis or Valkey at `url`, for all who answer the same: those of one `scope`.

        Raises `ServerAddressError`.
        """
        try:
            pool: Any = BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS_MAX,
                timeout=ANSWER_TIMEOUT_S,
                socket_connect_timeout=ANSWER_TIMEOUT_S,
                socket_timeout=None,  # see `adapters.valkey.client`
                client_name="curvetape-serve",
                protocol=2,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise ServerAddressError(url, str(error)) from error
        return cls(Redis.from_pool(pool), scope)

    async def get(self, key: bytes) -> bytes | None:
        """What was put there; None for what is not there and where it cannot be asked in time."""
        found = await self._command("GET", self._key(key))
        return found if isinstance(found, bytes) else None

    async def put(self, key: bytes, kept: bytes) -> None:
        """Have it for a minute; does nothing where it cannot be."""
        if len(kept) <= BYTES_MAX:
            await self._command("SET", self._key(key), kept, "EX", str(KEEP_S))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _command(self, *command: bytes | str) -> Any:
        if time.monotonic() < self._asked_after_s:
            return None
        run: Any = self._client.execute_command  # it has no types of its own
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await run(*command)
        except ANY:
            self._asked_after_s = time.monotonic() + PAUSE_S
            return None

    def _key(self, key: bytes) -> bytes:
        return PREFIX + hashlib.sha256(self._scope + b"\0" + key).digest()
