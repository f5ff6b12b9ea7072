"""The read models in memory, asked about tokens' venues."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from curvetape.testing.batch_reads import MemoryBatchReads
from curvetape.testing.reads import window_of
from projections.dollars import MINUTE_S, coin_usd
from projections.pair_reads import Asked, LastTrade, VenueFigures, VenueWindow
from projections.reads import TradeRow
from projections.windows import WINDOWS_S


class MemoryPairReads(MemoryBatchReads):
    """Fits `projections.pair_reads.PairReads`."""

    async def pair_mints(self, addresses: Sequence[str]) -> Sequence[str]:
        """The mints whose bonding curve or canonical pool is one of these, each once, sorted."""
        self._ask()
        asked = set(addresses)
        return sorted(
            mint for mint, row in self._tokens.items() if {row.bonding_curve, row.pool} & asked
        )

    async def venue_figures(
        self, asked: Sequence[Asked], *, wallets: bool = False
    ) -> Mapping[Asked, VenueFigures]:
        """What was traded in each venue up to the newest time that the tokens read model knows."""
        as_of_s = await self.newest_time_s()
        if as_of_s is None:
            return {}
        return {
            each: self._figures(each, as_of_s, wallets=wallets)
            for each in asked
            if each[0] in self._tokens
        }

    def _figures(self, asked: Asked, as_of_s: int, *, wallets: bool) -> VenueFigures:
        mint, venue = asked
        trades = [
            trade
            for trade in reversed(self._trades.get(mint, []))
            if trade.canonical
            and (trade.venue == "pool") == (venue == "pool")
            and trade.block_time_s <= as_of_s
        ]
        windows = []
        for length_s in WINDOWS_S.values():
            row = window_of(trades, length_s, as_of_s)
            value = self._value(trades, as_of_s - length_s)
            told = msgspec.structs.asdict(row)
            del told["traders"]
            if not wallets:
                del told["buyers"], told["sellers"]
            windows.append(VenueWindow(**told, value=value))
        last = None
        priced = [trade for trade in trades if trade.price is not None]
        if priced and priced[-1].price is not None:
            last = LastTrade(
                pos=priced[-1].pos,
                price=priced[-1].price,
                quote_reserves=priced[-1].quote_reserves,
                token_reserves=priced[-1].token_reserves,
            )
        return VenueFigures(as_of_s=as_of_s, windows=windows, last=last)

    def _value(self, trades: Sequence[TradeRow], start_s: int) -> Fraction | None:
        """Trades after a time, each at what the quote was worth at the last of its minute."""
        close = {trade.block_time_s // MINUTE_S: trade.pos for trade in trades}
        total = Fraction()
        for trade in trades:
            if trade.block_time_s <= start_s:
                continue
            pos = close[trade.block_time_s // MINUTE_S]
            coin = coin_usd(trade.quote_mint, self._usd(pos))
            if coin is None:
                return None
            total += trade.quote_amount * coin
        return total
