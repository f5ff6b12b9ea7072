"""Answers the query side from the portfolios' tables."""

from collections.abc import Sequence

import msgspec

from adapters.postgres.asking import INT64_MAX, asking, can_be_asked, int64, rows_of
from adapters.postgres.pool import Pool
from domain.programs import NATIVE_SOL, WRAPPED_SOL
from projections.portfolio_reads import (
    Portfolio,
    PositionRow,
    PositionState,
    RealisedRow,
    TotalRow,
    TraderSort,
    WalletTradeRow,
)

# ruff: noqa: S608  # the program's own text only

_PRICED_IN = "coalesce(card.last_trade_quote_mint, card.created_quote_mint)"
_FITS = (
    f"(case when {_PRICED_IN} = '{WRAPPED_SOL}' then '{NATIVE_SOL}' else {_PRICED_IN} end"
    " = held.quote_mint)"
)
"""Whether the card's price is in the position's quote mint; null without a card."""

_POSITION = f"""
    select held.wallet, held.mint, held.quote_mint, held.balance, held.cost_amount,
        held.realised_amount, held.bought_amount, held.spent_amount, held.sold_amount,
        held.received_amount, held.unbought_amount, held.unbought_quote_amount, held.fee_amount,
        held.trades_without_fee, held.buys, held.sells, held.first_time_s, held.last_time_s,
        held.last_pos, card.name, card.symbol, card.token_decimals, {_PRICED_IN} as priced_in,
        card.quote_decimals, card.price, card.virtual_quote_reserves, card.virtual_token_reserves
    from portfolio_positions as held left join tokens as card using (mint)
"""
_OF_WALLET = f"""
    {_POSITION} where held.wallet = $1 and held.last_pos < $2
        and ($3::boolean is null or (held.balance > 0) = $3)
    order by held.last_pos desc limit $4
"""
TRADERS: dict[TraderSort, str] = {
    "realised": f"""
        {_POSITION} where held.mint = $1 and held.quote_mint = $2 and held.sells > 0
        order by held.realised_amount desc, held.wallet limit $3
    """,
    "volume": f"""
        {_POSITION} where held.mint = $1 and held.quote_mint = $2
        order by held.spent_amount + held.received_amount desc, held.wallet limit $3
    """,
}

_VALUE = f"""
    case when held.balance = 0 then 0
        when card.price is not null and {_FITS}
        then div(held.balance * card.virtual_quote_reserves, card.virtual_token_reserves) end
"""
_TOTALS = f"""
    select quote_mint, max(quote_decimals) as quote_decimals, count(*) as positions,
        count(*) filter (where balance > 0) as open_positions,
        count(*) filter (where value_amount is null) as unpriced_positions,
        sum(cost_amount) as cost_amount, sum(realised_amount) as realised_amount,
        sum(spent_amount) as spent_amount, sum(received_amount) as received_amount,
        sum(unbought_quote_amount) as unbought_quote_amount, sum(fee_amount) as fee_amount,
        sum(trades_without_fee)::bigint as trades_without_fee, sum(buys)::bigint as buys,
        sum(sells)::bigint as sells, coalesce(sum(value_amount), 0) as value_amount,
        coalesce(sum(value_amount - cost_amount), 0) as unrealised_amount,
        min(first_time_s) as first_time_s, max(last_time_s) as last_time_s
    from (
        select held.*, {_VALUE} as value_amount,
            case when {_FITS} then card.quote_decimals end as quote_decimals
        from portfolio_positions as held left join tokens as card using (mint)
        where held.wallet = $1
    ) as positions
    group by quote_mint order by quote_mint
"""
_SEQUENCES = "select name, sequence from checkpoints where name in ('portfolios', 'tokens')"

_TRADES = """
    select held.pos, held.time_s, held.mint, held.quote_mint,
        case when held.bought then 'buy' else 'sell' end as side, held.token_amount,
        held.quote_amount, held.fee_amount, trade.id, trade.venue, trade.pool,
        trade.token_decimals, trade.quote_decimals
    from (
        select * from portfolio_trades where wallet = $1 and pos < $2 order by pos desc limit $3
    ) as held left join trades as trade on trade.mint = held.mint and trade.pos = held.pos
    order by held.pos desc
"""
_DAYS = """
    select day_s as start_s, realised_amount, received_amount, unbought_quote_amount, sells
    from portfolio_days
    where wallet = $1 and quote_mint = $2 and day_s >= $3 and day_s < $4
    order by day_s desc limit $5
"""
_TRADED = "select from portfolio_positions where wallet = $1 limit 1"


class _Sequence(msgspec.Struct):
    name: str
    sequence: int


class PostgresPortfolioReads:
    """The port `projections.portfolio_reads.PortfolioReads`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def traded(self, wallet: str) -> bool:
        """Whether the log has a trade of the wallet."""
        if not can_be_asked(wallet):
            return False
        async with asking(self._pool) as connection:
            return bool(await connection.fetch(_TRADED, wallet))

    async def portfolio(
        self, wallet: str, *, state: PositionState | None, limit: int, before_pos: int | None = None
    ) -> Portfolio:
        """A wallet's totals, and its positions by last trade, newest first, before a position."""
        before = INT64_MAX if before_pos is None else int64(before_pos)
        is_open = None if state is None else state == "open"
        known = can_be_asked(wallet)
        async with (
            asking(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            sequences = {
                row.name: row.sequence for row in await rows_of(connection, _Sequence, _SEQUENCES)
            }
            totals = await rows_of(connection, TotalRow, _TOTALS, wallet) if known else []
            positions = (
                await rows_of(connection, PositionRow, _OF_WALLET, wallet, before, is_open, limit)
                if known
                else []
            )
        return Portfolio(
            sequence=sequences.get("portfolios", 0),
            priced_sequence=sequences.get("tokens", 0),
            totals=totals,
            positions=positions,
        )

    async def wallet_trades(
        self, wallet: str, *, limit: int, before_pos: int | None = None
    ) -> Sequence[WalletTradeRow]:
        """A wallet's trades of all tokens, newest first, before a position if one is given."""
        if not can_be_asked(wallet):
            return []
        before = INT64_MAX if before_pos is None else int64(before_pos)
        async with asking(self._pool) as connection:
            return await rows_of(connection, WalletTradeRow, _TRADES, wallet, before, limit)

    async def realised(
        self, wallet: str, *, quote_mint: str, from_s: int, to_s: int, limit: int
    ) -> Sequence[RealisedRow]:
        """Days that start in [from_s, to_s), oldest first, at most the last `limit`."""
        if not can_be_asked(wallet, quote_mint):
            return []
        bounds = (int64(from_s), int64(to_s))
        async with asking(self._pool) as connection:
            rows = await rows_of(connection, RealisedRow, _DAYS, wallet, quote_mint, *bounds, limit)
        return rows[::-1]

    async def top_traders(
        self, mint: str, *, quote_mint: str, by: TraderSort, limit: int
    ) -> Sequence[PositionRow]:
        """The positions in a token with the highest value first, then by wallet.

        By realised profit, only those of who sold.
        """
        if not can_be_asked(mint, quote_mint):
            return []
        async with asking(self._pool) as connection:
            return await rows_of(connection, PositionRow, TRADERS[by], mint, quote_mint, limit)
