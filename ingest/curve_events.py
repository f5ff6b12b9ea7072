"""The bonding-curve program's events as facts of the domain."""

from collections.abc import Iterable

from domain.events import (
    CompletionTraded,
    CurveCompleted,
    CurveFeeSwept,
    CurveRepriced,
    CurveTraded,
    Shareholder,
    TokenCreated,
    TokenMigrated,
)
from domain.programs import NATIVE_SOL, PUMP_TOKEN_DECIMALS, SOL_DECIMALS
from ingest.context import Context
from ingest.layouts.types import address
from ingest.positional import positional
from ingest.wire import WireEvent

_NATIVE_SOL_KEY = bytes(32)

_curve_traded = positional(
    CurveTraded,
    """
    id pos received_at_ns provisional block_time_s signer compute_units priority_fee_lamports
    layout tail
    mint side user quote_mint quote_decimals token_decimals quote_amount token_amount
    virtual_quote_reserves virtual_token_reserves real_quote_reserves real_token_reserves
    fee_recipient fee_bps fee creator creator_fee_bps creator_fee
    track_volume total_unclaimed_tokens total_claimed_tokens current_sol_volume
    last_update_time_s ix_name mayhem_mode cashback_fee_bps cashback buyback_fee_bps buyback_fee
    shareholders holder_rewards_bps holder_rewards creator_fee_unclaimed unnamed_u64
    user_token_balance
    """,
)

_token_created = positional(
    TokenCreated,
    """
    id pos received_at_ns provisional block_time_s signer compute_units priority_fee_lamports
    layout tail
    mint name symbol uri user creator bonding_curve quote_mint quote_decimals token_decimals
    token_program token_total_supply virtual_token_reserves virtual_quote_reserves
    real_token_reserves mayhem_mode cashback_enabled creator_fee_bps holder_reward depth
    """,
)


def _maybe(key: bytes | None) -> str | None:
    return None if key is None else address(key)


def _quote_mint(key: bytes | None) -> str:
    # Layouts from before other quotes existed do not name it.
    return NATIVE_SOL if key is None else address(key)


def _quote_decimals(context: Context, key: bytes | None) -> int | None:
    if key is None or key == _NATIVE_SOL_KEY:
        return SOL_DECIMALS
    return context.balances.decimals(address(key))


def curve_traded(context: Context, event: WireEvent) -> CurveTraded:
    """From a TradeEvent: for a quote other than SOL the `sol_*` fields are 0 and mean nothing."""
    # fmt: off
    (
        mint, sol_amount, token_amount, is_buy, user, timestamp, virtual_sol_reserves,
        virtual_token_reserves, real_sol_reserves, real_token_reserves,
        fee_recipient, fee_bps, fee, creator, creator_fee_bps, creator_fee,
        track_volume, total_unclaimed_tokens, total_claimed_tokens, current_sol_volume,
        last_update_time_s,
        ix_name,
        mayhem_mode,
        cashback_fee_bps, cashback,
        buyback_fee_bps, buyback_fee, shareholders, quote_mint, quote_amount,
        virtual_quote_reserves, real_quote_reserves,
        holder_rewards_bps, holder_rewards,
        creator_fee_unclaimed,
        unnamed_u64,
    ) = event.padded
    # fmt: on
    quote, quote_decimals = _quote_mint(quote_mint), _quote_decimals(context, quote_mint)
    token, trader = address(mint), address(user)
    if quote_mint is None or quote_mint == _NATIVE_SOL_KEY:
        quote_amount = sol_amount
        virtual_quote_reserves = virtual_sol_reserves
        real_quote_reserves = real_sol_reserves
    # fmt: off
    return _curve_traded(
        *context.common(event, timestamp),
        token, "buy" if is_buy else "sell", trader, quote, quote_decimals,
        PUMP_TOKEN_DECIMALS, quote_amount, token_amount,
        virtual_quote_reserves, virtual_token_reserves, real_quote_reserves, real_token_reserves,
        None if fee_recipient is None else address(fee_recipient), fee_bps, fee,
        None if creator is None else address(creator), creator_fee_bps, creator_fee,
        track_volume, total_unclaimed_tokens, total_claimed_tokens, current_sol_volume,
        last_update_time_s, ix_name, mayhem_mode, cashback_fee_bps, cashback, buyback_fee_bps,
        buyback_fee, _shareholders(shareholders) if shareholders else (), holder_rewards_bps,
        holder_rewards, creator_fee_unclaimed, unnamed_u64, context.balances.after(trader, token),
    )
    # fmt: on


def _shareholders(pairs: Iterable[tuple[bytes, int]]) -> tuple[Shareholder, ...]:
    return tuple(Shareholder(address=address(key), share_bps=bps) for key, bps in pairs)


def token_created(context: Context, event: WireEvent) -> TokenCreated:
    """From a CreateEvent."""
    # fmt: off
    (
        name, symbol, uri, mint, bonding_curve, user,
        creator, timestamp,
        virtual_token_reserves, virtual_sol_reserves, real_token_reserves, token_total_supply,
        token_program, is_mayhem_mode,
        is_cashback_enabled,
        quote_mint, virtual_quote_reserves,
        creator_fee_bps,
        is_holder_reward,
        depth,
    ) = event.padded
    # fmt: on
    if quote_mint is None or quote_mint == _NATIVE_SOL_KEY:
        virtual_quote_reserves = virtual_sol_reserves
    # fmt: off
    return _token_created(
        *context.common(event, timestamp),
        address(mint), name, symbol, uri, address(user), _maybe(creator), address(bonding_curve),
        _quote_mint(quote_mint), _quote_decimals(context, quote_mint), PUMP_TOKEN_DECIMALS,
        _maybe(token_program), token_total_supply, virtual_token_reserves, virtual_quote_reserves,
        real_token_reserves, is_mayhem_mode, is_cashback_enabled, creator_fee_bps,
        is_holder_reward, depth,
    )
    # fmt: on


def curve_completed(context: Context, event: WireEvent) -> CurveCompleted:
    """From a CompleteEvent."""
    user, mint, bonding_curve, timestamp, quote_mint = event.padded
    return CurveCompleted(
        **context.named(event, timestamp),
        mint=address(mint),
        user=address(user),
        bonding_curve=address(bonding_curve),
        quote_mint=_quote_mint(quote_mint),
    )


def token_migrated(context: Context, event: WireEvent) -> TokenMigrated:
    """From a CompletePumpAmmMigrationEvent."""
    # fmt: off
    (
        user, mint, mint_amount, sol_amount, pool_migration_fee, bonding_curve, timestamp, pool,
        quote_mint,
    ) = event.padded
    # fmt: on
    return TokenMigrated(
        **context.named(event, timestamp),
        mint=address(mint),
        user=address(user),
        bonding_curve=address(bonding_curve),
        pool=address(pool),
        quote_mint=_quote_mint(quote_mint),
        token_amount=mint_amount,
        quote_amount=sol_amount,
        pool_migration_fee=pool_migration_fee,
    )


def completion_traded(context: Context, event: WireEvent) -> CompletionTraded:
    """From a PostCompleteBuyEvent."""
    # fmt: off
    (
        user, mint, bonding_curve, quote_mint, timestamp, base_out, quote_in, fee_bps, fee,
        creator_fee_bps, creator_fee, buyback_fee, pool_base_reserves_before,
        pool_quote_reserves_before, pool_base_reserves_after, pool_quote_reserves_after,
    ) = event.padded
    # fmt: on
    token, trader = address(mint), address(user)
    return CompletionTraded(
        **context.named(event, timestamp),
        mint=token,
        side="buy",
        user=trader,
        bonding_curve=address(bonding_curve),
        quote_mint=address(quote_mint),
        quote_decimals=_quote_decimals(context, quote_mint),
        token_decimals=PUMP_TOKEN_DECIMALS,
        quote_amount=quote_in,
        token_amount=base_out,
        fee_bps=fee_bps,
        fee=fee,
        creator_fee_bps=creator_fee_bps,
        creator_fee=creator_fee,
        buyback_fee=buyback_fee,
        pool_base_reserves_before=pool_base_reserves_before,
        pool_quote_reserves_before=pool_quote_reserves_before,
        pool_base_reserves_after=pool_base_reserves_after,
        pool_quote_reserves_after=pool_quote_reserves_after,
        user_token_balance=context.balances.after(trader, token),
    )


def curve_repriced(context: Context, event: WireEvent) -> CurveRepriced:
    """From an UpdateMayhemVirtualParamsEvent."""
    # fmt: off
    (
        timestamp, mint, old_virtual_token_reserves, old_virtual_quote_reserves,
        virtual_token_reserves, virtual_quote_reserves, real_token_reserves, real_quote_reserves,
    ) = event.padded
    # fmt: on
    return CurveRepriced(
        **context.named(event, timestamp),
        mint=address(mint),
        old_virtual_token_reserves=old_virtual_token_reserves,
        old_virtual_quote_reserves=old_virtual_quote_reserves,
        virtual_token_reserves=virtual_token_reserves,
        virtual_quote_reserves=virtual_quote_reserves,
        real_token_reserves=real_token_reserves,
        real_quote_reserves=real_quote_reserves,
    )


def curve_fee_swept(context: Context, event: WireEvent) -> CurveFeeSwept:
    """From a SweepBondingCurveFeeEvent."""
    timestamp, mint, bonding_curve, quote_mint, recipient, amount, bucket = event.padded
    return CurveFeeSwept(
        **context.named(event, timestamp),
        mint=address(mint),
        bonding_curve=address(bonding_curve),
        quote_mint=address(quote_mint),
        recipient=address(recipient),
        amount=amount,
        bucket=bucket,
    )
