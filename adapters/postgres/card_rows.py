"""The columns of a token's card, as the query side reads them."""

CARD = """
    select mint, name, symbol, uri, creator, bonding_curve, pool,
        coalesce(last_trade_quote_mint, created_quote_mint) as quote_mint,
        quote_decimals, token_decimals, state, created_pos, created_time_s, completed_time_s,
        graduated_time_s, supply, price, priced_pos, virtual_quote_reserves, virtual_token_reserves,
        held_quote_reserves, real_quote_reserves, real_token_reserves, initial_real_token_reserves,
        trades, buys, sells, volume_quote, first_trade_time_s, last_trade_time_s, last_trade_pos,
        high_price, high_market_cap, high_time_s, high_pos,
        description, image, twitter, telegram, website
    from tokens
"""
