"""Answers the query side from the read models' tables."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from adapters.postgres.asking import INT64_MAX, Row, asking, can_be_asked, int64, rows_of
from adapters.postgres.card_rows import CARD
from adapters.postgres.dollar_reads import PostgresDollarReads
from adapters.postgres.feed_reads import PostgresFeeds
from adapters.postgres.holder_reads import PostgresHolderReads
from adapters.postgres.pool import Pool
from adapters.postgres.portfolio_reads import PostgresPortfolioReads
from adapters.postgres.token_search import PostgresTokenSearch
from adapters.postgres.window_reads import NEWEST, PostgresWindows
from projections.holder_reads import DEFAULTS, Definitions
from projections.reads import (
    CandleRow,
    Page,
    ProjectionPosition,
    TokenRow,
    TokenSort,
    TokenState,
    TradeRow,
)

_SORTED_BY: dict[TokenSort, tuple[str, str]] = {
    "last_trade": ("coalesce(last_trade_pos, -1)", "bigint"),
    "created": ("coalesce(created_time_s, -1)", "bigint"),
    "market_cap": (
        "case when for_sol then coalesce(market_cap, -1) else -1 end",
        "double precision",
    ),
    "volume": ("case when for_sol then volume_quote else -1 end", "numeric"),
    "trades": ("trades", "bigint"),
}
"""What each sort order compares, written exactly as its index has it, and its type."""


def _list_of(value: str, kind: str, *, behind: bool) -> str:
    # `<=` alone bounds the scan of the index; the rest settles equal values.
    after = f"and {value} <= $3::{kind} and ({value} < $3::{kind} or mint > $4)"
    return f"""
        {CARD} where listed and ($1::text is null or state = $1) {after if behind else ""}
        order by {value} desc, mint limit $2
    """


_FIRST_PAGE = {
    sort: _list_of(value, kind, behind=False) for sort, (value, kind) in _SORTED_BY.items()
}
_NEXT_PAGE = {
    sort: _list_of(value, kind, behind=True) for sort, (value, kind) in _SORTED_BY.items()
}

_TRADES = """
    select id, pos, block_time_s, mint, venue, pool, canonical, side, trader as user, quote_mint,
        quote_decimals, token_decimals, quote_amount, token_amount, price, quote_reserves,
        token_reserves, layout
    from trades where mint = $1 and pos < $2 order by pos desc limit $3
"""

_CANDLES = """
    select start_s, open_pos, open, high_pos, high, low_pos, low, close_pos, close, volume_quote,
        volume_quote_buy, volume_token, buys, sells
    from candles where mint = $1 and interval_s = $2 and start_s >= $3 and start_s < $4
    order by start_s desc limit $5
"""

_TRADERS = """
    select candles.start_s, count(distinct trader) as traders
    from candles join trades on trades.mint = candles.mint
        and pos between open_pos and close_pos
        and block_time_s between start_s and start_s + interval_s - 1
        and canonical and trades.price is not null
    where candles.mint = $1 and interval_s = $2 and start_s >= $3 and start_s < $4
    group by 1
"""

_POSITIONS = "select name, version, sequence, reread_after from checkpoints order by name"

_BOUND: dict[str, Callable[[float | int], object]] = {
    "bigint": int64,
    "double precision": float,
    "numeric": Decimal,
}
"""How a cursor's value becomes an argument of each type."""


class PostgresReads(
    PostgresFeeds,
    PostgresWindows,
    PostgresPortfolioReads,
    PostgresHolderReads,
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

    async def tokens(
        self, *, sort: TokenSort, state: TokenState | None, page: Page
    ) -> Sequence[TokenRow]:
        """Tokens by descending sort value, then by mint; those without a value come last.

        A mint that was seen only in pools that are not canonical has a card but is not listed.
        """
        if page.after is None:
            return await self._fetch(TokenRow, _FIRST_PAGE[sort], state, page.limit)
        value, mint = page.after
        bound = _BOUND[_SORTED_BY[sort][1]](value)
        return await self._fetch(TokenRow, _NEXT_PAGE[sort], state, page.limit, bound, mint)

    async def newest_time_s(self) -> int | None:
        """The time of the last trade on the chain or of the newest launch, whichever is later."""
        async with asking(self._pool) as connection:
            newest: int | None = await connection.fetchval(NEWEST)
        return newest

    async def trades(
        self, mint: str, *, limit: int, before_pos: int | None = None
    ) -> Sequence[TradeRow]:
        """A token's trades, newest first, before a position if one is given."""
        before = INT64_MAX if before_pos is None else before_pos
        return await self._fetch(TradeRow, _TRADES, mint, int64(before), limit)

    async def candles(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int, limit: int
    ) -> Sequence[CandleRow]:
        """Candles that start in [from_s, to_s), oldest first, at most the last `limit`."""
        rows = await self._fetch(
            CandleRow, _CANDLES, mint, interval_s, int64(from_s), int64(to_s), limit
        )
        return rows[::-1]

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
