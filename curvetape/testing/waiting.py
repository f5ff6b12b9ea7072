"""Waiting for what another process does, for a bounded time."""

import asyncio
from collections.abc import Awaitable, Callable

POLL_WAIT_S = 0.02


async def until(holds: Callable[[], Awaitable[bool]], *, wait_s_max: float = 10.0) -> None:
    """Return once `holds()` is true; raises `TimeoutError` after `wait_s_max`."""
    async with asyncio.timeout(wait_s_max):
        while not await holds():  # noqa: ASYNC110  # another process sets no event of ours
            await asyncio.sleep(POLL_WAIT_S)
