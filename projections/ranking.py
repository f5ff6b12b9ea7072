"""How tokens are measured and ranked in a window, the score included; all of it is arithmetic."""

from typing import Literal, TypeAlias

import msgspec

from projections.buckets import MINUTE_S, Bucket
from projections.dollars import SOL_MINTS
from projections.reads import TokenRow, curve_progress, market_cap, quote_liquidity
from projections.windows import WINDOWS_S, Window

Ranking: TypeAlias = Literal["volume", "market_cap", "trades", "change", "age", "progress", "score"]
RANKINGS: tuple[Ranking, ...] = (
    "volume",
    "market_cap",
    "trades",
    "change",
    "age",
    "progress",
    "score",
)

WEIGHTS = {"volume": 40.0, "momentum": 30.0, "liquidity": 20.0, "activity": 10.0}
"""What each part adds to the score at most."""
assert sum(WEIGHTS.values()) == 100.0

LAMPORTS_PER_SOL = 1_000_000_000
VOLUME_HALF_PER_MINUTE_LAMPORTS = LAMPORTS_PER_SOL
ACTIVITY_HALF_PER_MINUTE = 1
LIQUIDITY_HALF_LAMPORTS = 85 * LAMPORTS_PER_SOL
"""About what a curve has raised when it is sold out."""
MOMENTUM_HALF = 1.0
"""A price that has doubled."""


class Standing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A token in a window; it traded there at least once.

    Volume and liquidity are in the quote's smallest unit. `None` means unknown.
    """

    mint: str
    for_sol: bool
    """Whether it trades for SOL: only these can be ranked by an amount of quote."""
    volume_quote: int
    buys: int
    sells: int
    change: float | None
    """The last price of the window over its first, less one."""
    price: float | None
    """The latest, as of now."""
    market_cap: float | None
    liquidity: int | None
    """What sellers could take out: of the canonical pool, or else of the curve."""
    created_time_s: int | None
    on_curve: bool
    progress: float | None
    score: float | None

    @property
    def trades(self) -> int:
        """Buys and sells."""
        return self.buys + self.sells


def standing(row: TokenRow, traded: Bucket, window: Window) -> Standing:
    """How a token stands that traded this in the window."""
    change = None
    if traded.first is not None and traded.last is not None:
        change = traded.last / traded.first - 1.0
    liquidity = quote_liquidity(row)
    for_sol = row.quote_mint in SOL_MINTS
    return Standing(
        mint=row.mint,
        for_sol=for_sol,
        volume_quote=traded.volume_quote,
        buys=traded.buys,
        sells=traded.sells,
        change=change,
        price=row.price,
        market_cap=market_cap(row),
        liquidity=liquidity,
        created_time_s=row.created_time_s,
        on_curve=row.state == "curve",
        progress=curve_progress(row),
        score=score(traded, liquidity, change, window) if for_sol else None,
    )


def score(traded: Bucket, liquidity: int | None, change: float | None, window: Window) -> float:
    """From 0 to 100: each part is `x / (x + half)` of its weight; what is unknown adds nothing."""
    minutes = WINDOWS_S[window] // MINUTE_S
    parts = {
        "volume": saturated(traded.volume_quote, VOLUME_HALF_PER_MINUTE_LAMPORTS * minutes),
        "momentum": saturated(change or 0.0, MOMENTUM_HALF),
        "liquidity": saturated(liquidity or 0, LIQUIDITY_HALF_LAMPORTS),
        "activity": saturated(traded.trades, ACTIVITY_HALF_PER_MINUTE * minutes),
    }
    return sum(WEIGHTS[name] * part for name, part in parts.items())


def saturated(value: float, half: float) -> float:
    """0 for nothing and less, 0.5 for `half`, and towards 1 for ever more."""
    return 0.0 if value <= 0 else value / (value + half)


def rank_values(found: Standing) -> dict[Ranking, float]:
    """What each ranking sorts the token by, the highest first; those that leave it out are not in.

    Values are float64: volumes above 2^53 are rounded here, and are exact in the `Standing`.
    """
    values: dict[Ranking, float | None] = {
        "volume": found.volume_quote if found.for_sol else None,
        "market_cap": found.market_cap if found.for_sol else None,
        "trades": found.trades,
        "change": found.change,
        "age": found.created_time_s,
        "progress": found.progress if found.on_curve else None,
        "score": found.score,
    }
    return {ranking: float(value) for ranking, value in values.items() if value is not None}
