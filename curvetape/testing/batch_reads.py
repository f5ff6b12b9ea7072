"""The read models in memory, asked about several tokens at once."""

from collections.abc import Mapping, Sequence

from curvetape.testing.reads import MemoryReads
from projections.dollars import Valued
from projections.holder_reads import HoldersRow
from projections.portfolio_reads import PositionRow, TraderSort
from projections.reads import CandleRow, TokenRow, TradeRow
from projections.window_reads import SumsRow, TokenSums, TokenWindows


class MemoryBatchReads(MemoryReads):
    """Fits `projections.batch_reads.GraphReads`: each answer is the one of one token."""

    async def tokens_of(self, mints: Sequence[str]) -> Mapping[str, TokenRow]:
        """The cards of the tokens that are known."""
        found = {mint: await self.token(mint) for mint in mints}
        return {mint: row for mint, row in found.items() if row is not None}

    async def trades_of(
        self, mints: Sequence[str], *, limit: int, before_pos: int | None = None
    ) -> Mapping[str, Sequence[TradeRow]]:
        """Each token's trades, newest first, before a position if one is given."""
        return {mint: await self.trades(mint, limit=limit, before_pos=before_pos) for mint in mints}

    async def candles_of(
        self, mints: Sequence[str], *, interval_s: int, from_s: int, to_s: int, limit: int
    ) -> Mapping[str, Sequence[CandleRow]]:
        """Each token's last `limit` candles that start in [from_s, to_s), oldest first."""
        return {
            mint: await self.candles(
                mint, interval_s=interval_s, from_s=from_s, to_s=to_s, limit=limit
            )
            for mint in mints
        }

    async def windows_of(self, mints: Sequence[str]) -> Mapping[str, TokenWindows]:
        """Each token's windows up to the newest time that the tokens read model knows."""
        found = {mint: await self.windows(mint) for mint in mints}
        return {mint: windows for mint, windows in found.items() if windows is not None}

    async def sums_of(self, mints: Sequence[str]) -> Mapping[str, TokenSums]:
        """The same without the wallets that traded."""
        names = SumsRow.__struct_fields__
        return {
            mint: TokenSums(
                as_of_s=of.as_of_s,
                rows=[SumsRow(**{name: getattr(row, name) for name in names}) for row in of.rows],
            )
            for mint, of in (await self.windows_of(mints)).items()
        }

    async def holders_of(self, mints: Sequence[str], *, limit: int) -> Mapping[str, HoldersRow]:
        """Who holds each token, the `limit` largest of them."""
        return {mint: await self.holders(mint, limit=limit) for mint in mints}

    async def top_traders_of(
        self, quote_mints: Mapping[str, str], *, by: TraderSort, limit: int
    ) -> Mapping[str, Sequence[PositionRow]]:
        """The positions at the top of each token, by trades for the quote mint given for it."""
        return {
            mint: await self.top_traders(mint, quote_mint=quote_mint, by=by, limit=limit)
            for mint, quote_mint in quote_mints.items()
        }

    async def sol_volumes_of(
        self, asked: Sequence[tuple[str, int, int]], *, interval_s: int
    ) -> Sequence[Mapping[int, Valued]]:
        """For each mint with its [from_s, to_s), `DollarReads.sol_volumes`."""
        return [
            await self.sol_volumes(mint, interval_s=interval_s, from_s=from_s, to_s=to_s)
            for mint, from_s, to_s in asked
        ]
