"""A token's card, read off all that was ever said about the token."""

from projections.reads import TokenRow, TokenState
from projections.token_change import TokenChange


def card(mint: str, change: TokenChange) -> TokenRow:
    """The card, where `change` has absorbed every change of the token."""
    created, priced, curve = change.created, change.priced, change.curve_reserves
    first, last, high = change.first_trade, change.last_trade, change.high
    described, high_supply = change.described, change.supply_at_high
    quote_mint = last.quote_mint if last else created.quote_mint if created else None
    state: TokenState = "completed" if change.completed else "curve"
    return TokenRow(
        mint=mint,
        name=created.name if created else None,
        symbol=created.symbol if created else None,
        uri=created.uri if created else None,
        creator=created.creator if created else None,
        bonding_curve=created.bonding_curve if created else None,
        pool=change.pooled.pool if change.pooled else None,
        quote_mint=quote_mint,
        quote_decimals=change.quote_decimals,
        token_decimals=change.token_decimals,
        state="graduated" if change.pooled or change.graduated else state,
        created_pos=created.pos if created else None,
        created_time_s=created.time_s if created else None,
        completed_time_s=change.completed.time_s if change.completed else None,
        graduated_time_s=change.graduated.time_s if change.graduated else None,
        supply=change.supply,
        price=priced.price if priced else None,
        priced_pos=priced.pos if priced else None,
        virtual_quote_reserves=priced.virtual_quote_reserves if priced else None,
        virtual_token_reserves=priced.virtual_token_reserves if priced else None,
        held_quote_reserves=priced.held_quote_reserves if priced else None,
        real_quote_reserves=curve.real_quote_reserves if curve else None,
        real_token_reserves=curve.real_token_reserves if curve else None,
        initial_real_token_reserves=created.initial_real_token_reserves if created else None,
        trades=change.trades,
        buys=change.buys,
        sells=change.sells,
        volume_quote=change.volume_quote,
        first_trade_time_s=first.time_s if first else None,
        last_trade_time_s=last.time_s if last else None,
        last_trade_pos=last.pos if last else None,
        high_price=high.price if high else None,
        high_market_cap=None
        if high is None or high_supply is None
        else high.price * float(high_supply),
        high_time_s=high.time_s if high else None,
        high_pos=high.pos if high else None,
        description=described.description if described else None,
        image=described.image if described else None,
        twitter=described.twitter if described else None,
        telegram=described.telegram if described else None,
        website=described.website if described else None,
    )
