"""Answers the query side's questions about dollars."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import asyncpg

from adapters.postgres.asking import asking, can_be_asked, int64
from adapters.postgres.candle_pages import starting_in
from adapters.postgres.pool import Pool
from projections.dollars import Valued

# ruff: noqa: S608  # the program's own text only

_SOL_USD = """
    select priced.usd
    from unnest($1::bigint[]) with ordinality as asked (pos, place)
    left join lateral (
        select usd from sol_prices where pos <= asked.pos order by pos desc limit 1
    ) as priced on true
    order by asked.place
"""

_SOL_VOLUMES = f"""
    select start_s - start_s % $2::bigint as start_s,
        case when count(priced.usd) = count(*) then sum(volume_quote * priced.usd) end as volume,
        case when count(priced.usd * volume_quote_buy) = count(*)
            then sum(volume_quote_buy * priced.usd) end as volume_buy
    from {starting_in("60", "$3", "$4", mint="$1")} as candles
    left join lateral (
        select usd from sol_prices where pos <= close_pos order by pos desc limit 1
    ) as priced on true
    group by 1
"""


class PostgresDollarReads:
    """The port `projections.dollars.DollarReads`."""

    _pool: Pool

    async def sol_usd(self, positions: Sequence[int]) -> Sequence[Fraction | None]:
        """For each position, dollars for a SOL by the last price at or before it."""
        if not positions:
            return []
        async with asking(self._pool) as connection:
            rows = await connection.fetch(_SOL_USD, [int64(pos) for pos in positions])
        return [_exact(row["usd"]) for row in rows]

    async def sol_volumes(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int
    ) -> Mapping[int, Valued]:
        """What a token's minutes traded, in lamports times dollars, by the start of an interval."""
        if not can_be_asked(mint):
            return {}
        async with asking(self._pool) as connection:
            rows = await connection.fetch(
                _SOL_VOLUMES, mint, interval_s, int64(from_s), int64(to_s)
            )
        return {row["start_s"]: sol_volume(row) for row in rows}


def sol_volume(row: asyncpg.Record) -> Valued:
    """The columns `volume` and `volume_buy`."""
    return Valued(_exact(row["volume"]), _exact(row["volume_buy"]))


def _exact(value: Decimal | None) -> Fraction | None:
    return None if value is None else Fraction(value)
