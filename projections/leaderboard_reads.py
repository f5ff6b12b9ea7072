"""What the query side may ask of the leaderboards."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from projections.ranking import Ranking, Standing
from projections.reads import TokenRow
from projections.windows import Window

BOARD_LIMIT_MAX = 1_000


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

    async def points(self, mint: str, *, at_s: int) -> Sequence[Point]:
        """The token's minutes of the last 24 hours, oldest first."""
        ...
