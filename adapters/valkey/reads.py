"""Answers the query side's questions about leaderboards."""

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar

from adapters.valkey.boards import BoardContestedError, Boards
from adapters.valkey.client import Valkey
from adapters.valkey.errors import ANY
from adapters.valkey.keys import GenerationKeys, Keys
from adapters.valkey.values import change, placed
from projections.buckets import MINUTE_S
from projections.cards import card
from projections.leaderboard_reads import BOARD_LIMIT_MAX, Point
from projections.leaderboards import Leaderboards
from projections.ranking import Ranking, Standing
from projections.reads import ProjectionPosition, ReadsUnavailableError, TokenRow
from projections.windows import Window, span_at

POSITION_TIMEOUT_S = 0.5
"""Whoever asks for anything waits for it."""
PAUSE_S = 2.0
"""For so long a server that did not tell its position is not asked for it again."""

T = TypeVar("T")


class ValkeyLeaderboards:
    """The port `projections.leaderboard_reads.LeaderboardReads`."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey
        self._keys = Keys(Leaderboards.name)
        self._boards = Boards(valkey)
        self._asked_after_s = 0.0

    async def board(
        self, ranking: Ranking, window: Window, *, at_s: int, limit: int, offset: int = 0
    ) -> Sequence[Standing]:
        """The tokens of the window by descending value, then by mint."""
        assert 1 <= limit <= BOARD_LIMIT_MAX, "a page is bounded"
        assert offset >= 0, "the first is at 0"
        return await _answered(
            self._boards.page(ranking, window, at_s=at_s, limit=limit, offset=offset)
        )

    async def snapshot(self, mint: str) -> TokenRow | None:
        """The token as it is now, None for a mint that the log does not know."""
        return await _answered(self._snapshot(mint))

    async def snapshots(self, mints: Sequence[str]) -> Mapping[str, TokenRow]:
        """The tokens as they are now, by mint; those that the log does not know are left out."""
        return await _answered(self._snapshots(mints)) if mints else {}

    async def position(self) -> ProjectionPosition | None:
        """How far the read model is; None before it has begun."""
        if time.monotonic() < self._asked_after_s:
            raise ReadsUnavailableError("the server did not tell a moment ago")
        try:
            async with asyncio.timeout(POSITION_TIMEOUT_S):
                return await self._position()
        except ANY as error:
            self._asked_after_s = time.monotonic() + PAUSE_S
            raise ReadsUnavailableError(str(error)) from error

    async def points(self, mint: str, *, at_s: int) -> Sequence[Point]:
        """The token's minutes of the last 24 hours, oldest first."""
        return await _answered(self._points(mint, at_s))

    async def _snapshot(self, mint: str) -> TokenRow | None:
        keys = await self._served()
        said = keys and await self._valkey.one("HGET", keys.cards, mint)
        return card(mint, change(said)) if said else None

    async def _snapshots(self, mints: Sequence[str]) -> Mapping[str, TokenRow]:
        if (keys := await self._served()) is None:
            return {}
        said = await self._valkey.one("HMGET", keys.cards, *mints)
        return {mint: card(mint, change(it)) for mint, it in zip(mints, said, strict=True) if it}

    async def _position(self) -> ProjectionPosition | None:
        if (keys := await self._served()) is None:
            return None
        found = await self._valkey.one(
            "HMGET", keys.checkpoint, "version", "sequence", "reread_after"
        )
        if not all(found):
            return None
        version, sequence, reread_after = map(int, found)
        return ProjectionPosition(
            name=Leaderboards.name, version=version, sequence=sequence, reread_after=reread_after
        )

    async def _points(self, mint: str, at_s: int) -> Sequence[Point]:
        keys, span = await self._served(), span_at("24h", at_s)
        if keys is None:
            return []
        found = await self._valkey.one(
            "ZRANGEBYSCORE", keys.buckets(MINUTE_S, mint), str(span.from_s), f"({span.to_s}"
        )
        return [
            Point(
                start_s=each.start_s,
                price=each.bucket.last,
                volume_quote=each.bucket.volume_quote,
                buys=each.bucket.buys,
                sells=each.bucket.sells,
            )
            for each in map(placed, found)
        ]

    async def _served(self) -> GenerationKeys | None:
        generation = await self._valkey.one("GET", self._keys.generation)
        return self._keys.of(generation) if generation else None


async def _answered(question: Awaitable[T]) -> T:
    try:
        return await question
    except (*ANY, BoardContestedError) as error:
        raise ReadsUnavailableError(str(error)) from error
