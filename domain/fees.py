"""What the programs charge for a trade, and how they round it."""

from bisect import bisect_right

import msgspec

from domain.programs import NATIVE_SOL, USDC, WRAPPED_SOL

BASIS_POINTS = 10_000

SOL = 1_000_000_000
"""Lamports in one SOL."""


class FeeRates(msgspec.Struct, frozen=True, gc=False):
    """Fees in hundredths of a percent of the quote amount at the market's own price."""

    lp_bps: int
    protocol_bps: int
    creator_bps: int

    @property
    def total_bps(self) -> int:
        """All three together."""
        return self.lp_bps + self.protocol_bps + self.creator_bps


CURVE_RATES = FeeRates(0, 95, 30)
"""What every trade on a bonding curve pays, unless its coin has a creator rate of its own."""

FLAT_POOL_RATES = FeeRates(25, 5, 0)
"""What a pool pays that is not the canonical one of a graduated token."""

BUYBACK_BPS = 5_000
"""The part of the protocol's fee that goes to the buyback."""

# Creator rates fall as the token grows; both schedules share them and differ in the market caps
# from which they hold. Source: the pump_fees fee configuration of PumpSwap on mainnet.
_CREATOR_BPS = (
    *(30, 95, 90, 85, 80, 75, 70, 65, 60, 55, 50, 45, 40),
    *(35, 30, 28, 25, 23, 20, 18, 15, 13, 10, 8, 5),
)
_SOL_CAPS = tuple(
    sol * SOL
    for sol in (
        *(420, 1_470, 2_460, 3_440, 4_420, 9_820, 14_740, 19_650, 24_560, 29_470, 34_380, 39_300),
        *(44_210, 49_120, 54_030, 58_940, 63_860, 68_770, 73_681, 78_590, 83_500, 88_400, 93_330),
        98_240,
    )
)
_USD_CAPS = tuple(
    thousands * 1_000_000_000
    for thousands in (59, 300, 500, 700, 900, *range(2_000, 21_000, 1_000))
)
_FIRST_TIER = FeeRates(2, 93, _CREATOR_BPS[0])
_TIERS = (_FIRST_TIER, *(FeeRates(20, 5, bps) for bps in _CREATOR_BPS[1:]))


def fee(amount: int, bps: int) -> int:
    """The fee on an amount in the same unit: rounded up, as the programs do.

    >>> fee(10_001, 95)
    96
    """
    return -(-amount * bps // BASIS_POINTS)


def buyback_fee(protocol_fee: int) -> int:
    """The buyback's part of a protocol fee, rounded down."""
    return protocol_fee * BUYBACK_BPS // BASIS_POINTS


def pool_rates(quote_mint: str, market_cap: int, *, canonical: bool = True) -> FeeRates:
    """What a trade in a PumpSwap pool pays.

    `market_cap` is in the quote mint's smallest unit. Only canonical pools quoted in SOL or USDC
    have tiers; every other pool pays the flat rates.
    """
    if canonical and quote_mint in (WRAPPED_SOL, NATIVE_SOL):
        return _TIERS[bisect_right(_SOL_CAPS, market_cap)]
    if canonical and quote_mint == USDC:
        return _TIERS[bisect_right(_USD_CAPS, market_cap)]
    return FLAT_POOL_RATES


def net_of_fees(gross: int, total_bps: int, *rates_bps: int) -> int:
    """What is left for the trade of an amount that has to pay for its own fees too.

    Each of `rates_bps` is a fee that is rounded up on its own; `total_bps` is their sum. Never
    negative.
    """
    net = gross * BASIS_POINTS // (BASIS_POINTS + total_bps)
    excess = net - gross
    for bps in rates_bps:
        excess += -(-net * bps // BASIS_POINTS)
    return max(net - excess, 0) if excess > 0 else net
