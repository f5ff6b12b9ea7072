"""What the query side may ask about the whole market."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from projections.windows import Window


class MarketWindow(msgspec.Struct, frozen=True, kw_only=True):
    """What all tokens did in a window; buys, sells and volumes by the trades that made a candle."""

    window: Window
    tokens: int
    """How many traded, whether or not that made a candle."""
    buys: int
    sells: int
    volume_lamports: int
    """Of the tokens that trade for SOL, native or wrapped."""
    volume_usdc_amount: int
    """Of those that trade for USDC, in its smallest unit."""
    launches: int
    graduations: int


class MarketRow(msgspec.Struct, frozen=True, kw_only=True):
    """The market's windows, as `projections.windows.span_at` cuts them at a time."""

    at_s: int
    windows: Sequence[MarketWindow]
    tokens: int
    """Tokens that are listed."""
    graduated: int


class MarketReads(Protocol):
    """The candles and tokens read models, summed up."""

    async def market(self) -> MarketRow | None:
        """The market at the newest time that the tokens read model knows; None before all."""
        ...
