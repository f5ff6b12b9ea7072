"""What was worth how much when: asks for SOL's price once for all that an answer shows."""

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from projections.dollars import MINUTE_S, DollarReads, Valued, coin_usd, in_sol, valued
from projections.reads import CandleRow, TokenRow

NEWEST_POS = (1 << 63) - 1
"""No position is beyond it."""


class CardCoins(msgspec.Struct, frozen=True):
    """Dollars for a whole quote coin of a card: when it got its price, and at its highest price."""

    priced: Fraction | None
    high: Fraction | None


class CandleDollars(msgspec.Struct, frozen=True):
    """Dollars for a whole quote coin when the candle's prices were reached, and its volumes."""

    open: Fraction | None
    high: Fraction | None
    low: Fraction | None
    close: Fraction | None
    volumes: Valued


async def coins(
    reads: DollarReads, asked: Sequence[tuple[str | None, int | None]]
) -> list[Fraction | None]:
    """Dollars for a whole coin of each quote mint as of each position."""
    needed = sorted({pos for mint, pos in asked if in_sol(mint) and pos is not None})
    found = dict(zip(needed, await reads.sol_usd(needed), strict=True)) if needed else {}
    return [coin_usd(mint, None if pos is None else found.get(pos)) for mint, pos in asked]


async def card_coins(reads: DollarReads, rows: Sequence[TokenRow]) -> list[CardCoins]:
    """Dollars for a whole quote coin when each card got its price, and at its all-time high."""
    places = [(row.quote_mint, pos) for row in rows for pos in (row.priced_pos, row.high_pos)]
    at = iter(await coins(reads, places))
    return [CardCoins(*pair) for pair in zip(at, at, strict=True)]


async def newest_sol_usd(reads: DollarReads) -> float | None:
    """What a SOL is worth by the last price on the chain; None before all."""
    (newest,) = await reads.sol_usd([NEWEST_POS])
    return None if newest is None else float(newest)


async def candle_dollars(
    reads: DollarReads, rows: Sequence[CandleRow], of: TokenRow, *, interval_s: int
) -> list[CandleDollars]:
    """Of each candle of a token, oldest first."""
    if not rows:
        return []
    mint = of.quote_mint
    places = [
        (mint, pos)
        for row in rows
        for pos in (row.open_pos, row.high_pos, row.low_pos, row.close_pos)
    ]
    at = iter(await coins(reads, places))
    by_minutes = None
    if interval_s > MINUTE_S and in_sol(mint):
        by_minutes = await reads.sol_volumes(
            of.mint,
            interval_s=interval_s,
            from_s=rows[0].start_s,
            to_s=rows[-1].start_s + interval_s,
        )
    found = []
    for row, (opened, high, low, closed) in zip(
        rows, zip(at, at, at, at, strict=True), strict=True
    ):
        if by_minutes is None:
            volumes = valued(row.volume_quote, row.volume_quote_buy, closed)
        else:
            volumes = by_minutes.get(row.start_s, Valued(None, None))
        found.append(CandleDollars(opened, high, low, closed, volumes))
    return found
