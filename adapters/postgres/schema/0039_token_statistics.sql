-- How many tokens trade for USDC, and how much of them has liquidity, as lists ask for it: without that the
-- planner takes them for a few, and sorts thousands of them instead of reading an index in its order.
create statistics token_quotes on (coalesce(last_trade_quote_mint, created_quote_mint)) from tokens;
create statistics token_liquidity on (
    (case when state = 'graduated' then held_quote_reserves else real_quote_reserves end) * 2
) from tokens;
