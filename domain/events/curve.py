"""Facts about tokens on their bonding curves, from launch to graduation."""

from typing import ClassVar

import msgspec

from domain.events.base import MintEvent, Side


class Shareholder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One who has a share of a token's creator fees."""

    address: str
    share_bps: int


class TokenCreated(MintEvent, frozen=True, kw_only=True, gc=False, tag="token.created"):
    """A token was launched on a bonding curve."""

    subject_root: ClassVar = "pump.token.created"

    name: str
    symbol: str
    uri: str
    user: str
    creator: str | None = None
    bonding_curve: str
    quote_mint: str
    """`1111…` for native SOL."""
    quote_decimals: int | None = None
    token_decimals: int
    token_program: str | None = None
    token_total_supply: int | None = None
    virtual_token_reserves: int | None = None
    virtual_quote_reserves: int | None = None
    real_token_reserves: int | None = None
    mayhem_mode: bool | None = None
    cashback_enabled: bool | None = None
    creator_fee_bps: int | None = None
    holder_reward: bool | None = None
    depth: int | None = None


class CurveTraded(MintEvent, frozen=True, kw_only=True, gc=False, tag="curve.traded"):
    """A token was bought from or sold to its bonding curve; reserves are those AFTER the trade."""

    subject_root: ClassVar = "pump.curve.traded"

    side: Side
    user: str
    quote_mint: str
    quote_decimals: int | None = None
    token_decimals: int
    quote_amount: int
    """What the curve took or gave, without fees."""
    token_amount: int
    virtual_quote_reserves: int
    virtual_token_reserves: int
    real_quote_reserves: int
    real_token_reserves: int
    fee_recipient: str | None = None
    """`1111…` says that the fee stayed on the curve."""
    fee_bps: int | None = None
    fee: int | None = None
    creator: str | None = None
    creator_fee_bps: int | None = None
    creator_fee: int | None = None
    track_volume: bool | None = None
    total_unclaimed_tokens: int | None = None
    total_claimed_tokens: int | None = None
    current_sol_volume: int | None = None
    last_update_time_s: int | None = None
    ix_name: str | None = None
    mayhem_mode: bool | None = None
    cashback_fee_bps: int | None = None
    cashback: int | None = None
    buyback_fee_bps: int | None = None
    buyback_fee: int | None = None
    shareholders: tuple[Shareholder, ...] = ()
    holder_rewards_bps: int | None = None
    holder_rewards: int | None = None
    creator_fee_unclaimed: int | None = None
    unnamed_u64: int | None = None
    """Appended in October 2026; the program has not published what it says."""
    user_token_balance: int | None = None
    """What the user's accounts that take part hold of the token after the whole transaction, which
    may trade it more than once; absent where the transaction does not report it."""


class CurveCompleted(MintEvent, frozen=True, kw_only=True, gc=False, tag="curve.completed"):
    """A bonding curve sold its last token and waits for its migration."""

    subject_root: ClassVar = "pump.curve.completed"

    user: str
    bonding_curve: str
    quote_mint: str


class CurveRepriced(MintEvent, frozen=True, kw_only=True, gc=False, tag="curve.repriced"):
    """A curve in mayhem mode was given new virtual reserves."""

    subject_root: ClassVar = "pump.curve.repriced"

    old_virtual_token_reserves: int
    old_virtual_quote_reserves: int
    virtual_token_reserves: int
    virtual_quote_reserves: int
    real_token_reserves: int
    real_quote_reserves: int


class CurveFeeSwept(MintEvent, frozen=True, kw_only=True, gc=False, tag="curve.fee_swept"):
    """Fees that had stayed on a bonding curve were paid out."""

    subject_root: ClassVar = "pump.curve.fee_swept"

    bonding_curve: str
    quote_mint: str
    recipient: str
    amount: int
    bucket: int


class CompletionTraded(MintEvent, frozen=True, kw_only=True, gc=False, tag="completion.traded"):
    """The rest of the buy that filled a curve was bought at the price of the pool to come."""

    subject_root: ClassVar = "pump.completion.traded"

    side: Side
    user: str
    bonding_curve: str
    quote_mint: str
    quote_decimals: int | None = None
    token_decimals: int
    quote_amount: int
    """Quote in, as the program reports it (`quote_in`)."""
    token_amount: int
    fee_bps: int
    fee: int
    creator_fee_bps: int
    creator_fee: int
    buyback_fee: int
    pool_base_reserves_before: int
    pool_quote_reserves_before: int
    pool_base_reserves_after: int
    pool_quote_reserves_after: int
    user_token_balance: int | None = None
    """What the user's accounts that take part hold of the token after the whole transaction, which
    may trade it more than once; absent where the transaction does not report it."""


class TokenMigrated(MintEvent, frozen=True, kw_only=True, gc=False, tag="token.migrated"):
    """A token graduated: its liquidity moved from the curve to its canonical pool."""

    subject_root: ClassVar = "pump.token.migrated"

    user: str
    bonding_curve: str
    pool: str
    quote_mint: str
    token_amount: int
    quote_amount: int
    pool_migration_fee: int
