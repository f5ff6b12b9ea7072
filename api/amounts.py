"""From the chain's integers to the numbers that people compare, and to exact texts."""

import msgspec

from domain.programs import NATIVE_SOL, SOL_DECIMALS, USDC, USDC_DECIMALS, WRAPPED_SOL


class QuoteMint(msgspec.Struct, frozen=True):
    """A quote mint that everyone knows; a mint's decimals never change."""

    symbol: str
    decimals: int


QUOTE_MINTS = {
    NATIVE_SOL: QuoteMint("SOL", SOL_DECIMALS),
    WRAPPED_SOL: QuoteMint("SOL", SOL_DECIMALS),
    USDC: QuoteMint("USDC", USDC_DECIMALS),
}


def quote_symbol(mint: str | None) -> str | None:
    """What people call a quote mint, None for one that is not well known."""
    known = None if mint is None else QUOTE_MINTS.get(mint)
    return None if known is None else known.symbol


def quote_decimals(mint: str | None, recorded: int | None) -> int | None:
    """A quote mint's decimals: as recorded, else those of a well-known mint."""
    if recorded is not None or mint is None:
        return recorded
    known = QUOTE_MINTS.get(mint)
    return None if known is None else known.decimals


def whole(units: float | None, decimals: int | None) -> float | None:
    """Raw units as whole coins, None where either is unknown."""
    return None if units is None or decimals is None else units / _power(decimals)


def whole_price(
    price: float | None, token_decimals: int | None, quote_decimals: int | None
) -> float | None:
    """Whole quote coins per whole token, from quote units per token unit.

    A power of ten is divided by rather than multiplied with its inverse, which is no float64.
    """
    if price is None or token_decimals is None or quote_decimals is None:
        return None
    shift = token_decimals - quote_decimals
    return price * _power(shift) if shift >= 0 else price / _power(-shift)


def exact(units: int | None) -> str | None:
    """Raw units as decimal text: JSON numbers lose digits beyond 2^53 in most clients."""
    return None if units is None else str(units)


def _power(exponent: int) -> int:
    power: int = 10**exponent
    return power
