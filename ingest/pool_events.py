"""The PumpSwap AMM's events as facts of the domain."""

from typing import Any

from domain.events import (
    PoolBoosted,
    PoolBurned,
    PoolCreated,
    PoolDeposited,
    PoolEvent,
    PoolFeeSwept,
    PoolTraded,
    PoolWithdrawn,
)
from domain.programs import PUMP_TOKEN_DECIMALS, WRAPPED_SOL
from ingest.canonical import canonical_pool
from ingest.context import COMMON, Context
from ingest.layouts.types import address
from ingest.pool_mints import Claim, PoolMints, pool_mints
from ingest.positional import positional
from ingest.wire import WireEvent

_OF_POOLS = PoolEvent.__struct_fields__[len(COMMON) :]
"""The fields that every event of a pool has, beside those of all programs."""

_pool_traded = positional(
    PoolTraded,
    """
    id pos received_at_ns provisional block_time_s signer compute_units priority_fee_lamports
    layout tail
    mint pool base_mint quote_mint base_decimals quote_decimals canonical
    side user base_amount quote_amount user_quote_amount
    pool_base_reserves pool_quote_reserves pool_quote_delta virtual_quote_reserves
    lp_fee_bps lp_fee protocol_fee_bps protocol_fee protocol_fee_recipient
    coin_creator coin_creator_fee_bps coin_creator_fee
    track_volume total_unclaimed_tokens total_claimed_tokens current_sol_volume
    last_update_time_s ix_name cashback_fee_bps cashback buyback_fee_bps buyback_fee
    can_boost base_supply holder_rewards_bps holder_rewards creator_fee_unclaimed unnamed_u64
    user_token_balance
    """,
)


class MintsUnknownError(ValueError):
    """The transaction does not prove which mints an event's pool trades."""

    def __init__(self, pool: str) -> None:
        super().__init__(f"the transaction does not prove which mints the pool {pool} trades")
        self.pool = pool


def token_of(base_mint: str, quote_mint: str) -> str:
    """The mint that a pool is about."""
    return quote_mint if base_mint == WRAPPED_SOL else base_mint


def _pool(context: Context, pool: str, mints: PoolMints) -> tuple[Any, ...]:
    """The values that every event of a pool has: see `_OF_POOLS`."""
    base, quote = mints.base, mints.quote
    canonical = base != WRAPPED_SOL and canonical_pool(base, quote) == pool
    balances = context.balances
    # Only the bonding-curve program's own coins have a canonical pool.
    base_decimals = PUMP_TOKEN_DECIMALS if canonical else balances.decimals(base)
    token = quote if base == WRAPPED_SOL else base
    return token, pool, base, quote, base_decimals, balances.decimals(quote), canonical


def _pool_of(context: Context, event: WireEvent, claim: Claim) -> tuple[Any, ...]:
    pool = address(claim.pool)
    mints = context.pools.get(pool)
    if mints is None:
        mints = pool_mints(context.tx, context.balances, event.place, claim)
        if mints is None:
            raise MintsUnknownError(pool)
        context.pools[pool] = mints
    return _pool(context, pool, mints)


def pool_bought(context: Context, event: WireEvent) -> PoolTraded:
    """From a BuyEvent.

    Which of its two quote amounts is the gross one depends on the instruction; the greater one
    always is, and what went in at the pool's price is what it took with the LP fee less that fee.
    Fees that stay in the vault are taken off the virtual reserves, so that the reserves which
    price the pool grow by the net amount and the LP fee, however the fees were paid.
    """
    # fmt: off
    (
        timestamp, base_amount_out, _, _, _, pool_base_reserves, pool_quote_reserves,
        quote_amount_in, lp_fee_bps, lp_fee, protocol_fee_bps, protocol_fee,
        quote_amount_in_with_lp_fee, user_quote_amount_in, pool, user, user_base_account,
        user_quote_account, protocol_fee_recipient, _,
        coin_creator, coin_creator_fee_bps, coin_creator_fee,
        track_volume, total_unclaimed_tokens, total_claimed_tokens, current_sol_volume,
        last_update_time_s,
        _, ix_name,
        cashback_fee_bps, cashback,
        buyback_fee_bps, buyback_fee,
        virtual_quote_reserves, can_boost, base_supply,
        holder_rewards_bps, holder_rewards,
        creator_fee_unclaimed,
        unnamed_u64,
    ) = event.padded
    # fmt: on
    claim = Claim(
        pool, pool_base_reserves, pool_quote_reserves, user_base_account, user_quote_account
    )
    of_pool, trader = _pool_of(context, event, claim), address(user)
    # fmt: off
    return _pool_traded(
        *context.common(event, timestamp),
        *of_pool,
        "buy", trader, base_amount_out,
        quote_amount_in_with_lp_fee - lp_fee, max(quote_amount_in, user_quote_amount_in),
        pool_base_reserves, pool_quote_reserves, quote_amount_in_with_lp_fee,
        virtual_quote_reserves or 0,
        lp_fee_bps, lp_fee, protocol_fee_bps, protocol_fee, address(protocol_fee_recipient),
        None if coin_creator is None else address(coin_creator),
        coin_creator_fee_bps, coin_creator_fee,
        track_volume, total_unclaimed_tokens, total_claimed_tokens, current_sol_volume,
        last_update_time_s, ix_name, cashback_fee_bps, cashback, buyback_fee_bps, buyback_fee,
        can_boost, base_supply, holder_rewards_bps, holder_rewards, creator_fee_unclaimed,
        unnamed_u64, context.balances.after(trader, of_pool[0]),
    )
    # fmt: on


def pool_sold(context: Context, event: WireEvent) -> PoolTraded:
    """From a SellEvent; the LP fee stays in the reserves that price the pool."""
    # fmt: off
    (
        timestamp, base_amount_in, _, _, _, pool_base_reserves, pool_quote_reserves,
        quote_amount_out, lp_fee_bps, lp_fee, protocol_fee_bps, protocol_fee,
        quote_amount_out_without_lp_fee, user_quote_amount_out, pool, user, user_base_account,
        user_quote_account, protocol_fee_recipient, _,
        coin_creator, coin_creator_fee_bps, coin_creator_fee,
        cashback_fee_bps, cashback,
        buyback_fee_bps, buyback_fee,
        virtual_quote_reserves, can_boost, base_supply,
        holder_rewards_bps, holder_rewards,
        creator_fee_unclaimed,
        unnamed_u64,
    ) = event.padded
    # fmt: on
    claim = Claim(
        pool, pool_base_reserves, pool_quote_reserves, user_base_account, user_quote_account
    )
    of_pool, trader = _pool_of(context, event, claim), address(user)
    # fmt: off
    return _pool_traded(
        *context.common(event, timestamp),
        *of_pool,
        "sell", trader, base_amount_in, quote_amount_out, user_quote_amount_out,
        pool_base_reserves, pool_quote_reserves, -quote_amount_out_without_lp_fee,
        virtual_quote_reserves or 0,
        lp_fee_bps, lp_fee, protocol_fee_bps, protocol_fee, address(protocol_fee_recipient),
        None if coin_creator is None else address(coin_creator),
        coin_creator_fee_bps, coin_creator_fee,
        None, None, None, None, None, None,  # only buys count towards a volume
        cashback_fee_bps, cashback, buyback_fee_bps, buyback_fee,
        can_boost, base_supply, holder_rewards_bps, holder_rewards, creator_fee_unclaimed,
        unnamed_u64, context.balances.after(trader, of_pool[0]),
    )
    # fmt: on


def pool_created(context: Context, event: WireEvent) -> PoolCreated:
    """From a CreatePoolEvent, the one event of a pool that says all about its mints."""
    # fmt: off
    (
        timestamp, index, creator, base_mint, quote_mint, base_mint_decimals,
        quote_mint_decimals, base_amount_in, quote_amount_in, pool_base_amount,
        pool_quote_amount, minimum_liquidity, initial_liquidity, lp_token_amount_out, _, pool,
        lp_mint, _, _,
        coin_creator,
        is_mayhem_mode,
        creator_fee_bps, can_edit_creator_fee,
        is_holder_reward,
    ) = event.padded
    # fmt: on
    mints = PoolMints(address(base_mint), address(quote_mint))
    about = dict(zip(_OF_POOLS, _pool(context, address(pool), mints), strict=True))
    about["base_decimals"] = base_mint_decimals
    about["quote_decimals"] = quote_mint_decimals
    context.pools[address(pool)] = mints
    return PoolCreated(
        **context.named(event, timestamp),
        **about,
        index=index,
        creator=address(creator),
        base_amount=base_amount_in,
        quote_amount=quote_amount_in,
        pool_base_reserves=pool_base_amount,
        pool_quote_reserves=pool_quote_amount,
        minimum_liquidity=minimum_liquidity,
        initial_liquidity=initial_liquidity,
        lp_token_amount=lp_token_amount_out,
        lp_mint=address(lp_mint),
        coin_creator=None if coin_creator is None else address(coin_creator),
        mayhem_mode=is_mayhem_mode,
        creator_fee_bps=creator_fee_bps,
        can_edit_creator_fee=can_edit_creator_fee,
        holder_reward=is_holder_reward,
    )


def _liquidity(context: Context, event: WireEvent) -> dict[str, Any]:
    # fmt: off
    (
        timestamp, lp_token_amount, _, _, _, _, pool_base_reserves, pool_quote_reserves,
        base_amount, quote_amount, lp_mint_supply, pool, user, user_base_account,
        user_quote_account, _,
    ) = event.padded
    # fmt: on
    claim = Claim(
        pool, pool_base_reserves, pool_quote_reserves, user_base_account, user_quote_account
    )
    return {
        **context.named(event, timestamp),
        **dict(zip(_OF_POOLS, _pool_of(context, event, claim), strict=True)),
        "user": address(user),
        "base_amount": base_amount,
        "quote_amount": quote_amount,
        "lp_token_amount": lp_token_amount,
        "lp_mint_supply": lp_mint_supply,
        "pool_base_reserves": pool_base_reserves,
        "pool_quote_reserves": pool_quote_reserves,
    }


def pool_deposited(context: Context, event: WireEvent) -> PoolDeposited:
    """From a DepositEvent."""
    return PoolDeposited(**_liquidity(context, event))


def pool_withdrawn(context: Context, event: WireEvent) -> PoolWithdrawn:
    """From a WithdrawEvent, whose fields stand in the order of a DepositEvent's."""
    return PoolWithdrawn(**_liquidity(context, event))


def pool_fee_swept(context: Context, event: WireEvent) -> PoolFeeSwept:
    """From a SweepPoolFeeEvent."""
    timestamp, pool, base_mint, quote_mint, recipient, payer, amount, bucket = event.padded
    base, quote = address(base_mint), address(quote_mint)
    return PoolFeeSwept(
        **context.named(event, timestamp),
        mint=token_of(base, quote),
        pool=address(pool),
        base_mint=base,
        quote_mint=quote,
        recipient=address(recipient),
        payer=address(payer),
        amount=amount,
        bucket=bucket,
    )


def pool_boosted(context: Context, event: WireEvent) -> PoolBoosted:
    """From an InitBoostEvent."""
    timestamp, mint, bonding_curve, pool, virtual_quote_reserves, quote_reserves = event.padded
    return PoolBoosted(
        **context.named(event, timestamp),
        mint=address(mint),
        pool=address(pool),
        bonding_curve=address(bonding_curve),
        virtual_quote_reserves=virtual_quote_reserves,
        pool_quote_reserves=quote_reserves,
    )


def pool_burned(context: Context, event: WireEvent) -> PoolBurned:
    """From a BoostBuyAndBurnEvent."""
    # fmt: off
    (
        timestamp, mint, bonding_curve, pool, authority, quote_amount_in_requested,
        quote_amount_in_used, base_amount_burned, virtual_quote_reserves,
        real_quote_reserves_after, base_reserves_after, boost_vault_remaining,
    ) = event.padded
    # fmt: on
    return PoolBurned(
        **context.named(event, timestamp),
        mint=address(mint),
        pool=address(pool),
        bonding_curve=address(bonding_curve),
        authority=address(authority),
        quote_amount_requested=quote_amount_in_requested,
        quote_amount=quote_amount_in_used,
        base_amount=base_amount_burned,
        virtual_quote_reserves=virtual_quote_reserves,
        pool_base_reserves=base_reserves_after,
        pool_quote_reserves=real_quote_reserves_after,
        boost_vault_remaining=boost_vault_remaining,
    )
