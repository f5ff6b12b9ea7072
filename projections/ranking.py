"""How tokens are measured and ranked in a window, the score included; all of it is arithmetic."""

from typing import Literal, TypeAlias

import msgspec

from projections.buckets import MINUTE_S, Bucket
from projections.dollars import LAMPORT_COINS, SOL_MINTS, unit_usd
from projections.reads import TokenRow, curve_progress, market_cap, quote_liquidity
from projections.windows import WINDOWS_S, Window

Ranking: TypeAlias = Literal[
    "volume", "market_cap", "liquidity", "trades", "change", "age", "progress", "score"
]
RANKINGS: tuple[Ranking, ...] = (
    "volume",
    "market_cap",
    "liquidity",
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
    """Whether it trades for SOL."""
    unit_lamports: float | None
    """What a quote unit is worth on the board; None where that is not known, so that the token is
    not ranked by amounts."""
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
    sol_usd: float | None = None
    """What a SOL is worth on the board."""

    @property
    def volume_usd(self) -> float | None:
        """The window's volume in dollars, at the board's one price of SOL."""
        return self._usd(self.volume_quote)

    @property
    def market_cap_usd(self) -> float | None:
        """The latest price times the current supply, in dollars."""
        return self._usd(self.market_cap)

    @property
    def liquidity_usd(self) -> float | None:
        """What sellers could take out, in dollars: one side of the market."""
        return self._usd(self.liquidity)

    def _usd(self, amount: float | None) -> float | None:
        if amount is None or self.unit_lamports is None or self.sol_usd is None:
            return None
        return amount * self.unit_lamports * (self.sol_usd * LAMPORT_COINS)

    @property
    def trades(self) -> int:
        """Buys and sells."""
        return self.buys + self.sells


def unit_lamports(quote_mint: str | None, sol_usd: float | None) -> float | None:
    """What a unit of a quote is worth where a SOL is worth so many dollars; None if not known."""
    if quote_mint in SOL_MINTS:
        return 1.0
    if sol_usd is None or sol_usd <= 0:
        return None
    unit = unit_usd(quote_mint, sol_usd)
    return None if unit is None else unit / (sol_usd * LAMPORT_COINS)


def standing(
    row: TokenRow, traded: Bucket, window: Window, sol_usd: float | None = None
) -> Standing:
    """How a token stands that traded this in the window, where a SOL is worth so many dollars."""
    change = None
    if traded.first is not None and traded.last is not None:
        change = traded.last / traded.first - 1.0
    liquidity = quote_liquidity(row)
    unit = unit_lamports(row.quote_mint, sol_usd)
    return Standing(
        mint=row.mint,
        for_sol=row.quote_mint in SOL_MINTS,
        unit_lamports=unit,
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
        score=None if unit is None else score(traded, liquidity, change, window, unit),
    )


def score(
    traded: Bucket,
    liquidity: int | None,
    change: float | None,
    window: Window,
    unit_lamports: float = 1.0,
) -> float:
    """From 0 to 100: each part is `x / (x + half)` of its weight; what is unknown adds nothing.

    Amounts are quote units, each worth so many lamports.
    """
    minutes = WINDOWS_S[window] // MINUTE_S
    parts = {
        "volume": saturated(
            traded.volume_quote * unit_lamports, VOLUME_HALF_PER_MINUTE_LAMPORTS * minutes
        ),
        "momentum": saturated(change or 0.0, MOMENTUM_HALF),
        "liquidity": saturated((liquidity or 0) * unit_lamports, LIQUIDITY_HALF_LAMPORTS),
        "activity": saturated(traded.trades, ACTIVITY_HALF_PER_MINUTE * minutes),
    }
    return sum(WEIGHTS[name] * part for name, part in parts.items())


def saturated(value: float, half: float) -> float:
    """0 for nothing and less, 0.5 for `half`, and towards 1 for ever more."""
    return 0.0 if value <= 0 else value / (value + half)


def rank_values(found: Standing) -> dict[Ranking, float]:
    """What each ranking sorts the token by, the highest first; those that leave it out are not in.

    Values are float64: volumes above 2^53 are rounded here, and are exact in the `Standing`.
    Amounts are lamports, or what the board takes for worth so many.
    """
    unit = found.unit_lamports
    amounts: dict[Ranking, float | None] = {
        "volume": found.volume_quote,
        "market_cap": found.market_cap,
        "liquidity": found.liquidity,
    }
    values: dict[Ranking, float | None] = {
        **{
            ranking: None if unit is None or amount is None else amount * unit
            for ranking, amount in amounts.items()
        },
        "trades": found.trades,
        "change": found.change,
        "age": found.created_time_s,
        "progress": found.progress if found.on_curve else None,
        "score": found.score,
    }
    return {ranking: float(value) for ranking, value in values.items() if value is not None}
