"""What the query side may ask of several tokens at once, for answers that show many of them.

Each takes any number of mints, each once, and asks the store a fixed number of questions. A mint
that the read model does not know has an empty answer, or none.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from projections.dollars import Valued
from projections.feed_reads import QueryReads
from projections.holder_reads import HoldersRow
from projections.portfolio_reads import PositionRow, TraderSort
from projections.reads import CandleRow, TokenRow, TradeRow
from projections.window_reads import TokenSums, TokenWindows


class BatchReads(Protocol):
    """The same as the reads of one token; may raise `projections.reads.ReadsUnavailableError`."""

    async def tokens_of(self, mints: Sequence[str]) -> Mapping[str, TokenRow]:
        """The cards of the tokens that are known."""
        ...

    async def trades_of(
        self, mints: Sequence[str], *, limit: int, before_pos: int | None = None
    ) -> Mapping[str, Sequence[TradeRow]]:
        """Each token's trades, newest first, before a position if one is given."""
        ...

    async def candles_of(
        self, mints: Sequence[str], *, interval_s: int, from_s: int, to_s: int, limit: int
    ) -> Mapping[str, Sequence[CandleRow]]:
        """Each token's last `limit` candles that start in [from_s, to_s), oldest first."""
        ...

    async def windows_of(self, mints: Sequence[str]) -> Mapping[str, TokenWindows]:
        """Each token's windows up to the newest time that the tokens read model knows."""
        ...

    async def sums_of(self, mints: Sequence[str]) -> Mapping[str, TokenSums]:
        """The same without the wallets that traded."""
        ...

    async def holders_of(self, mints: Sequence[str], *, limit: int) -> Mapping[str, HoldersRow]:
        """Who holds each token, the `limit` largest of them."""
        ...

    async def top_traders_of(
        self, quote_mints: Mapping[str, str], *, by: TraderSort, limit: int
    ) -> Mapping[str, Sequence[PositionRow]]:
        """The positions at the top of each token, by trades for the quote mint given for it."""
        ...

    async def sol_volumes_of(
        self, asked: Sequence[tuple[str, int, int]], *, interval_s: int
    ) -> Sequence[Mapping[int, Valued]]:
        """For each mint with its [from_s, to_s), `DollarReads.sol_volumes`."""
        ...


class GraphReads(QueryReads, BatchReads, Protocol):
    """All that GraphQL asks."""
