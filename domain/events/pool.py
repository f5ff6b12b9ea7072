"""Facts about pools of the PumpSwap AMM."""

from typing import ClassVar

from domain.events.base import MintEvent, Side


class PoolEvent(MintEvent, frozen=True, kw_only=True, gc=False):
    """A fact about a pool of the PumpSwap AMM.

    `mint` is the token that the pool is about: its base mint, or its quote mint where the base is
    wrapped SOL. `canonical` says that it is the pool a graduated token was migrated to, the only
    one whose trades may move the token's chart.
    """

    pool: str
    base_mint: str
    quote_mint: str
    base_decimals: int | None = None
    quote_decimals: int | None = None
    canonical: bool


class PoolCreated(PoolEvent, frozen=True, kw_only=True, gc=False, tag="pool.created"):
    """A pool was opened."""

    subject_root: ClassVar = "pump.pool.created"

    index: int
    creator: str
    base_amount: int
    quote_amount: int
    pool_base_reserves: int
    """The base vault's balance after the creation."""
    pool_quote_reserves: int
    minimum_liquidity: int
    initial_liquidity: int
    lp_token_amount: int
    lp_mint: str
    coin_creator: str | None = None
    mayhem_mode: bool | None = None
    creator_fee_bps: int | None = None
    can_edit_creator_fee: bool | None = None
    holder_reward: bool | None = None


class PoolTraded(PoolEvent, frozen=True, kw_only=True, gc=False, tag="pool.traded"):
    """Base was bought from or sold to a pool; vault balances are those BEFORE the trade."""

    subject_root: ClassVar = "pump.pool.traded"

    side: Side
    """`buy` takes base out of the pool."""
    user: str
    base_amount: int
    quote_amount: int
    """What the trade moved at the pool's price, before any fee."""
    user_quote_amount: int
    """What the user paid or received, fees and all."""
    pool_base_reserves: int
    pool_quote_reserves: int
    pool_quote_delta: int
    """How the trade changed the quote reserves that price the pool; negative for a sell."""
    virtual_quote_reserves: int = 0
    """Signed; added to the vault's balance before pricing."""
    lp_fee_bps: int
    lp_fee: int
    protocol_fee_bps: int
    protocol_fee: int
    protocol_fee_recipient: str
    """`1111…` says that the fee stayed in the pool."""
    coin_creator: str | None = None
    coin_creator_fee_bps: int | None = None
    coin_creator_fee: int | None = None
    track_volume: bool | None = None
    total_unclaimed_tokens: int | None = None
    total_claimed_tokens: int | None = None
    current_sol_volume: int | None = None
    last_update_time_s: int | None = None
    ix_name: str | None = None
    cashback_fee_bps: int | None = None
    cashback: int | None = None
    buyback_fee_bps: int | None = None
    buyback_fee: int | None = None
    can_boost: bool | None = None
    base_supply: int | None = None
    """The base mint's supply at the trade."""
    holder_rewards_bps: int | None = None
    holder_rewards: int | None = None
    creator_fee_unclaimed: int | None = None
    unnamed_u64: int | None = None
    """Appended in October 2026; the program has not published what it says."""
    user_token_balance: int | None = None
    """What the user's accounts that take part hold of the token after the whole transaction, which
    may trade it more than once; absent where the transaction does not report it."""


class PoolDeposited(PoolEvent, frozen=True, kw_only=True, gc=False, tag="pool.deposited"):
    """Liquidity was added; vault balances are those BEFORE it."""

    subject_root: ClassVar = "pump.pool.deposited"

    user: str
    base_amount: int
    quote_amount: int
    lp_token_amount: int
    lp_mint_supply: int
    pool_base_reserves: int
    pool_quote_reserves: int


class PoolWithdrawn(PoolEvent, frozen=True, kw_only=True, gc=False, tag="pool.withdrawn"):
    """Liquidity was taken out; vault balances are those BEFORE it."""

    subject_root: ClassVar = "pump.pool.withdrawn"

    user: str
    base_amount: int
    quote_amount: int
    lp_token_amount: int
    lp_mint_supply: int
    pool_base_reserves: int
    pool_quote_reserves: int


class PoolFeeSwept(MintEvent, frozen=True, kw_only=True, gc=False, tag="pool.fee_swept"):
    """Fees that had stayed in a pool were paid out."""

    subject_root: ClassVar = "pump.pool.fee_swept"

    pool: str
    base_mint: str
    quote_mint: str
    recipient: str
    payer: str
    amount: int
    bucket: int


class PoolBoosted(MintEvent, frozen=True, kw_only=True, gc=False, tag="pool.boosted"):
    """A pool was given virtual quote reserves at its migration."""

    subject_root: ClassVar = "pump.pool.boosted"

    pool: str
    bonding_curve: str
    virtual_quote_reserves: int
    pool_quote_reserves: int
    """The quote vault's balance after it."""


class PoolBurned(MintEvent, frozen=True, kw_only=True, gc=False, tag="pool.burned"):
    """A boost bought base from a pool and burned it, which shrinks the token's supply."""

    subject_root: ClassVar = "pump.pool.burned"

    pool: str
    bonding_curve: str
    authority: str
    quote_amount_requested: int
    quote_amount: int
    base_amount: int
    virtual_quote_reserves: int
    pool_base_reserves: int
    """The base vault's balance after it."""
    pool_quote_reserves: int
    boost_vault_remaining: int
