"""What one request has asked for of many tokens, gathered so that each question is asked once.

Every field of every token in an answer asks for its own token only; whatever is asked before the
event loop comes round again goes to the read models as one question.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeVar

from aiodataloader import DataLoader

from api.dollars import CardCoins, card_coins
from api.representations import Ages, Token, token
from projections.batch_reads import GraphReads
from projections.dollars import Valued
from projections.holder_reads import HoldersRow
from projections.labels import Thresholds
from projections.portfolio_reads import PositionRow, TraderSort
from projections.reads import CandleRow, TokenRow, TradeRow
from projections.window_reads import TokenSums, TokenWindows

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

HOLDERS_NO = 1
"""Holders that are listed where only their totals are wanted; the store lists one at least."""


class Loaders:
    """The loaders of one request; fits `projections.dollars.DollarReads`, too."""

    def __init__(self, reads: GraphReads, thresholds: Thresholds) -> None:
        self._reads = reads
        self._thresholds = thresholds
        self._loaders: dict[Hashable, DataLoader[Any, Any]] = {}
        self._ages: Ages | None = None

    def _loader(
        self,
        of: Hashable,
        batch: Callable[[list[K]], Awaitable[Sequence[V]]],
        *,
        cache: bool = True,
    ) -> DataLoader[K, V]:
        found = self._loaders.get(of)
        if found is None:

            async def ask(keys: list[K]) -> list[V]:
                return list(await batch(keys))

            found = self._loaders[of] = DataLoader(ask, cache=cache)
        return found

    def _rows(self) -> DataLoader[str, TokenRow | None]:
        async def batch(mints: list[str]) -> Sequence[TokenRow | None]:
            found = await self._reads.tokens_of(mints)
            return [found.get(mint) for mint in mints]

        return self._loader("row", batch)

    async def row(self, mint: str) -> TokenRow | None:
        """A token's row."""
        return await self._rows().load(mint)

    async def ages(self) -> Ages:
        """What labels are told by, asked for once."""
        if self._ages is None:
            self._ages = Ages(self._thresholds, await self._reads.newest_time_s())
        return self._ages

    async def worth(self, rows: Sequence[TokenRow]) -> tuple[Ages, list[CardCoins]]:
        """What cards are made with, of rows that are there already."""
        for row in rows:
            self._rows().prime(row.mint, row)
        return await self.ages(), await card_coins(self, rows)

    async def cards(self, rows: Sequence[TokenRow]) -> list[Token]:
        """The cards of rows that are there already."""
        ages, worth = await self.worth(rows)
        cards = [token(row, ages, coin) for row, coin in zip(rows, worth, strict=True)]
        for card in cards:
            self._tokens().prime(card.mint, card)
        return cards

    def _tokens(self) -> DataLoader[str, Token | None]:
        async def batch(mints: list[str]) -> Sequence[Token | None]:
            rows = await self._rows().load_many(mints)
            cards = await self.cards([row for row in rows if row is not None])
            found = {card.mint: card for card in cards}
            return [found.get(mint) for mint in mints]

        return self._loader("token", batch)

    async def token(self, mint: str) -> Token | None:
        """A token's card."""
        return await self._tokens().load(mint)

    async def tokens(self, mints: Sequence[str]) -> list[Token | None]:
        """Each token's card."""
        return await self._tokens().load_many(mints)

    async def trades(self, mint: str, *, limit: int, before_pos: int | None) -> Sequence[TradeRow]:
        """A token's trades, newest first; those before one position are asked for together."""

        async def batch(mints: list[str]) -> Sequence[Sequence[TradeRow]]:
            found = await self._reads.trades_of(mints, limit=limit, before_pos=before_pos)
            return [found[mint] for mint in mints]

        return await self._loader(("trades", limit, before_pos), batch).load(mint)

    async def candles_from(self, *, interval_s: int) -> int | None:
        """The first second of which an interval's candles are kept; None where all are there."""

        async def batch(intervals_s: list[int]) -> Sequence[int | None]:
            found = {it: await self._reads.candles_from(interval_s=it) for it in set(intervals_s)}
            return [found[it] for it in intervals_s]

        # Nothing is kept: it is asked for behind the candles that it is told of.
        return await self._loader("candles_from", batch, cache=False).load(interval_s)

    async def candles(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int, limit: int
    ) -> Sequence[CandleRow]:
        """A token's candles, oldest first."""

        async def batch(mints: list[str]) -> Sequence[Sequence[CandleRow]]:
            found = await self._reads.candles_of(
                mints, interval_s=interval_s, from_s=from_s, to_s=to_s, limit=limit
            )
            return [found[mint] for mint in mints]

        of = ("candles", interval_s, from_s, to_s, limit)
        return await self._loader(of, batch).load(mint)

    async def windows(self, mint: str) -> TokenWindows | None:
        """A token's windows."""

        async def batch(mints: list[str]) -> Sequence[TokenWindows | None]:
            found = await self._reads.windows_of(mints)
            return [found.get(mint) for mint in mints]

        return await self._loader("windows", batch).load(mint)

    async def sums(self, mint: str) -> TokenSums | None:
        """A token's windows without their wallets."""

        async def batch(mints: list[str]) -> Sequence[TokenSums | None]:
            found = await self._reads.sums_of(mints)
            return [found.get(mint) for mint in mints]

        return await self._loader("sums", batch).load(mint)

    async def holders(self, mint: str, *, limit: int = HOLDERS_NO) -> HoldersRow | None:
        """A token's holders."""

        async def batch(mints: list[str]) -> Sequence[HoldersRow | None]:
            found = await self._reads.holders_of(mints, limit=limit)
            return [found.get(mint) for mint in mints]

        return await self._loader(("holders", limit), batch).load(mint)

    async def top_traders(
        self, mint: str, quote_mint: str, *, by: TraderSort, limit: int
    ) -> Sequence[PositionRow]:
        """The positions at the top of a token."""

        async def batch(keys: list[tuple[str, str]]) -> Sequence[Sequence[PositionRow]]:
            found = await self._reads.top_traders_of(dict(keys), by=by, limit=limit)
            return [found[of] for of, _ in keys]

        return await self._loader(("top", by, limit), batch).load((mint, quote_mint))

    async def sol_usd(self, positions: Sequence[int]) -> Sequence[Fraction | None]:
        """For each position, dollars for a SOL by the last price at or before it."""

        async def batch(asked: list[tuple[int, ...]]) -> Sequence[Sequence[Fraction | None]]:
            every = sorted({pos for each in asked for pos in each})
            found = dict(zip(every, await self._reads.sol_usd(every), strict=True))
            return [[found[pos] for pos in each] for each in asked]

        return await self._loader("sol_usd", batch).load(tuple(positions))

    async def sol_volumes(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int
    ) -> Mapping[int, Valued]:
        """What a token's minutes traded, in lamports times dollars."""

        async def batch(
            asked: list[tuple[str, int, int]],
        ) -> Sequence[Mapping[int, Valued]]:
            return await self._reads.sol_volumes_of(asked, interval_s=interval_s)

        key = (mint, from_s, to_s)
        return await self._loader(("volumes", interval_s), batch).load(key)
