"""Addresses of the chain: programs, fee recipients, and the accounts that programs derive."""

from functools import lru_cache

from solders.pubkey import Pubkey

from domain.programs import PUMP, PUMP_AMM, PUMP_FEES, USDC, WRAPPED_SOL

ASSOCIATED_ACCOUNTS_MAX = 50_000
"""Users' token accounts whose derived address is remembered."""


def key(text: str) -> bytes:
    """The 32 bytes of a base58 address."""
    return bytes(Pubkey.from_string(text))


def text(address: bytes) -> str:
    """An address in base58."""
    return str(Pubkey(address))


def derived(program: bytes, *seeds: bytes) -> bytes:
    """The address that a program derives from seeds."""
    return bytes(derived_with_bump(program, *seeds)[0])


def derived_with_bump(program: bytes, *seeds: bytes) -> tuple[bytes, int]:
    """The same together with its bump."""
    address, bump = Pubkey.find_program_address(list(seeds), Pubkey(program))
    return bytes(address), bump


SYSTEM = bytes(32)
NOBODY = bytes(32)
"""As a fee recipient: the fee stays where it is. As a quote mint: native SOL."""
BUDGET = key("ComputeBudget111111111111111111111111111111")
TOKEN = key("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022 = key("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ASSOCIATED = key("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
MAYHEM_PROGRAM = key("MAyhSmzXzV1pTf7LsNkrNwkWKTo4ougAJ1PPg47MD4e")
PUMP_KEY, AMM_KEY, FEES_KEY = key(PUMP), key(PUMP_AMM), key(PUMP_FEES)
WSOL_KEY, USDC_KEY = key(WRAPPED_SOL), key(USDC)

GLOBAL = derived(PUMP_KEY, b"global")
MINT_AUTHORITY = derived(PUMP_KEY, b"mint-authority")
PUMP_EVENTS = derived(PUMP_KEY, b"__event_authority")
AMM_EVENTS = derived(AMM_KEY, b"__event_authority")
AMM_CONFIG = derived(AMM_KEY, b"global_config")
PUMP_FEE_CONFIG = derived(FEES_KEY, b"fee_config", PUMP_KEY)
AMM_FEE_CONFIG = derived(FEES_KEY, b"fee_config", AMM_KEY)
PUMP_VOLUME = derived(PUMP_KEY, b"global_volume_accumulator")
AMM_VOLUME = derived(AMM_KEY, b"global_volume_accumulator")
MAYHEM_AUTHORITY = derived(MAYHEM_PROGRAM, b"sol-vault")

FEE_RECIPIENTS = tuple(
    key(address)
    for address in (
        "62qc2CNXwrYqQScmEdiZFFAnJR262PxWEuNQtxfafNgV",
        "7VtfL8fvgNfhz17qKRMjzQEXgbdpnHHHQRh54R9jP2RJ",
        "7hTckgnGnLQR6sdH7YkqFTAA7VwTfYFaZ6EhEsU3saCX",
        "9rPYyANsfQZw3DnDmKE3YCQF5E8oD89UXoHn9JFEhJUz",
        "AVmoTthdrX6tKt4nDjco2D775W2YK3sDhxPcMmzUAmTY",
        "CebN5WGQ4jvEPvsVU4EoHEpgzq1VV7AbicfhtW4xC9iM",
        "FWsW1xNtWscwNmKv6wVsU1iTzRN6wmmk3MjxRP5tT7hz",
        "G5UZAVbAf46s7cKWoyKu8kYTip9DGTpbLZ2qa9Aq69dP",
    )
)
BUYBACK_RECIPIENTS = tuple(
    key(address)
    for address in (
        "5YxQFdt3Tr9zJLvkFccqXVUwhdTWJQc1fFg2YPbxvxeD",
        "9M4giFFMxmFGXtc3feFzRai56WbBqehoSeRE5GK7gf7",
        "GXPFM2caqTtQYC2cJ5yJRi9VDkpsYZXzYdwYpGnLmtDL",
        "3BpXnfJaUTiwXnJNe7Ej1rcbzqTTQUvLShZaWazebsVR",
        "5cjcW9wExnJJiqgLjq7DEG75Pm6JBgE1hNv4B2vHXUW6",
        "EHAAiTxcdDwQ3U4bU6YcMsQGaekdzLS3B5SmYo46kJtL",
        "5eHhjP8JaYkz83CWwvGU2uMUXefd3AazWGx4gpcuEEYD",
        "A7hAgCzFw14fejgCp387JUJRMNyz4j89JKnhtKU8piqW",
    )
)
MAYHEM_FEE_RECIPIENT = key("8sNeir4QsLsJdYpc9RZacohhK1Y5FLU3nC5LXgYB4aa6")


@lru_cache(maxsize=ASSOCIATED_ACCOUNTS_MAX)
def associated(owner: bytes, mint: bytes, token_program: bytes = TOKEN_2022) -> bytes:
    """The token account that an owner has for a mint unless it makes another."""
    return derived(ASSOCIATED, owner, token_program, mint)


def bonding_curve(mint: bytes) -> bytes:
    """The curve on which a coin is launched."""
    return derived(PUMP_KEY, b"bonding-curve", mint)


def creator_vault(creator: bytes) -> bytes:
    """Where creator fees of curve trades are paid to."""
    return derived(PUMP_KEY, b"creator-vault", creator)


def holder_rewards(mint: bytes) -> bytes:
    """The creator of a coin that pays its creator fees to its holders."""
    return derived(PUMP_KEY, b"holder-rewards", mint)


def pool_authority(mint: bytes) -> bytes:
    """The creator of a graduated token's canonical pool."""
    return derived(PUMP_KEY, b"pool-authority", mint)


def canonical_pool(mint: bytes, quote_mint: bytes) -> tuple[bytes, int]:
    """A graduated token's own pool and its bump; a SOL curve's pool is quoted in wrapped SOL."""
    index = (0).to_bytes(2, "little")
    return derived_with_bump(AMM_KEY, b"pool", index, pool_authority(mint), mint, quote_mint)


def lp_mint(pool: bytes) -> bytes:
    """The mint of a pool's LP tokens."""
    return derived(AMM_KEY, b"pool_lp_mint", pool)


def coin_creator_vault(creator: bytes) -> bytes:
    """The owner of the accounts to which a pool pays creator fees."""
    return derived(AMM_KEY, b"creator_vault", creator)


def boost_vault(pool: bytes) -> bytes:
    """The owner of the quote set aside for a pool's boosts."""
    return derived(AMM_KEY, b"boost_vault", pool)
