-- Figures in dollars for SQL, made when they are asked for. The bodies are texts, so that they find
-- the tables by their names whenever they run: a rebuild puts others into the place of these.

create or replace function trades_in_dollars() returns table (
    mint text,
    pos bigint,
    id text,
    block_time_s bigint,
    coin_usd numeric,
    price_usd double precision,
    amount_usd double precision
) language sql stable as $body$
    select trades.mint, trades.pos, trades.id, trades.block_time_s, worth.coin_usd,
        trades.price * times / parts * worth.coin_usd::double precision,
        trades.quote_amount::double precision / power(10::double precision, decimals)
            * worth.coin_usd::double precision
    from trades
    cross join lateral (
        select case
            when quote_mint = 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v' then 1::numeric
            when quote_mint in (
                '11111111111111111111111111111111', 'So11111111111111111111111111111111111111112'
            ) then (
                select usd from sol_prices where sol_prices.pos <= trades.pos
                order by sol_prices.pos desc limit 1
            )
        end as coin_usd,
        coalesce(
            quote_decimals,
            case when quote_mint = 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v' then 6 else 9 end
        ) as decimals
    ) as worth
    cross join lateral (
        -- `greatest` passes over nulls; without decimals there is no price of a whole token.
        select power(10::double precision, greatest(token_decimals - decimals, 0)) as times,
            power(10::double precision, greatest(decimals - token_decimals, 0))
                * (token_decimals * 0 + 1) as parts
    ) as whole
$body$;

create or replace view trades_usd as select * from trades_in_dollars();

create or replace function candles_in_dollars() returns table (
    mint text,
    interval_s integer,
    start_s bigint,
    open_usd double precision,
    high_usd double precision,
    low_usd double precision,
    close_usd double precision,
    volume_usd double precision,
    volume_usd_buy double precision
) language sql stable as $body$
    select candles.mint, candles.interval_s, candles.start_s,
        candles.open * times / parts * open_coin::double precision,
        candles.high * times / parts * high_coin::double precision,
        candles.low * times / parts * low_coin::double precision,
        candles.close * times / parts * close_coin::double precision,
        (value * coin)::double precision,
        (value_buy * coin)::double precision
    from candles
    join lateral (
        select coalesce(last_trade_quote_mint, created_quote_mint) as quote_mint,
            token_decimals, quote_decimals
        from tokens where tokens.mint = candles.mint
    ) as card on true
    cross join lateral (
        select quote_mint = 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v' as for_usdc,
            quote_mint in (
                '11111111111111111111111111111111', 'So11111111111111111111111111111111111111112'
            ) as for_sol,
            coalesce(
                quote_decimals,
                case when quote_mint = 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v' then 6
                    else 9 end
            ) as decimals
    ) as quote
    cross join lateral (
        select power(10::double precision, greatest(token_decimals - decimals, 0)) as times,
            power(10::double precision, greatest(decimals - token_decimals, 0))
                * (token_decimals * 0 + 1) as parts,
            ('1e-' || decimals::text)::numeric as coin
    ) as units
    cross join lateral (
        select
            case when for_usdc then 1 when for_sol then (
                select usd from sol_prices where pos <= open_pos order by pos desc limit 1
            ) end as open_coin,
            case when for_usdc then 1 when for_sol then (
                select usd from sol_prices where pos <= high_pos order by pos desc limit 1
            ) end as high_coin,
            case when for_usdc then 1 when for_sol then (
                select usd from sol_prices where pos <= low_pos order by pos desc limit 1
            ) end as low_coin,
            case when for_usdc then 1 when for_sol then (
                select usd from sol_prices where pos <= close_pos order by pos desc limit 1
            ) end as close_coin
    ) as coins
    left join lateral (
        select
            case when count(usd) = count(*) then sum(minute.volume_quote * usd) end as by_minutes,
            case when count(usd * minute.volume_quote_buy) = count(*)
                then sum(minute.volume_quote_buy * usd) end as by_minutes_buy
        from candles as minute
        left join lateral (
            select usd from sol_prices where pos <= minute.close_pos order by pos desc limit 1
        ) as priced on true
        where for_sol and candles.interval_s > 60
            and minute.mint = candles.mint and minute.interval_s = 60
            and minute.start_s >= candles.start_s
            and minute.start_s < candles.start_s + candles.interval_s
    ) as minutes on true
    cross join lateral (
        select
            case when for_sol and candles.interval_s > 60 then by_minutes
                else candles.volume_quote * close_coin end as value,
            case when for_sol and candles.interval_s > 60 then by_minutes_buy
                else candles.volume_quote_buy * close_coin end as value_buy
    ) as volumes
$body$;

create or replace view candles_usd as select * from candles_in_dollars();
