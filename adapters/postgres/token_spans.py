"""What tokens traded in the minutes of a list, added up from candles, as parts of a statement."""

from adapters.postgres.candle_pages import starting_in

# ruff: noqa: S608  # the program's own text only

POS = "$26"
"""The moment of the list. Its minutes are from $18 to $21, of which [$19, $20) are whole hours."""

WORK_MEMORY = "select set_config('work_mem', '64MB', true)"
"""All tokens that traded in a day are sorted and joined; the server's own setting is for less."""

_CANDLE = "select mint, open_pos, open, close_pos, close, volume_quote, buys + sells as trades"
SPAN = f"""
    parts as materialized (
        {_CANDLE} from {starting_in("60", "$18", "$19")} as first_minutes
        union all
        {_CANDLE} from candle_hours where start_s >= $19 and start_s < $20
        union all
        {_CANDLE} from {starting_in("60", "$20", "$21")} as last_minutes
    ), spans as materialized (
        select mint, min(open_pos) as open_pos, max(close_pos) as close_pos,
            sum(volume_quote) as volume_quote, sum(trades)::bigint as trades
        from parts group by mint
    ), windowed as (
        select tokens.mint, listed, state, pool_pos, for_sol, market_cap, held_quote_reserves,
            real_quote_reserves, progress, created_time_s, created_quote_mint, created_pos,
            last_trade_quote_mint, last_trade_pos, spans.volume_quote, spans.trades,
            spans.open_pos, spans.close_pos, null::float8 as last_price
        from spans join tokens on tokens.mint = spans.mint
    )
"""
MOVED_SPAN = f"""
    windowed_moved as materialized (
        select moved.mint, listed, state, pool_pos, for_sol, market_cap, held_quote_reserves,
            real_quote_reserves, progress, created_time_s, created_quote_mint,
            last_trade_quote_mint, last_trade_pos,
            spans.volume_quote - since.volume_quote as volume_quote,
            spans.trades - since.trades as trades,
            spans.open_pos, spans.close_pos, before.price as last_price
        from moved join spans on spans.mint = moved.mint
        cross join lateral (
            select count(*) as trades, coalesce(sum(quote_amount), 0) as volume_quote
            from trades where mint = moved.mint and canonical and trades.price is not null
                and pos > {POS} and block_time_s >= $18 and block_time_s < $21
        ) as since
        left join lateral (
            select price from trades where mint = moved.mint and canonical
                and trades.price is not null and pos <= {POS} order by pos desc limit 1
        ) as before on true
        where spans.trades > since.trades
    )
"""


def with_change(source: str) -> str:
    """The rows with the change of their price; costly, so only where it is asked for."""
    return f"""(
        select source.*, coalesce(source.last_price, closing.close) / opening.open - 1 as change
        from {source} as source
        join parts as opening on opening.mint = source.mint and opening.open_pos = source.open_pos
        join parts as closing
            on closing.mint = source.mint and closing.close_pos = source.close_pos
    )"""
