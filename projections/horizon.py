"""From where on a read model's rows are kept."""

from typing import Protocol

import msgspec


class Horizon(msgspec.Struct, frozen=True, kw_only=True):
    """Where a read model's rows begin, since older ones were let go of on purpose."""

    pos: int
    """Rows of lower positions may be gone."""
    complete_from_s: int
    """All rows from this second on are there."""


class CandleHorizons(Protocol):
    """Where candles begin, each interval at its own time."""

    async def candles_from(self, *, interval_s: int) -> int | None:
        """The first second of which an interval's candles are kept; None where all are there."""
        ...
