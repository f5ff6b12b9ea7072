"""Answers questions about the past: candles that were under way are folded from their trades."""

from collections.abc import Collection, Sequence

from adapters.postgres.asking import asking, can_be_asked, int64, rows_of
from adapters.postgres.candle_pages import starting_in
from adapters.postgres.pool import Pool
from projections.reads import CandleRow

# ruff: noqa: S608  # the program's own text only

_CANDLES = f"""
    with kept as (
        select * from {starting_in("$2", "$3", "$4", mint="$1")} as candles where open_pos <= $6
        order by start_s desc limit $5
    )
    select start_s, open_pos, open, high_pos, high, low_pos, low, close_pos, close, volume_quote,
        volume_quote_buy, volume_token, buys, sells
    from kept where close_pos <= $6
    union all
    select start_s, folded.* from kept cross join lateral (
        select min(pos) as open_pos, (array_agg(price order by pos))[1] as open,
            (array_agg(pos order by price desc, pos))[1] as high_pos, max(price) as high,
            (array_agg(pos order by price, pos))[1] as low_pos, min(price) as low,
            max(pos) as close_pos, (array_agg(price order by pos desc))[1] as close,
            sum(quote_amount) as volume_quote,
            coalesce(sum(quote_amount) filter (where side = 'buy'), 0) as volume_quote_buy,
            sum(token_amount) as volume_token,
            count(*) filter (where side = 'buy') as buys,
            count(*) filter (where side <> 'buy') as sells
        from trades
        where trades.mint = $1 and canonical and price is not null
            and pos >= kept.open_pos and pos <= $6
            and block_time_s >= start_s and block_time_s < start_s + $2
    ) as folded where kept.close_pos > $6
    order by start_s
"""

_SET_ASIDE = "select distinct name from parked_events where mint = $1 or mint is null"
"""There are never many: `projections.parking.PARKED_MAX` of a read model."""


class PostgresPast:
    """The port `projections.past_reads.PastReads`."""

    _pool: Pool

    async def set_aside(self, mint: str) -> Collection[str]:
        """The read models that passed events of a token, or of none, without applying them."""
        if not can_be_asked(mint):
            return ()
        async with asking(self._pool) as connection:
            return {row["name"] for row in await connection.fetch(_SET_ASIDE, mint)}

    async def candles_until(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int, limit: int, pos: int
    ) -> Sequence[CandleRow]:
        """Candles that start in [from_s, to_s), of the trades up to a position, oldest first."""
        if not can_be_asked(mint):
            return []
        async with asking(self._pool) as connection:
            return await rows_of(
                connection,
                CandleRow,
                _CANDLES,
                mint,
                interval_s,
                int64(from_s),
                int64(to_s),
                limit,
                int64(pos),
            )
