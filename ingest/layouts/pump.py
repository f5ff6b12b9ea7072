"""The events of the bonding-curve program."""

from domain.programs import PUMP
from ingest.layouts.declaration import declare

EVENTS = declare(
    PUMP,
    """
type Shareholder {address pk, share_bps u16}

TradeEvent bddb7fd34ee661ee
  T1 mint pk, sol_amount u64, token_amount u64, is_buy bool, user pk, timestamp i64,
     virtual_sol_reserves u64, virtual_token_reserves u64, real_sol_reserves u64,
     real_token_reserves u64
  T2 fee_recipient pk, fee_basis_points u64, fee u64, creator pk, creator_fee_basis_points u64,
     creator_fee u64
  T3 track_volume bool, total_unclaimed_tokens u64, total_claimed_tokens u64,
     current_sol_volume u64, last_update_timestamp i64
  T4 ix_name string
  T5 mayhem_mode bool
  T6 cashback_fee_basis_points u64, cashback u64
  T7 buyback_fee_basis_points u64, buyback_fee u64, shareholders vec<Shareholder>, quote_mint pk,
     quote_amount u64, virtual_quote_reserves u64, real_quote_reserves u64
  T8 holder_rewards_bps u64, holder_rewards u64
  T9 creator_fee_unclaimed u64
  T9+u64 unnamed_u64 u64

CreateEvent 1b72a94ddeeb6376
  C1 name string, symbol string, uri string, mint pk, bonding_curve pk, user pk
  C1b creator pk, timestamp i64
  C2 virtual_token_reserves u64, virtual_sol_reserves u64, real_token_reserves u64,
     token_total_supply u64
  C3 token_program pk, is_mayhem_mode bool
  C4 is_cashback_enabled bool
  C5 quote_mint pk, virtual_quote_reserves u64
  C6 creator_fee_bps u64
  C7 is_holder_reward bool
  C8 depth u8

PostCompleteBuyEvent 6fb06d8b316cd5fb
  1 user pk, mint pk, bonding_curve pk, quote_mint pk, timestamp i64, base_out u64, quote_in u64,
    fee_basis_points u64, fee u64, creator_fee_basis_points u64, creator_fee u64,
    buyback_fee u64, pool_base_reserves_before u64, pool_quote_reserves_before u64,
    pool_base_reserves_after u64, pool_quote_reserves_after u64

SweepBondingCurveFeeEvent 742b4dbd117a482b
  1 timestamp i64, mint pk, bonding_curve pk, quote_mint pk, recipient pk, amount u64, bucket u8

SetQuoteControlMintReservesEvent a943276d6686b6e8
  1 quote_control pk, authority pk, quote_mint pk, old_initial_virtual_quote_reserves u64,
    new_initial_virtual_quote_reserves u64, timestamp i64

SetQuoteControlReservesAdminEvent 43fbb3b6575ca921
  1 quote_control pk, authority pk, old_reserves_admin pk, new_reserves_admin pk, timestamp i64

AddQuoteControlMintEvent a4af574a582d213e
  1 quote_control pk, authority pk, quote_mint pk, initial_virtual_quote_reserves u64,
    timestamp i64

AdminCtoEvent 6e7ce262aaff1178
  1 timestamp i64, authority pk, mint pk, bonding_curve pk, old_creator pk, new_creator pk,
    is_holder_reward bool, is_cashback_coin bool, old_creator_fee_bps u64,
    new_creator_fee_bps u64, sharing_config_reset bool, swept_to_holder_vault u64,
    pool_updated bool

AdminSetCreatorEvent 4045c0681d1e196b
  1 timestamp i64, admin_set_creator_authority pk, mint pk, bonding_curve pk, old_creator pk,
    new_creator pk

AdminSetIdlAuthorityEvent f53b46224bb96d5c
  1 idl_authority pk

AdminUpdateTokenIncentivesEvent 93fa6c78f71d43de
  1 start_time i64, end_time i64, day_number u64, token_supply_per_day u64
  2 mint pk, seconds_in_a_day i64, timestamp i64

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

CollectCreatorFeeEvent 7a027f010ebf0caf
  1 timestamp i64, creator pk, creator_fee u64
  2 quote_mint pk

CompleteEvent 5f72619cd42e9808
  1 user pk, mint pk, bonding_curve pk, timestamp i64
  2 quote_mint pk

CompletePumpAmmMigrationEvent bde95db95c94ea94
  1 user pk, mint pk, mint_amount u64, sol_amount u64, pool_migration_fee u64, bonding_curve pk,
    timestamp i64, pool pk
  2 quote_mint pk

DistributeCreatorFeesEvent a537817004b3ca28
  1 timestamp i64, mint pk, bonding_curve pk, sharing_config pk, admin pk,
    shareholders vec<Shareholder>, distributed u64
  2 quote_mint pk

DistributeFeeToHoldersEvent e3bed7ceb0b4a584
  1 timestamp i64, mint pk, quote_mint pk, recipients u64, total u64

ExtendAccountEvent 6161d7905d92167c
  1 account pk, user pk, current_size u64, new_size u64, timestamp i64

InitUserVolumeAccumulatorEvent 86240d48e86582d8
  1 payer pk, user pk, timestamp i64

MigrateBondingCurveCreatorEvent 9ba768dcd56cf303
  1 timestamp i64, mint pk, bonding_curve pk, sharing_config pk, old_creator pk, new_creator pk

MinimumDistributableFeeEvent a8d884efebb63134
  1 minimum_required u64, distributable_fees u64, can_distribute bool

RemoveQuoteControlMintEvent 2e21568600d5d130
  1 quote_control pk, authority pk, quote_mint pk, timestamp i64

ReservedFeeRecipientsEvent 2bbcfa12dd4bbb5f
  1 timestamp i64, reserved_fee_recipient pk, reserved_fee_recipients [pk;7]

SetCreatorEvent ed347b25f5fb48d2
  1 timestamp i64, mint pk, bonding_curve pk, creator pk

SetMetaplexCreatorEvent 8ecb06207f69bfa2
  1 timestamp i64, mint pk, bonding_curve pk, metadata pk, creator pk

SetParamsEvent dfc39ff63e308f83
  1 initial_virtual_token_reserves u64, initial_virtual_sol_reserves u64,
    initial_real_token_reserves u64, final_real_sol_reserves u64, token_total_supply u64,
    fee_basis_points u64, withdraw_authority pk, enable_migrate bool, pool_migration_fee u64,
    creator_fee_basis_points u64, fee_recipients [pk;8], timestamp i64
  2 set_creator_authority pk
  3 admin_set_creator_authority pk

SetQuoteControlAdminEvent 4af88d45ca511ef7
  1 quote_control pk, authority pk, old_admin pk, new_admin pk, timestamp i64

SyncUserVolumeAccumulatorEvent c57aa77c74515bff
  1 user pk, total_claimed_tokens_before u64, total_claimed_tokens_after u64
  2 timestamp i64

UpdateCreatorFeeConfigEvent 98c67c7c6af67fbf
  1 timestamp i64, authority pk, creator_fee_configurable bool,
    max_configurable_creator_fee_bps u64

UpdateGlobalAuthorityEvent b6c3892a23cecff7
  1 global pk, authority pk, new_authority pk, timestamp i64

UpdateMayhemVirtualParamsEvent 757be4b6a1a8dcd6
  1 timestamp i64, mint pk, virtual_token_reserves u64, virtual_sol_reserves u64,
    new_virtual_token_reserves u64, new_virtual_sol_reserves u64, real_token_reserves u64,
    real_sol_reserves u64
""",
)
