"""What stands before the API: who asks, how often, and answers that are kept."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec

from adapters.valkey.answers import ValkeyAnswers
from adapters.valkey.counts import ValkeyCounts
from api.cache import Cache, SharedAnswers
from api.edition import VERSION, Editions
from api.gate import Gate
from api.identity import Identities, KeysError, read_keys, read_networks
from api.limits import Limit, Limits, SharedCounts
from api.ready import AtOnce
from curvetape.config import PREFIX, Settings, SettingsError

_SHAPING = (
    "postgres_dsn",
    "meili_url",
    "api_cors_origins",
    "graphql_",
    "label_",
    "sniper_",
    "bundle_",
    "insider_",
)
"""Settings by which answers differ: processes that differ in them, or in version, share none."""


class Fronting(msgspec.Struct, frozen=True):
    """The parts that one process has once."""

    cache: Cache
    identities: Identities
    limits: Limits | None
    hsts_s: int

    def gate(self, app: Any, origins: Sequence[str], kept: AtOnce) -> Gate:
        """The outermost application; `kept` tells what of `app` is ready."""
        return Gate(
            app, self.identities, self.limits, origins=origins, hsts_s=self.hsts_s, kept=kept
        )

    async def run(self) -> None:
        """What goes on beside requests, for ever."""
        if self.limits is None:
            await asyncio.Event().wait()
        else:
            await self.limits.run()


@asynccontextmanager
async def fronting(settings: Settings, editions: Editions) -> AsyncIterator[Fronting]:
    """As it is set; shared with other processes where there is a Redis or Valkey.

    Raises `SettingsError` and `ServerAddressError`.
    """
    identities = identities_of(settings)
    async with AsyncExitStack() as stack:
        answers: SharedAnswers | None = None
        counts: SharedCounts | None = None
        if settings.redis_url is not None:
            if settings.api_cache_mb:
                answers = shared = ValkeyAnswers.at(settings.redis_url, scope=scope_of(settings))
                stack.push_async_callback(shared.close)
            if settings.api_rate:
                counts = counted = ValkeyCounts.at(settings.redis_url)
                stack.push_async_callback(counted.close)
        cache = Cache(editions, bytes_max=settings.api_cache_mb << 20, shared=answers)
        stack.push_async_callback(cache.close)
        yield Fronting(cache, identities, limits_of(settings, counts), settings.api_hsts_s)


def identities_of(settings: Settings) -> Identities:
    """Who is let in; raises `SettingsError`."""
    try:
        keys = read_keys(settings.api_keys or "")
    except KeysError as error:
        raise SettingsError(f"{PREFIX}API_KEYS", "…", str(error)) from error
    try:
        proxies = read_networks(settings.api_proxies or "")
    except ValueError as error:
        named = settings.api_proxies or ""
        raise SettingsError(f"{PREFIX}API_PROXIES", named, str(error)) from error
    if settings.api_access == "key-only" and not keys:
        reason = "nobody could ask; make a key with `curvetape key` and set CURVETAPE_API_KEYS"
        raise SettingsError(f"{PREFIX}API_ACCESS", settings.api_access, reason)
    return Identities(access=settings.api_access, keys=keys, proxies=proxies)


def limits_of(settings: Settings, shared: SharedCounts | None = None) -> Limits | None:
    """How often one may ask; None where everyone may as often as they like."""
    if not settings.api_rate:
        return None
    limit = Limit(rate=settings.api_rate, abuse=settings.api_abuse, block_s=settings.api_block_s)
    return Limits(limit, shared=shared)


def scope_of(settings: Settings) -> str:
    """The same for those processes that would answer the same."""
    shaping = {
        field: value
        for field, value in msgspec.structs.asdict(settings).items()
        if field.startswith(_SHAPING)
    }
    shaping["version"] = VERSION  # of which each may answer in a shape of its own
    return hashlib.sha256(msgspec.json.encode(shaping, order="sorted")).hexdigest()
