"""The addresses that the product is about, in base58."""

PUMP = "6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P"
PUMP_AMM = "pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA"
PUMP_FEES = "pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ"
PROGRAMS = (PUMP, PUMP_AMM, PUMP_FEES)

NATIVE_SOL = "11111111111111111111111111111111"
"""How the programs name native SOL as a quote (also the System program, and "nobody")."""

WRAPPED_SOL = "So11111111111111111111111111111111111111112"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"

SOL_DECIMALS = 9
USDC_DECIMALS = 6
PUMP_TOKEN_DECIMALS = 6
"""The bonding-curve program mints every coin with six decimals."""

PYTH_RECEIVERS = (
    "rec2HHDDnjLfj4kE7VyEtFA1HPGQLK33259532cRyHp",
    "rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ",
)
"""Owners of Pyth price accounts: the new receiver and the old one."""

PYTH_SOL_USD = (
    "7AviUf9nL62mcxNbQGKm4nKDQnPjswo6c5MX4D57HmyE",
    "7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE",
)
"""The SOL/USD price account of each receiver, in the order of `PYTH_RECEIVERS`."""
