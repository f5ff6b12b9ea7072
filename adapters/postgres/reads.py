"""Answers the query side from the read models' tables."""

from collections.abc import Mapping, Sequence

from adapters.postgres import horizons
from adapters.postgres.asking import INT64_MAX, Row, asking, can_be_asked, int64, rows_of
from adapters.postgres.candle_pages import starting_in
from adapters.postgres.card_rows import CARD
from adapters.postgres.dollar_reads import PostgresDollarReads
from adapters.postgres.feed_reads import PostgresFeeds
from adapters.postgres.holder_reads import PostgresHolderReads
from adapters.postgres.market_reads import PostgresMarket
from adapters.postgres.past_cards import PostgresPastCards
from adapters.postgres.past_holders import PostgresPastHolders
from adapters.postgres.past_reads import PostgresPast
from adapters.postgres.pool import Pool
from adapters.postgres.portfolio_reads import PostgresPortfolioReads
from adapters.postgres.slot_reads import PostgresSlots
from adapters.postgres.token_listing import PostgresTokenListing
from adapters.postgres.token_lists import PostgresTokenLists
from adapters.postgres.token_search import PostgresTokenSearch
from adapters.postgres.window_reads import NEWEST, PostgresWindows
from projections.holder_reads import DEFAULTS, Definitions
from projections.horizon import Horizon
from projections.reads import (
    CandleRow,
    ProjectionPosition,
    TokenRow,
    TradeRow,
)

# ruff: noqa: S608  # the program's own text only

TRADES = """
    select id, pos, block_time_s, mint, venue, pool, canonical, side, trader as user, quote_mint,
        quote_decimals, token_decimals, quote_amount, token_amount, price, quote_reserves,
        token_reserves, held_quote_reserves, held_token_reserves, supply, user_token_amount,
        user_token_balance, layout
    from trades where mint = $1 and pos < $2 order by pos desc limit $3
"""

CANDLES = f"""
    select start_s, open_pos, open, high_pos, high, low_pos, low, close_pos, close, volume_quote,
        volume_quote_buy, volume_token, buys, sells
    from {starting_in("$2", "$3", "$4", mint="$1")} as candles
    order by start_s desc limit $5
"""

_TRADERS = f"""
    select candles.start_s, count(distinct trader) as traders
    from {starting_in("$2", "$3", "$4", mint="$1")} as candles
    join trades on trades.mint = candles.mint
        and pos between open_pos and close_pos
        and block_time_s between start_s and start_s + interval_s - 1
        and canonical and trades.price is not null
    group by 1
"""

_POSITIONS = "select name, version, sequence, reread_after from checkpoints order by name"


class PostgresReads(
    PostgresFeeds,
    PostgresTokenLists,
    PostgresTokenListing,
    PostgresMarket,
    PostgresSlots,
    PostgresPast,
    PostgresPastCards,
    PostgresWindows,
    PostgresPortfolioReads,
    PostgresHolderReads,
    PostgresPastHolders,
    PostgresTokenSearch,
    PostgresDollarReads,
):
    """The port `projections.reads.Reads` on a pool whose statements have a short timeout."""

    def __init__(self, pool: Pool, *, definitions: Definitions = DEFAULTS) -> None:
        """`definitions` say who among a token's holders counts as what."""
        super().__init__(pool)
        self._definitions = definitions

    async def token(self, mint: str) -> TokenRow | None:
        """The token's card, None for a mint that the log does not know."""
        rows = await self._fetch(TokenRow, f"{CARD} where mint = $1", mint)
        return rows[0] if rows else None

    async def newest_time_s(self) -> int | None:
        """The time of the last trade on the chain or of the newest launch, whichever is later."""
        async with asking(self._pool) as connection:
            newest: int | None = await connection.fetchval(NEWEST)
        return newest

    async def trades_horizon(self) -> Horizon | None:
        """Where trades begin; None where all that the log has are there."""
        async with asking(self._pool) as connection:
            return await horizons.trades_horizon(connection)

    async def trades(
        self, mint: str, *, limit: int, before_pos: int | None = None
    ) -> Sequence[TradeRow]:
        """A token's trades, newest first, before a position if one is given."""
        before = INT64_MAX if before_pos is None else before_pos
        return await self._fetch(TradeRow, TRADES, mint, int64(before), limit)

    async def candles(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int, limit: int
    ) -> Sequence[CandleRow]:
        """Candles that start in [from_s, to_s), oldest first, at most the last `limit`."""
        rows = await self._fetch(
            CandleRow, CANDLES, mint, interval_s, int64(from_s), int64(to_s), limit
        )
        return rows[::-1]

    async def candles_from(self, *, interval_s: int) -> int | None:
        """The first second of which an interval's candles are kept; None where all are there."""
        async with asking(self._pool) as connection:
            return await horizons.kept_from(connection, interval_s)

    async def traders(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int
    ) -> Mapping[int, int]:
        """How many different wallets traded in each candle that starts in [from_s, to_s)."""
        if not can_be_asked(mint):
            return {}
        async with asking(self._pool) as connection:
            rows = await connection.fetch(_TRADERS, mint, interval_s, int64(from_s), int64(to_s))
        return {row["start_s"]: row["traders"] for row in rows}

    async def positions(self) -> Sequence[ProjectionPosition]:
        """Every read model's position, by name."""
        return await self._fetch(ProjectionPosition, _POSITIONS)

    async def _fetch(self, row: type[Row], sql: str, *arguments: object) -> list[Row]:
        if not can_be_asked(*arguments):
            return []
        async with asking(self._pool) as connection:
            return await rows_of(connection, row, sql, *arguments)
