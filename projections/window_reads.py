"""What a token did lately, and what the query side may ask about it."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from projections.windows import WINDOW_S_MAX, WINDOWS_S

BACKWARD_S_MAX = 600
"""The chain's clock may go back by so much from one block to the next without a trade being missed;
trades are looked for by their positions, which say only about when they happened."""
REACH_S = WINDOW_S_MAX + BACKWARD_S_MAX


class SumsRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The trades that count for the token's card in the `length_s` seconds up to a time.

    Volumes are quote units.
    """

    length_s: int
    trades: int
    buys: int
    sells: int
    volume_quote: int
    buy_volume_quote: int
    sell_volume_quote: int
    opening_price: float | None
    """After the last trade before the window, or after the token's first where none was before."""
    since_first_trade: bool
    """Whether the token first traded within the window, and so the opening price is from there."""
    closing_price: float | None
    """After the last trade, in the window or before it."""

    @property
    def price_change(self) -> float | None:
        """The closing price over the opening one, less one; None while no trade made a price."""
        if self.opening_price is None or self.closing_price is None:
            return None
        return self.closing_price / self.opening_price - 1.0


class WindowRow(SumsRow, frozen=True, kw_only=True, gc=False):
    """The same with the wallets, each once: one that bought and sold is in all three counts."""

    traders: int
    buyers: int
    sellers: int


class TokenSums(msgspec.Struct, frozen=True, kw_only=True):
    """A token's windows without their wallets, which are costly to count."""

    as_of_s: int
    rows: Sequence[SumsRow]


class TokenWindows(msgspec.Struct, frozen=True, kw_only=True):
    """A token's windows up to one time, as in `WINDOWS_S`; the one of an hour holds that of 5m."""

    as_of_s: int
    rows: Sequence[WindowRow]


class WindowReads(Protocol):
    """The trades read model, summed up."""

    async def windows(
        self, mint: str, *, as_of_s: int | None = None, pos: int | None = None
    ) -> TokenWindows | None:
        """What was traded in (as_of_s - length, as_of_s], counted when it is asked.

        With a position, of the trades up to there. Without a time it is the
        tokens read model's newest, None where that knows none.
        """
        ...


LENGTHS_S = list(WINDOWS_S.values())
