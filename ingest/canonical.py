"""The pool that a graduated token is migrated to, the only one that may move its chart."""

from functools import lru_cache

from solders.pubkey import Pubkey

from domain.programs import NATIVE_SOL, PUMP, PUMP_AMM, WRAPPED_SOL

POOL_CACHE_ENTRIES_MAX = 65_536

_INDEX = (0).to_bytes(2, "little")
_PUMP = Pubkey.from_string(PUMP)
_PUMP_AMM = Pubkey.from_string(PUMP_AMM)


@lru_cache(POOL_CACHE_ENTRIES_MAX)
def canonical_pool(base_mint: str, quote_mint: str) -> str:
    """The address of the base mint's canonical pool with the quote mint.

    It is the pool of index 0 whose creator is the bonding-curve program's pool authority for the
    base mint. A curve in native SOL graduates to a pool in wrapped SOL.
    """
    quote = WRAPPED_SOL if quote_mint == NATIVE_SOL else quote_mint
    base_key = bytes(Pubkey.from_string(base_mint))
    authority, _ = Pubkey.find_program_address([b"pool-authority", base_key], _PUMP)
    seeds = [b"pool", _INDEX, bytes(authority), base_key, bytes(Pubkey.from_string(quote))]
    return str(Pubkey.find_program_address(seeds, _PUMP_AMM)[0])
