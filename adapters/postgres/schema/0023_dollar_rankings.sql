-- Lists by an amount of quote rank what trades for SOL and what does for USDC together: each is read
-- by an index of its own, and valued when it is asked for. Nothing in dollars is kept.
create index tokens_by_liquidity on tokens (
    (case when for_sol then coalesce(
        case when state = 'graduated' then held_quote_reserves else real_quote_reserves end * 2, -1
    ) else -1 end) desc, mint
);
create index tokens_of_usdc_by_market_cap on tokens (market_cap desc, mint)
    where coalesce(last_trade_quote_mint, created_quote_mint)
        = 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v' and market_cap is not null;
create index tokens_of_usdc_by_volume on tokens (volume_quote desc, mint)
    where coalesce(last_trade_quote_mint, created_quote_mint)
        = 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v';
create index tokens_of_usdc_by_liquidity on tokens (
    (case when state = 'graduated' then held_quote_reserves else real_quote_reserves end * 2) desc,
    mint
) where coalesce(last_trade_quote_mint, created_quote_mint)
        = 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v';
