"""The events of the PumpSwap AMM program."""

from domain.programs import PUMP_AMM
from ingest.layouts.declaration import declare

EVENTS = declare(
    PUMP_AMM,
    """
BuyEvent 67f4521f2cf57777
  B1 timestamp i64, base_amount_out u64, max_quote_amount_in u64, user_base_token_reserves u64,
     user_quote_token_reserves u64, pool_base_token_reserves u64, pool_quote_token_reserves u64,
     quote_amount_in u64, lp_fee_basis_points u64, lp_fee u64, protocol_fee_basis_points u64,
     protocol_fee u64, quote_amount_in_with_lp_fee u64, user_quote_amount_in u64, pool pk,
     user pk, user_base_token_account pk, user_quote_token_account pk, protocol_fee_recipient pk,
     protocol_fee_recipient_token_account pk
  B2 coin_creator pk, coin_creator_fee_basis_points u64, coin_creator_fee u64
  B3 track_volume bool, total_unclaimed_tokens u64, total_claimed_tokens u64,
     current_sol_volume u64, last_update_timestamp i64
  B4 min_base_amount_out u64, ix_name string
  B5 cashback_fee_basis_points u64, cashback u64
  B6 buyback_fee_basis_points u64, buyback_fee u64
  B7 virtual_quote_reserves i128, can_boost bool, base_supply u64
  B8 holder_rewards_bps u64, holder_rewards u64
  B9 creator_fee_unclaimed u64
  B9+u64 unnamed_u64 u64

SellEvent 3e2f370aa503dc2a
  S1 timestamp i64, base_amount_in u64, min_quote_amount_out u64, user_base_token_reserves u64,
     user_quote_token_reserves u64, pool_base_token_reserves u64, pool_quote_token_reserves u64,
     quote_amount_out u64, lp_fee_basis_points u64, lp_fee u64, protocol_fee_basis_points u64,
     protocol_fee u64, quote_amount_out_without_lp_fee u64, user_quote_amount_out u64, pool pk,
     user pk, user_base_token_account pk, user_quote_token_account pk, protocol_fee_recipient pk,
     protocol_fee_recipient_token_account pk
  S2 coin_creator pk, coin_creator_fee_basis_points u64, coin_creator_fee u64
  S3 cashback_fee_basis_points u64, cashback u64
  S4 buyback_fee_basis_points u64, buyback_fee u64
  S6 virtual_quote_reserves i128, can_boost bool, base_supply u64
  S7 holder_rewards_bps u64, holder_rewards u64
  S8 creator_fee_unclaimed u64
  S8+u64 unnamed_u64 u64

CreatePoolEvent b1310cd2a076a774
  P1 timestamp i64, index u16, creator pk, base_mint pk, quote_mint pk, base_mint_decimals u8,
     quote_mint_decimals u8, base_amount_in u64, quote_amount_in u64, pool_base_amount u64,
     pool_quote_amount u64, minimum_liquidity u64, initial_liquidity u64,
     lp_token_amount_out u64, pool_bump u8, pool pk, lp_mint pk, user_base_token_account pk,
     user_quote_token_account pk
  P2 coin_creator pk
  P3 is_mayhem_mode bool
  P4 creator_fee_bps u64, can_edit_creator_fee bool
  P5 is_holder_reward bool

SweepPoolFeeEvent 82a42461e48287a5
  1 timestamp i64, pool pk, base_mint pk, quote_mint pk, recipient pk, payer pk, amount u64,
    bucket u8

AdminCtoPoolEvent 2f23a3f9969d937a
  1 timestamp i64, base_mint pk, pool pk, old_coin_creator pk, new_coin_creator pk,
    is_holder_reward bool, is_cashback_coin bool, old_creator_fee_bps u64,
    new_creator_fee_bps u64

AdminSetCoinCreatorEvent 2ddc5d181961ac68
  1 timestamp i64, admin_set_coin_creator_authority pk, base_mint pk, pool pk,
    old_coin_creator pk, new_coin_creator pk

AdminSetCoinCreatorFeeEditableEvent bfc67fbc6dae0969
  1 timestamp i64, admin_set_coin_creator_authority pk, base_mint pk, pool pk

AdminUpdateTokenIncentivesEvent 93fa6c78f71d43de
  1 start_time i64, end_time i64, day_number u64, token_supply_per_day u64
  2 mint pk, seconds_in_a_day i64, timestamp i64

BoostBuyAndBurnEvent 3f451c16305cc2b9
  1 timestamp i64, mint pk, bonding_curve pk, pool pk, authority pk,
    quote_amount_in_requested u64, quote_amount_in_used u64, base_amount_burned u64,
    virtual_quote_reserves i128, real_quote_reserves_after u64, base_reserves_after u64,
    boost_vault_remaining u64

ClaimCashbackEvent e2d6f62107f293e5
  1 user pk, amount u64, timestamp i64, total_claimed u64, total_cashback_earned u64

ClaimTokenIncentivesEvent 4facf631cd5bcee8
  1 user pk, mint pk, amount u64
  2 timestamp i64
  3 total_claimed_tokens u64, current_sol_volume u64

CloseUserVolumeAccumulatorEvent 929fbdac925838f4
  1 user pk, timestamp i64
  2 total_unclaimed_tokens u64, total_claimed_tokens u64, current_sol_volume u64,
    last_update_timestamp i64

CollectCoinCreatorFeeEvent e8f5c2eeeada3a59
  1 timestamp i64, coin_creator pk, coin_creator_fee u64, coin_creator_vault_ata pk,
    coin_creator_token_account pk

CreateConfigEvent 6b34598137e25116
  1 timestamp i64, admin pk, lp_fee_basis_points u64, protocol_fee_basis_points u64,
    protocol_fee_recipients [pk;8]
  2 coin_creator_fee_basis_points u64
  3 admin_set_coin_creator_authority pk

DepositEvent 78f83d531f8e6b90
  1 timestamp i64, lp_token_amount_out u64, max_base_amount_in u64, max_quote_amount_in u64,
    user_base_token_reserves u64, user_quote_token_reserves u64, pool_base_token_reserves u64,
    pool_quote_token_reserves u64, base_amount_in u64, quote_amount_in u64, lp_mint_supply u64,
    pool pk, user pk, user_base_token_account pk, user_quote_token_account pk,
    user_pool_token_account pk

DisableEvent 6bfdc14ce4ca1b68
  1 timestamp i64, admin pk, disable_create_pool bool, disable_deposit bool,
    disable_withdraw bool, disable_buy bool, disable_sell bool

ExtendAccountEvent 6161d7905d92167c
  1 timestamp i64, account pk, user pk, current_size u64, new_size u64

InitBoostEvent ae7c4af90451f611
  1 timestamp i64, mint pk, bonding_curve pk, pool pk, virtual_quote_reserves i128,
    real_quote_reserves_after u64

InitUserVolumeAccumulatorEvent 86240d48e86582d8
  1 payer pk, user pk, timestamp i64

MigratePoolCoinCreatorEvent aadd52c793a5f72e
  1 timestamp i64, base_mint pk, pool pk, sharing_config pk, old_coin_creator pk,
    new_coin_creator pk

ReservedFeeRecipientsEvent 2bbcfa12dd4bbb5f
  1 timestamp i64, reserved_fee_recipient pk, reserved_fee_recipients [pk;7]

SetBondingCurveCoinCreatorEvent f2e7eb664163bdd3
  1 timestamp i64, base_mint pk, pool pk, bonding_curve pk, coin_creator pk

SetBoostAuthorityEvent 5980f08d5bca4769
  1 timestamp i64, admin pk, old_boost_authority pk, new_boost_authority pk

SetCoinCreatorFeeBpsEvent e68af19e1ce8e4d3
  1 timestamp i64, authority pk, base_mint pk, pool pk, old_creator_fee_bps u64,
    new_creator_fee_bps u64

SetMetaplexCoinCreatorEvent 966bc77b7ccf66e4
  1 timestamp i64, base_mint pk, pool pk, metadata pk, coin_creator pk

SyncUserVolumeAccumulatorEvent c57aa77c74515bff
  1 user pk, total_claimed_tokens_before u64, total_claimed_tokens_after u64
  2 timestamp i64

UpdateAdminEvent e198ab57f63f42ea
  1 timestamp i64, admin pk, new_admin pk

UpdateCreatorFeeConfigEvent 98c67c7c6af67fbf
  1 timestamp i64, admin pk, creator_fee_configurable bool, max_configurable_creator_fee_bps u64

UpdateFeeConfigEvent 5a1741233ef4bcd0
  1 timestamp i64, admin pk, lp_fee_basis_points u64, protocol_fee_basis_points u64,
    protocol_fee_recipients [pk;8]
  2 coin_creator_fee_basis_points u64
  3 admin_set_coin_creator_authority pk

WithdrawEvent 1609851aa02c47c0
  1 timestamp i64, lp_token_amount_in u64, min_base_amount_out u64, min_quote_amount_out u64,
    user_base_token_reserves u64, user_quote_token_reserves u64, pool_base_token_reserves u64,
    pool_quote_token_reserves u64, base_amount_out u64, quote_amount_out u64, lp_mint_supply u64,
    pool pk, user pk, user_base_token_account pk, user_quote_token_account pk,
    user_pool_token_account pk
""",
)
