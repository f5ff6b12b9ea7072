"""The events of the fee program."""

from domain.programs import PUMP_FEES
from ingest.layouts.declaration import declare

EVENTS = declare(
    PUMP_FEES,
    """
type Shareholder {address pk, share_bps u16}
type Fees {lp_fee_bps u64, protocol_fee_bps u64, creator_fee_bps u64}
type FeeTier {market_cap_lamports_threshold u128, fees Fees}
type ConfigStatus enum<Paused|Active>

CreateFeeSharingConfigEvent 8569aac8b874fb58
  1 timestamp i64, mint pk, bonding_curve pk, pool option<pk>, sharing_config pk, admin pk,
    initial_shareholders vec<Shareholder>, status ConfigStatus

DonationFeePdaCranked 1ed06b5db100df4e
  1 timestamp i64, signer pk, donation_fee_pda pk, config_id pk, base_mint pk, quote_mint pk,
    creator pk, amount u64

DonationFeePdaCreated 5e1489ef234de1eb
  1 timestamp i64, created_by pk, donation_fee_pda pk, config_id pk, base_mint pk, quote_mint pk,
    creator pk

ExtendFeeConfigEvent e2cbe023990a5833
  1 fee_config pk, user pk, current_size u64, new_size u64, timestamp i64

InitializeFeeConfigEvent 598af4e60a38e27e
  1 timestamp i64, admin pk, fee_config pk

InitializeFeeProgramGlobalEvent 28e99c4e5f0008c7
  1 timestamp i64, authority pk, social_claim_authority pk, disable_flags u8,
    claim_rate_limit u64

ResetFeeSharingConfigEvent cbcc97e27837d6f3
  1 timestamp i64, mint pk, sharing_config pk, old_admin pk, old_shareholders vec<Shareholder>,
    new_admin pk, new_shareholders vec<Shareholder>
  2 old_version u8, new_version u8

RevokeFeeSharingAuthorityEvent 7217653c0ebe993e
  1 timestamp i64, mint pk, sharing_config pk, admin pk

SetAuthorityEvent 12af8442d0c957f2
  1 timestamp i64, old_authority pk, new_authority pk

SetClaimRateLimitEvent 0d8f8febb5133328
  1 timestamp i64, claim_rate_limit u64

SetDisableFlagsEvent 0508b3413137917e
  1 timestamp i64, disable_flags u8

SetExoticFlatFeesEvent c38a6c0f084d4409
  1 timestamp i64, admin pk, fee_config pk, exotic_flat_fees Fees

SetSocialClaimAuthorityEvent 3c767f84ef34fe0e
  1 timestamp i64, social_claim_authority pk

SocialFeePdaClaimed 3212c141edd2eaec
  1 timestamp i64, user_id string, platform u8, social_fee_pda pk, recipient pk,
    social_claim_authority pk, amount_claimed u64, claimable_before u64, lifetime_claimed u64,
    recipient_balance_before u64, recipient_balance_after u64
  2 quote_mint pk, lifetime_stable_claimed u64

SocialFeePdaCreated b7b7da93187c89a9
  1 timestamp i64, user_id string, platform u8, social_fee_pda pk, created_by pk

SweepBuybackEvent 2b382ad69939a689
  1 index u8, sol_amount u64, token_amount u64, destination pk, buyback_vault pk, mint pk

TransferFeeSharingAuthorityEvent 7c8fc6f54db808ec
  1 timestamp i64, mint pk, sharing_config pk, old_admin pk, new_admin pk

UpdateAdminEvent e198ab57f63f42ea
  1 timestamp i64, old_admin pk, new_admin pk

UpdateFeeConfigEvent 5a1741233ef4bcd0
  1 timestamp i64, admin pk, fee_config pk, fee_tiers vec<FeeTier>, flat_fees Fees

UpdateFeeSharesEvent 15bac4b85be4e1cb
  1 timestamp i64, mint pk, sharing_config pk, admin pk, new_shareholders vec<Shareholder>
  2 version u8

UpdateStableFeeConfigEvent 5e052bed6793e8f5
  1 timestamp i64, admin pk, fee_config pk, stable_fee_tiers vec<FeeTier>, flat_fees Fees

UpsertFeeTiersEvent ab59a9bb7aba21cc
  1 timestamp i64, admin pk, fee_config pk, fee_tiers vec<FeeTier>, offset u8

UpsertStableFeeTiersEvent e8eded34629249f3
  1 timestamp i64, admin pk, fee_config pk, stable_fee_tiers vec<FeeTier>, offset u8
""",
)
