"""What the query side may ask about launches, graduations and who made them."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from projections.market_reads import MarketReads
from projections.past_reads import PastReads
from projections.reads import Page, Reads, TokenRow
from projections.slot_reads import SlotReads
from projections.token_lists import TokenLists


class LaunchRow(TokenRow, frozen=True, kw_only=True, gc=False):
    """A launch, with the token's card as it is now.

    The initial buys are those of who launched it or of its creator, in the launch's own
    transaction; amounts are without fees, and 0 where there were none.
    """

    created_user: str | None
    initial_buys: int
    initial_buy_quote_amount: int
    initial_buy_token_amount: int


class GraduationRow(TokenRow, frozen=True, kw_only=True, gc=False):
    """A migration to the canonical pool, with the token's card as it is now."""

    graduated_pos: int
    graduated_pool: str
    graduated_token_amount: int
    graduated_quote_amount: int
    graduated_fee_amount: int

    @property
    def seconds_to_graduation(self) -> int | None:
        """From launch to migration; None where the launch is not in the log."""
        if self.created_time_s is None or self.graduated_time_s is None:
            return None
        return self.graduated_time_s - self.created_time_s


class CreatorRow(msgspec.Struct, frozen=True, kw_only=True):
    """How many tokens name an address as their creator, and how many of them graduated."""

    launches: int
    graduations: int


class FeedReads(Protocol):
    """Lists over the tokens read model; `before_pos` goes on behind the last row of a page."""

    async def launches(self, *, limit: int, before_pos: int | None = None) -> Sequence[LaunchRow]:
        """Launches, newest first."""
        ...

    async def graduations(
        self, *, limit: int, before_pos: int | None = None
    ) -> Sequence[GraduationRow]:
        """Migrations that the log holds, newest first."""
        ...

    async def about_to_graduate(self, *, progress_min: float, page: Page) -> Sequence[TokenRow]:
        """Tokens that have not graduated by descending progress, then by mint.

        `progress_min` is `projections.labels.PROGRESS_MIN` or more.
        """
        ...

    async def creator(self, address: str) -> CreatorRow:
        """What an address has made; zeros for one that is no token's creator."""
        ...

    async def created_by(
        self, address: str, *, limit: int, before_pos: int | None = None
    ) -> Sequence[TokenRow]:
        """The tokens that name the address as their creator, newest first."""
        ...


class QueryReads(Reads, FeedReads, TokenLists, MarketReads, SlotReads, PastReads, Protocol):
    """All that the API asks; everything may raise `ReadsUnavailableError`."""
