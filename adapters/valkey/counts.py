"""Requests counted by all processes and hosts together, by the library `limits`."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Self

from limits.aio.storage import RedisStorage
from valkey.exceptions import ValkeyError

from adapters.valkey.errors import ServerAddressError

PREFIX = "curvetape:limits"
ANSWER_TIMEOUT_S = 0.25
PAUSE_S = 2.0
"""For so long a server that failed is not asked again."""
AT_ONCE_MAX = 50


class ValkeyCounts:
    """The port `api.limits.SharedCounts`; one that is away counts nothing, and stops nobody."""

    def __init__(self, storage: RedisStorage) -> None:
        self._storage = storage
        self._asked_after_s = 0.0

    @classmethod
    def at(cls, url: str) -> Self:
        """The Redis or Valkey at `url`; raises `ServerAddressError`."""
        try:
            storage = RedisStorage(
                f"async+{url}",
                implementation="valkey",
                key_prefix=PREFIX,
                socket_connect_timeout=ANSWER_TIMEOUT_S,
                max_connections=AT_ONCE_MAX,
            )
        except ValueError as error:
            raise ServerAddressError(url, str(error)) from error
        return cls(storage)

    async def add(self, counts: Mapping[str, int], *, keep_s: int) -> Mapping[str, int]:
        """Add to the counts and say how high they are; what could not be counted is left out."""
        totals: dict[str, int] = {}
        if time.monotonic() < self._asked_after_s:
            return totals
        keys = list(counts)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                for start in range(0, len(keys), AT_ONCE_MAX):
                    asked = keys[start : start + AT_ONCE_MAX]
                    adding = (self._storage.incr(key, keep_s, counts[key]) for key in asked)
                    totals.update(zip(asked, await asyncio.gather(*adding), strict=True))
        except (ValkeyError, OSError):
            self._asked_after_s = time.monotonic() + PAUSE_S
        return totals

    async def close(self) -> None:
        """Close all connections."""
        bridge: Any = self._storage.bridge  # which has no type for its client
        await bridge.storage.aclose()
