"""The accounts whose state is read; the chain pads the programs' own with zeros."""

from domain.programs import PUMP, PUMP_AMM, PYTH_RECEIVERS
from ingest.layouts.declaration import declare

(BONDING_CURVE,) = declare(
    PUMP,
    """
BondingCurve 17b7f83760d8ac60
  1 virtual_token_reserves u64, virtual_quote_reserves u64, real_token_reserves u64,
    real_quote_reserves u64, token_total_supply u64, complete bool
  2 creator pk
  3 is_mayhem_mode bool
  4 is_cashback_coin bool
  5 quote_mint pk
  6 creator_fee_bps u64, can_edit_creator_fee bool, is_holder_reward bool
  7 creator_fee u64, protocol_fees u64
  8 depth u8, initial_virtual_quote_reserves u64, post_complete_base_out u64,
    post_complete_quote_in u64
""",
)

(POOL,) = declare(
    PUMP_AMM,
    """
Pool f19a6d0411b16dbc
  1 pool_bump u8, index u16, creator pk, base_mint pk, quote_mint pk, lp_mint pk,
    pool_base_token_account pk, pool_quote_token_account pk, lp_supply u64
  2 coin_creator pk
  3 is_mayhem_mode bool
  4 is_cashback_coin bool
  5 virtual_quote_reserves i128
  6 creator_fee_bps u64, can_edit_creator_fee bool
  7 is_holder_reward bool
  8 protocol_fees u64, creator_fees u64
""",
)

(PRICE_UPDATE,) = declare(
    PYTH_RECEIVERS[0],
    """
PriceUpdateV2 22f123639d7ef4cd
  1 write_authority pk, verification_level enum<Partial(u8)|Full>, feed_id [u8;32], price i64,
    conf u64, exponent i32, publish_time i64, prev_publish_time i64, ema_price i64, ema_conf u64,
    posted_slot u64
""",
)
