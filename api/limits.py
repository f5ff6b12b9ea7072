"""How many requests a caller may make: counted here, and by and by with all other processes."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

import msgspec

WINDOW_S = 1
SYNC_S = 0.1
"""How often processes tell each other what they counted."""
SYNC_SHARE = 0.1
"""Who has made less of its allowance than this in one process is no concern of the others."""
SYNC_CALLERS_MAX = 500
"""That are told of in one go; those who ask most come first."""
ABUSE_S = 60
"""Refusals are counted for so long."""
CALLERS_MAX = 200_000
"""Whose requests of one second are counted apart; all others share an allowance."""
OTHERS = "others"


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller may do, and what happens to one who does not listen."""

    rate: int
    """Requests a second."""
    abuse: int
    """So many refusals within a minute, and the caller is blocked."""
    block_s: int
    """For so long; 0 for never."""


class Allowed(msgspec.Struct, frozen=True, gc=False):
    """Whether a request may go on, and what its answer tells about the limit."""

    ok: bool
    limit: int
    remaining: int
    wait_s: int
    """Until there is more, whole seconds, 1 at least."""
    blocked: bool = False

    @property
    def refusal(self) -> str:
        """Why a request does not go on, for who made it."""
        wait = f"ask again in {self.wait_s} s"
        if self.blocked:
            return f"too many requests were made in spite of refusals; {wait}"
        return f"{self.limit} requests a second are answered; {wait}"


class SharedCounts(Protocol):
    """What all processes and hosts count together."""

    async def add(self, counts: Mapping[str, int], *, keep_s: int) -> Mapping[str, int]:
        """Add to the counts, each kept for `keep_s` from its first; the totals afterwards.

        What is missing of the answer could not be counted just now. Never raises for a server that
        is away.
        """
        ...


class _Count:
    """Requests of a caller in the second that is now."""

    __slots__ = ("elsewhere", "enough", "here", "told")

    def __init__(self, enough: float = 1) -> None:
        self.enough = enough
        """From so many on, others are told of them."""
        self.here = 0
        self.told = 0
        """How many of them the others know of."""
        self.elsewhere = 0


Take: TypeAlias = Callable[[], Allowed | None]
"""Counts a request of one caller, as `Limits.take` does; None where nobody counts."""
TAKE = "curvetape.take"
"""In the ASGI scope of a request: its caller's `Take`, for what comes over what it opens."""


def uncounted() -> None:
    """The `Take` where nobody counts requests."""


class Limits:
    """Counts by caller in seconds by the clock.

    Each process decides by itself, so a request never waits for a server: it knows its own count
    exactly, and the others' as of the last tenth of a second. Between two of these, N processes may
    let through N times what one would. Where nothing is shared, each counts for itself.
    """

    def __init__(
        self,
        limit: Limit,
        *,
        shared: SharedCounts | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._limit = limit
        self._shared = shared
        self._now_s = now_s
        self._second = 0
        self._counts: dict[str, _Count] = {}
        self._minute = 0
        self._refused: dict[str, _Count] = {}
        self._blocked: dict[str, float] = {}

    def take(self, caller: str, rate: int | None = None) -> Allowed:
        """Count a request; `rate` is the caller's own where it has one."""
        now_s = self._now_s()
        limit = self._limit.rate if rate is None else rate
        if self._blocked and (until_s := self._blocked.get(caller)) is not None:
            if now_s < until_s:
                return Allowed(False, limit, 0, max(1, round(until_s - now_s)), True)
            del self._blocked[caller]
        second = int(now_s)
        if second != self._second:
            self._second, self._counts = second, {}
        count = self._counts.get(caller)
        if count is None:
            if len(self._counts) >= CALLERS_MAX:
                caller = OTHERS
            count = self._counts.setdefault(caller, _Count(limit * SYNC_SHARE))
        left = limit - count.here - count.elsewhere
        if left <= 0:
            self._refuse(caller, now_s)
            return Allowed(False, limit, 0, WINDOW_S)
        count.here += 1
        return Allowed(True, limit, left - 1, WINDOW_S)

    async def run(self) -> None:
        """Tell and hear what is counted, for ever."""
        while True:
            await asyncio.sleep(SYNC_S)
            await self.sync()

    async def sync(self) -> None:
        """Tell the others what was counted here since the last time, and hear theirs."""
        if self._shared is None:
            return
        busy = sorted(
            ((caller, it) for caller, it in self._counts.items() if it.here >= it.enough),
            key=lambda each: -each[1].here,
        )[:SYNC_CALLERS_MAX]
        await self._tell({f"rate:{self._second}:{caller}": it for caller, it in busy}, WINDOW_S * 2)
        refused = list(self._refused.items())[:SYNC_CALLERS_MAX]
        await self._tell(
            {f"refused:{self._minute}:{caller}": it for caller, it in refused}, ABUSE_S
        )
        for caller, it in refused:
            self._block(caller, it)

    async def _tell(self, counts: Mapping[str, _Count], keep_s: int) -> None:
        if not counts:
            return
        assert self._shared is not None, "who calls has looked"
        told = {key: it.here for key, it in counts.items()}
        totals = await self._shared.add(
            {key: here - counts[key].told for key, here in told.items()}, keep_s=keep_s
        )
        for key, total in totals.items():
            count = counts[key]
            count.told = told[key]
            count.elsewhere = total - count.told

    def _refuse(self, caller: str, now_s: float) -> None:
        if not self._limit.block_s:
            return
        minute = int(now_s) // ABUSE_S
        if minute != self._minute:
            self._minute, self._refused = minute, {}
            self._blocked = {who: at for who, at in self._blocked.items() if at > now_s}
        count = self._refused.setdefault(caller, _Count())
        count.here += 1
        self._block(caller, count)

    def _block(self, caller: str, refused: _Count) -> None:
        if refused.here + refused.elsewhere >= self._limit.abuse and caller not in self._blocked:
            self._blocked[caller] = self._now_s() + self._limit.block_s
