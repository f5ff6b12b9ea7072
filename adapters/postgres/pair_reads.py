"""Answers the query side's questions about tokens' venues, each as a pair of its own."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import asyncpg

from adapters.postgres.asking import asking, can_be_asked
from adapters.postgres.batch_reads import PostgresBatchReads
from adapters.postgres.window_reads import NEWEST
from adapters.postgres.window_sums import (
    COUNTED,
    FIRST_PRICED,
    LAST_PRICED,
    OPENING,
    PRICED,
    WITH_WALLETS,
    Wallets,
    beyond,
    older,
    price_at,
)
from domain.programs import USDC
from projections.dollars import SOL_MINTS
from projections.pair_reads import Asked, LastTrade, VenueFigures, VenueWindow
from projections.window_reads import LENGTHS_S, REACH_S

# ruff: noqa: S608  # the program's own text only

_PAIR_MINTS = """
    select mint from tokens where bonding_curve = any($1::text[])
    union select mint from tokens where pool = any($1::text[])
    order by 1
"""

_COUNTS = """
    mint = asked.mint and canonical and (venue = 'pool') = asked.in_pool
    and pos >= reach.from_pos and pos < reach.to_pos and block_time_s <= clock.as_of_s
"""


_VALUED = """
        minutes as (
            select minute, side, beyond, count(*) as trades, sum(quote_amount) as amount,
                min(priced) as first_priced, max(priced) as last_priced, max(pos) as last_pos,
                max(max(pos)) over (partition by minute) as close_pos
            from recent group by minute, side, beyond
        ),
        -- The last trade of a minute says what a coin is worth to all of it; asked for once each.
        valued as (
            select *, max(case when last_pos = close_pos then (
                select case
                    when quote_mint = any($4::text[]) then (
                        select usd from sol_prices where pos <= close_pos order by pos desc limit 1
                    )
                    when quote_mint = $5 then 1
                end from trades where mint = asked.mint and pos = close_pos
            ) end) over (partition by minute) as coin
            from minutes
        ),
        sums as materialized (
            select side, beyond, sum(trades)::bigint as trades, sum(amount) as amount,
                sum(amount * coin) as value,
                bool_and(coin is not null) as known,
                min(first_priced) as first_priced, max(last_priced) as last_priced
            from valued group by side, beyond
        )
"""
"""Sums of `recent` trades by side and window, in quote units and in dollars."""


def _statement(wallets: Wallets) -> str:
    return f"""
    with clock as materialized (select ({NEWEST}) as as_of_s),
    -- What was let go of, as for the windows of a card.
    horizon as materialized (
        select max(pos) as horizon_pos, max(complete_from_s) as complete_from_s
        from horizons where name = 'trades'
    )
    select asked.mint, asked.in_pool, one.*
    from unnest($1::text[], $2::bool[]) as asked (mint, in_pool)
    -- All on the curve comes before the pool; so neither is looked for among the other's trades.
    cross join lateral (
        select case when asked.in_pool then coalesce(pool_pos, graduated_pos, 0) else 0 end
                as from_pos,
            case when not asked.in_pool then coalesce(pool_pos, graduated_pos) end as pooled_pos,
            first_trade_pos
        from tokens where tokens.mint = asked.mint
    ) as begun
    cross join clock cross join horizon
    cross join lateral (
        select from_pos, coalesce(pooled_pos, 9223372036854775807) as to_pos,
            coalesce(
                horizon_pos > case when asked.in_pool then from_pos else first_trade_pos end, false
            ) as first_is_gone
    ) as reach
    cross join lateral (
        with bound as (
            select pos from trades
            where {_COUNTS} and {older("asked.mint", "clock.as_of_s")}
            order by pos desc limit 1
        ),
        recent as (
            select pos, block_time_s / 60 as minute, side, trader, quote_amount, {PRICED},
                {beyond("clock.as_of_s - block_time_s", "$3::bigint[]")}
            from trades where {_COUNTS} and pos >= coalesce((select pos from bound), 0)
        ),
        {_VALUED}{wallets.part}
        select clock.as_of_s, length_s, place, counted.*, priced.*{wallets.columns},
            coalesce({price_at("asked.mint", "opening_pos")}, case
                when not reach.first_is_gone
                then {price_at("asked.mint", f"({FIRST_PRICED})")}
            end) as opening_price,
            opening_pos is null and not reach.first_is_gone as since_first_trade,
            last.price as closing_price, last.pos as last_pos,
            last.quote_reserves as last_quote_reserves, last.token_reserves as last_token_reserves
        from unnest($3::bigint[]) with ordinality as lengths (length_s, place)
        cross join lateral ({COUNTED}) as counted
        cross join lateral (
            select case when coalesce(bool_and(known), true) then coalesce(sum(value), 0) end
                as value
            from sums where beyond < place
        ) as priced
        {wallets.join}
        cross join lateral ({OPENING}) as opening
        left join trades as last on last.mint = asked.mint and last.pos = ({LAST_PRICED})
    ) as one
    where clock.as_of_s is not null
        and (complete_from_s is null or clock.as_of_s - {REACH_S} >= complete_from_s)
    order by place
"""


FIGURES = {False: _statement(Wallets()), True: _statement(WITH_WALLETS)}
"""By whether wallets are counted. Each takes mints, whether their pool is asked for, the windows'
lengths in rising order, SOL's mints and USDC's."""

_WALLETS = ("buyers", "sellers")
_COUNTED = tuple(
    name
    for name in VenueWindow.__struct_fields__
    if name not in {"value", "opening_price", "since_first_trade", "closing_price", *_WALLETS}
)


class PostgresPairReads(PostgresBatchReads):
    """The port `projections.pair_reads.PairReads`."""

    async def pair_mints(self, addresses: Sequence[str]) -> Sequence[str]:
        """The mints whose bonding curve or canonical pool is one of these, each once, sorted."""
        asked = [address for address in addresses if can_be_asked(address)]
        if not asked:
            return []
        async with asking(self._pool) as connection:
            return [row["mint"] for row in await connection.fetch(_PAIR_MINTS, asked)]

    async def venue_figures(
        self, asked: Sequence[Asked], *, wallets: bool = False
    ) -> Mapping[Asked, VenueFigures]:
        """What was traded in each venue up to the newest time that the tokens read model knows."""
        known = [each for each in asked if can_be_asked(each[0])]
        if not known:
            return {}
        mints, in_pool = [mint for mint, _ in known], [venue == "pool" for _, venue in known]
        async with asking(self._pool) as connection:
            rows = await connection.fetch(
                FIGURES[wallets], mints, in_pool, LENGTHS_S, sorted(SOL_MINTS), USDC
            )
        found: dict[Asked, list[asyncpg.Record]] = {}
        for row in rows:
            key: Asked = (row["mint"], "pool" if row["in_pool"] else "curve")
            found.setdefault(key, []).append(row)
        return {key: _figures(each) for key, each in found.items()}


def _figures(rows: Sequence[asyncpg.Record]) -> VenueFigures:
    first = rows[0]
    last = None
    if first["last_pos"] is not None:
        last = LastTrade(
            pos=first["last_pos"],
            price=first["closing_price"],
            quote_reserves=int(first["last_quote_reserves"]),
            token_reserves=int(first["last_token_reserves"]),
        )
    return VenueFigures(as_of_s=first["as_of_s"], windows=[_window(row) for row in rows], last=last)


def _window(row: asyncpg.Record) -> VenueWindow:
    value: Decimal | None = row["value"]
    return VenueWindow(
        **{name: int(row[name]) for name in _COUNTED},
        buyers=row.get("buyers"),
        sellers=row.get("sellers"),
        opening_price=row["opening_price"],
        since_first_trade=row["since_first_trade"],
        closing_price=row["closing_price"],
        value=None if value is None else Fraction(value),
    )
