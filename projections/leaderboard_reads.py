"""What the query side may ask of the leaderboards."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from projections.ranking import Ranking, Standing
from projections.reads import PositionReads, ProjectionPosition, ReadsUnavailableError, TokenRow
from projections.windows import Window

BOARD_LIMIT_MAX = 1_000
NEVER_BEHIND = (1 << 63) - 1


class Point(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A minute in which the token traded."""

    start_s: int
    price: float | None
    """The last one of the minute; None where no trade of it made a price."""
    volume_quote: int
    buys: int
    sells: int


class LeaderboardReads(Protocol):
    """The leaderboards read model; everything may raise `projections.reads.ReadsUnavailableError`.

    Who asks says what time it is, in seconds since 1970. That is what moves windows on: a token
    that no longer trades falls out of them without an event.
    """

    async def board(
        self, ranking: Ranking, window: Window, *, at_s: int, limit: int, offset: int = 0
    ) -> Sequence[Standing]:
        """The tokens of the window by descending value, then by mint.

        At most `BOARD_LIMIT_MAX` of them. Tokens of which the value is not known are left out.
        """
        ...

    async def snapshot(self, mint: str) -> TokenRow | None:
        """The token as it is now, None for a mint that the log does not know."""
        ...

    async def snapshots(self, mints: Sequence[str]) -> Mapping[str, TokenRow]:
        """The tokens as they are now, by mint; those that the log does not know are left out."""
        ...

    async def position(self) -> ProjectionPosition | None:
        """How far the read model is; None before it has begun."""
        ...

    async def points(self, mint: str, *, at_s: int) -> Sequence[Point]:
        """The token's minutes of the last 24 hours, oldest first."""
        ...


class Unkept:
    """Fits `LeaderboardReads` where no leaderboards are kept."""

    async def board(
        self, ranking: Ranking, window: Window, *, at_s: int, limit: int, offset: int = 0
    ) -> Sequence[Standing]:
        """Raises `NotKeptError`."""
        raise NotKeptError

    async def snapshot(self, mint: str) -> TokenRow | None:
        """Raises `NotKeptError`."""
        raise NotKeptError

    async def snapshots(self, mints: Sequence[str]) -> Mapping[str, TokenRow]:
        """Raises `NotKeptError`."""
        raise NotKeptError

    async def position(self) -> ProjectionPosition | None:
        """It keeps nobody waiting: what is nowhere is never behind."""
        return ProjectionPosition(
            name="leaderboards", version=0, sequence=NEVER_BEHIND, reread_after=NEVER_BEHIND
        )

    async def points(self, mint: str, *, at_s: int) -> Sequence[Point]:
        """Raises `NotKeptError`."""
        raise NotKeptError


class NotKeptError(Exception):
    """There are no leaderboards here; they need a Redis or Valkey."""


class WithLeaderboards:
    """The positions of all read models, those of the leaderboards among them."""

    def __init__(self, reads: PositionReads, leaderboards: LeaderboardReads) -> None:
        self._reads = reads
        self._leaderboards = leaderboards

    async def positions(self) -> Sequence[ProjectionPosition]:
        """Every read model's position; leaderboards are left out while they do not answer."""
        try:
            position = await self._leaderboards.position()
        except ReadsUnavailableError:
            position = None  # every other question can be answered; a board says why not
        found = await self._reads.positions()
        return [*found, position] if position is not None else found
