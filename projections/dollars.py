"""Figures in dollars: what a quote was worth as of a position, by the last `sol.priced` before it.

Nothing in dollars is kept. A figure is made when it is asked for, from rows and SOL's prices, so a
price that comes late corrects every figure that it concerns.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Protocol

import msgspec

from domain.programs import NATIVE_SOL, USDC, WRAPPED_SOL

SOL_MINTS = frozenset((NATIVE_SOL, WRAPPED_SOL))
"""Quote mints whose amounts are lamports."""

LAMPORT_COINS, USDC_UNIT_COINS = 1e-9, 1e-6
"""What a smallest unit is of a whole coin."""

MINUTE_S = 60
"""Longer candles are valued minute by minute, since SOL's price moves within them."""


class Valued(msgspec.Struct, frozen=True):
    """Volumes in quote units, each times the dollars for a whole quote coin; exact."""

    volume: Fraction | None
    volume_buy: Fraction | None


def in_sol(quote_mint: str | None) -> bool:
    """Whether a quote is SOL, native or wrapped, so that its worth has to be looked up."""
    return quote_mint in SOL_MINTS


def coin_usd(quote_mint: str | None, sol_usd: Fraction | None) -> Fraction | None:
    """Dollars for a whole coin of a quote: SOL as told, USDC 1, None for any other mint."""
    if in_sol(quote_mint):
        return sol_usd
    return Fraction(1) if quote_mint == USDC else None


def usd(coins: float | None, coin: Fraction | None) -> float | None:
    """Whole quote coins, or a price in them, in dollars."""
    return None if coins is None or coin is None else coins * float(coin)


def unit_usd(quote_mint: str | None, sol_usd: float) -> float | None:
    """Dollars for a quote's smallest unit where a SOL is worth that; None for an unknown mint."""
    if in_sol(quote_mint):
        return sol_usd * LAMPORT_COINS
    return USDC_UNIT_COINS if quote_mint == USDC else None


def valued(volume: int, volume_buy: int | None, coin: Fraction | None) -> Valued:
    """Volumes of one moment, at what a whole quote coin was worth then."""
    if coin is None:
        return Valued(None, None)
    return Valued(volume * coin, None if volume_buy is None else volume_buy * coin)


def summed(parts: Sequence[Valued]) -> Valued:
    """All of the parts together; not known where that of one part is not."""
    return Valued(_sum([it.volume for it in parts]), _sum([it.volume_buy for it in parts]))


def _sum(values: Sequence[Fraction | None]) -> Fraction | None:
    known = [value for value in values if value is not None]
    return sum(known, Fraction()) if len(known) == len(values) else None


class DollarReads(Protocol):
    """The SOL price read model, alone and beside the candles."""

    async def sol_usd(self, positions: Sequence[int]) -> Sequence[Fraction | None]:
        """For each position, dollars for a SOL by the last price at or before it; None before all.

        Of prices in one slot the last published one counts.
        """
        ...

    async def sol_volumes(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int
    ) -> Mapping[int, Valued]:
        """What a token's minutes traded, in lamports times dollars, by the start of an interval.

        Of minutes that start in [from_s, to_s), each valued as of its close.
        """
        ...
