"""What the query side may ask about the past: read models as they were at a position."""

from collections.abc import Collection, Sequence
from typing import Protocol

from projections.horizon import Horizon
from projections.reads import CandleRow, TokenRow


class PastCards(Protocol):
    """The tokens read model, with what trades say about its past."""

    async def token_until(self, mint: str, *, pos: int) -> TokenRow | Horizon | None:
        """The card as it would be had the chain ended there; None where nothing names the mint.

        A description and a mint's decimals are those that are known now. Where trades that the
        card would have to be put together from were let go of, it is where they begin.
        """
        ...


class PastReads(PastCards, Protocol):
    """The candles and trades read models, as they would be had the chain ended there."""

    async def set_aside(self, mint: str) -> Collection[str]:
        """The read models that passed events of a token, or of none, without applying them."""
        ...

    async def candles_until(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int, limit: int, pos: int
    ) -> Sequence[CandleRow]:
        """Candles that start in [from_s, to_s), of the trades up to a position, oldest first.

        At most the last `limit`. A candle that trades behind the position are part of is folded
        anew from those before, for which the trades read model has to have them all.
        """
        ...
