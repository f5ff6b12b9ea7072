"""Puts together a token's card as it was at a position, from all that is kept by position."""

from adapters.postgres.asking import asking, can_be_asked, int64, rows_of
from adapters.postgres.card_rows import CARD
from adapters.postgres.pool import Connection, Pool
from projections.horizon import Horizon
from projections.reads import TokenRow

# ruff: noqa: S608  # the program's own text only

_MOVED = """
    select greatest(
            created_pos, priced_pos, curve_pos, supplied_pos, completed_pos, graduated_pos,
            pool_pos, last_trade_pos
        ) as last_pos,
        case when created_pos is null then 0 else least(created_pos, first_trade_pos) end
            as first_pos
    from tokens where mint = $1
"""
"""Where all that moved a card begins and ends; it may begin before the log did."""

_HORIZON = "select pos, complete_from_s from horizons where name = 'trades'"

_LAUNCHED = ("name", "symbol", "uri", "creator", "bonding_curve", "created_pos", "created_time_s")
_LAUNCH = ", ".join(
    f"case when created_pos <= $2 then {column} end as {column}"
    for column in (*_LAUNCHED, "initial_real_token_reserves")
)
_DESCRIPTION = ", ".join(
    f"case when coalesce(created_pos, 0) <= $2 then {column} end as {column}"
    for column in ("description", "image", "twitter", "telegram", "website")
)
_REPORTED = "from token_reports where mint = $1 and pos <= $2"

_CARD = f"""
    with card as (select * from tokens where mint = $1),
    sums as (
        select count(*) as seen,
            count(*) filter (where canonical) as trades,
            count(*) filter (where canonical and side = 'buy') as buys,
            count(*) filter (where canonical and side = 'sell') as sells,
            coalesce(sum(quote_amount) filter (where canonical), 0) as volume_quote,
            max(pos) filter (where canonical) as last_pos,
            max(pos) filter (where venue = 'curve') as curve_pos,
            max(pos) filter (where supply is not null) as supplied_pos,
            max(price) filter (where canonical) as high_price
        from trades where mint = $1 and pos <= $2
    ),
    last_trade as (
        select trades.* from sums join trades on mint = $1 and pos = last_pos
    ),
    high as (
        select pos, block_time_s, price, supply from trades
        where mint = $1 and pos <= $2 and canonical and price = (select high_price from sums)
        order by pos limit 1
    ),
    priced as (
        select pos, price, quote_reserves, token_reserves, held_quote_reserves from last_trade
        union all (
            select pos, price, virtual_quote_reserves, virtual_token_reserves, held_quote_reserves
            {_REPORTED} and virtual_quote_reserves is not null order by pos desc limit 1
        )
        order by pos desc limit 1
    ),
    curve as (
        select trades.pos, trades.held_quote_reserves, held_token_reserves
        from sums join trades on mint = $1 and pos = curve_pos
        union all (
            select pos, held_quote_reserves, real_token_reserves
            {_REPORTED} and real_token_reserves is not null order by pos desc limit 1
        )
        order by pos desc limit 1
    ),
    supplied as (
        select pos, trades.supply from sums join trades on mint = $1 and pos = sums.supplied_pos
        union all (
            select pos, supply {_REPORTED} and supply is not null order by pos desc limit 1
        )
        order by pos desc limit 1
    )
    select mint, {_LAUNCH}, {_DESCRIPTION}, quote_decimals, token_decimals,
        case when pool_pos <= $2 then card.pool end as pool,
        coalesce(
            (select quote_mint from last_trade),
            case when created_pos <= $2 then created_quote_mint end
        ) as quote_mint,
        case
            when pool_pos <= $2 or graduated_pos <= $2 then 'graduated'
            when completed_pos <= $2 then 'completed'
            else 'curve'
        end as state,
        case when completed_pos <= $2 then completed_time_s end as completed_time_s,
        case when graduated_pos <= $2 then graduated_time_s end as graduated_time_s,
        supplied.supply - coalesce((
            select sum(amount) from token_burns
            where token_burns.mint = $1 and pos > supplied.pos and pos <= $2
        ), 0) as supply,
        priced.price, priced.pos as priced_pos,
        priced.quote_reserves as virtual_quote_reserves,
        priced.token_reserves as virtual_token_reserves,
        priced.held_quote_reserves,
        curve.held_quote_reserves as real_quote_reserves,
        curve.held_token_reserves as real_token_reserves,
        sums.trades, sums.buys, sums.sells, sums.volume_quote,
        case when first_trade_pos <= $2 then first_trade_time_s end as first_trade_time_s,
        (select block_time_s from last_trade) as last_trade_time_s,
        sums.last_pos as last_trade_pos,
        high.price as high_price, high.pos as high_pos, high.block_time_s as high_time_s,
        high.price * coalesce(
            high.supply, case when created_pos <= $2 then created_supply end - coalesce((
                select sum(amount) from token_burns
                where token_burns.mint = $1 and pos < high.pos
            ), 0)
        )::double precision as high_market_cap
    from card cross join sums
    left join priced on true left join curve on true left join supplied on true
    left join high on true
    where seen > 0 or least(created_pos, completed_pos, graduated_pos, pool_pos, supplied.pos,
        priced.pos, curve.pos) <= $2
"""
"""Takes the mint and the position; reads all of the token's trades up to there, once."""


class PostgresPastCards:
    """The port `projections.past_reads.PastCards`."""

    _pool: Pool

    async def token_until(self, mint: str, *, pos: int) -> TokenRow | Horizon | None:
        """The card as it was at a position; None where nothing had named the mint by then.

        Where trades that it would have to be put together from were let go of, where they begin.
        """
        if not can_be_asked(mint):
            return None
        async with (
            asking(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await _token_until(connection, mint, int64(pos))


async def _token_until(connection: Connection, mint: str, pos: int) -> TokenRow | Horizon | None:
    moved = await connection.fetchrow(_MOVED, mint)
    if moved is None:
        return None
    if moved["last_pos"] is not None and moved["last_pos"] <= pos:
        # Nothing has happened to it since, so it still is what it was.
        (row,) = await rows_of(connection, TokenRow, f"{CARD} where mint = $1", mint)
        return row
    horizon = await connection.fetchrow(_HORIZON)
    if horizon is not None and moved["first_pos"] <= pos and moved["first_pos"] < horizon["pos"]:
        return Horizon(**horizon)
    rows = await rows_of(connection, TokenRow, _CARD, mint, pos)
    return rows[0] if rows else None
