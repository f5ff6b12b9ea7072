"""What the query side may ask about the past: read models as they were at a position."""

from collections.abc import Sequence
from typing import Protocol

from projections.reads import CandleRow


class PastReads(Protocol):
    """The candles and trades read models, as they would be had the chain ended there."""

    async def candles_until(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int, limit: int, pos: int
    ) -> Sequence[CandleRow]:
        """Candles that start in [from_s, to_s), of the trades up to a position, oldest first.

        At most the last `limit`. A candle that trades behind the position are part of is folded
        anew from those before, for which the trades read model has to have them all.
        """
        ...
