"""Tokens that traded since a moment, put where they were then, as a part of a statement."""

# ruff: noqa: S608  # the program's own text only

from adapters.postgres.token_spans import POS

_GONE = f"before.pos is null and now.first_trade_pos <= {POS}"
"""It had traded by then, but that trade was let go of: what it was worth is not known."""
MOVED = f"""
    moved as materialized (
        select now.mint, now.listed, now.for_sol, now.created_time_s, now.created_quote_mint,
            now.last_trade_quote_mint, was.*, before.price,
            now.trades - since.trades as trades,
            now.volume_quote - since.volume_quote as volume_quote,
            before.pos as last_trade_pos,
            before.quote_reserves - (now.virtual_quote_reserves - now.held_quote_reserves)
                as held_quote_reserves,
            before.quote_reserves - offsets.quote as real_quote_reserves,
            case when was.state <> 'curve' then 1 when {_GONE} then null
                when now.initial_real_token_reserves > 0 then
                least(greatest(1 - coalesce(
                    before.token_reserves - offsets.token, now.initial_real_token_reserves
                )::double precision / now.initial_real_token_reserves::double precision, 0), 1)
            end as progress,
            case when {_GONE} then null when before.pos is null
                then offsets.quote::double precision
                    / (now.initial_real_token_reserves + offsets.token)::double precision
                else before.price
            end * now.supply::double precision as market_cap
        from tokens as now
        cross join lateral (
            select case when now.pool_pos <= {POS} then now.pool_pos end as pool_pos, case
                when least(now.pool_pos, now.graduated_pos) <= {POS} then 'graduated'
                when now.completed_pos <= {POS} then 'completed' else 'curve' end as state
        ) as was
        cross join lateral (
            select count(*) as trades, coalesce(sum(quote_amount), 0) as volume_quote
            from trades where mint = now.mint and canonical and pos > {POS}
        ) as since
        left join lateral (
            select pos, price, quote_reserves, token_reserves from trades
            where mint = now.mint and canonical and pos <= {POS} order by pos desc limit 1
        ) as before on true
        -- What a curve's virtual reserves are above its real ones: the same for all its life.
        left join lateral (
            select quote_reserves - now.real_quote_reserves as quote,
                token_reserves - now.real_token_reserves as token
            from trades where mint = now.mint and pos = now.curve_pos
        ) as offsets on true
        where coalesce(now.last_trade_pos, -1) > {POS}
            and least(now.created_pos, now.first_trade_pos) <= {POS}
    )
"""
"""The tokens that traded since, as they were at the moment of the list."""
