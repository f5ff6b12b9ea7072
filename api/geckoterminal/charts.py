"""A pool's candles as GeckoTerminal tells them: newest first, folded where it wants longer ones."""

from collections.abc import Sequence
from itertools import groupby
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET

from api.candle import candle
from api.chart import USD_MINUTES_MAX
from api.dollars import candle_dollars
from api.geckoterminal.asking import refuse
from api.kept import kept_from, not_kept
from projections.dollars import MINUTE_S
from projections.reads import INTERVALS_S, Reads, TokenRow, TradingVenue

Bar: TypeAlias = tuple[int, float, float, float, float, float | None]
"""Time, open, high, low, close and volume."""
Currency: TypeAlias = Literal["usd", "token"]
Side: TypeAlias = Literal["base", "quote"]

LIMIT_MAX = 1_000
AGGREGATES_S: dict[str, dict[int, int]] = {
    "second": {1: 1, 5: 5, 15: 15, 30: 30},
    "minute": {1: 60, 5: 300, 15: 900},
    "hour": {1: 3_600, 4: 14_400, 12: 43_200},
    "day": {1: 86_400},
}
"""How long candles are, by timeframe and aggregate."""


class ChartQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which candles."""

    length_s: int
    before_s: int
    """Candles start before it."""
    limit: int
    currency: Currency
    side: Side
    """Whose price it is; that of the quote in dollars is not kept."""


async def bars(reads: Reads, card: TokenRow, venue: TradingVenue, asked: ChartQuery) -> list[Bar]:
    """The newest of them first; those without a known price are left out.

    Candles are the token's. A venue's are those of its time: the one in which the token moved to
    its pool is of both. Refuses where there are none because they were let go of.
    """
    kept_s = max(each for each in INTERVALS_S.values() if asked.length_s % each == 0)
    folded = asked.length_s // kept_s
    from_s, to_s = _stretch(card, venue, asked)
    limit = asked.limit * folded
    if asked.currency == "usd":
        limit = min(limit, USD_MINUTES_MAX * MINUTE_S // kept_s)
    rows = await reads.candles(card.mint, interval_s=kept_s, from_s=from_s, to_s=to_s, limit=limit)
    if not rows:
        since_s = await kept_from(reads, card, interval_s=kept_s, to_s=to_s)
        if since_s is not None and from_s < since_s:
            refuse(400, f"{not_kept(kept_s, since_s)}; minutes are kept")
    dollars = None
    if asked.currency == "usd":
        dollars = await candle_dollars(reads, rows, card, interval_s=kept_s)
    found: list[Bar] = []
    for place, row in enumerate(rows):
        told = candle(row, card, None if dollars is None else dollars[place], UNSET)
        prices = (told.open, told.high, told.low, told.close)
        opened, high, low, closed = prices
        if opened is None or high is None or low is None or closed is None:
            continue
        bar: Bar = (told.time, opened, high, low, closed, told.volume)
        found.append(_turned(bar) if asked.side == "quote" else bar)
    return _fold(found, asked.length_s)[: -asked.limit - 1 : -1]


def _stretch(card: TokenRow, venue: TradingVenue, asked: ChartQuery) -> tuple[int, int]:
    """When the venue's candles start, cut at the end that is asked for."""
    moved_s = card.graduated_time_s
    from_s, to_s = 0, asked.before_s
    if moved_s is not None:
        at_s = moved_s - moved_s % asked.length_s
        if venue == "pool":
            from_s = at_s
        else:
            to_s = min(to_s, at_s + asked.length_s)
    return from_s, max(from_s, to_s)


def _turned(bar: Bar) -> Bar:
    """The same as prices of the quote in tokens."""
    time_s, opened, high, low, closed, volume = bar
    return time_s, 1 / opened, 1 / low, 1 / high, 1 / closed, volume


def _fold(found: Sequence[Bar], length_s: int) -> list[Bar]:
    """Candles of this length, oldest first."""
    folded: list[Bar] = []
    for start_s, group in groupby(found, lambda bar: bar[0] - bar[0] % length_s):
        each = list(group)
        volumes = [bar[5] for bar in each]
        known = [volume for volume in volumes if volume is not None]
        folded.append(
            (
                start_s,
                each[0][1],
                max(bar[2] for bar in each),
                min(bar[3] for bar in each),
                each[-1][4],
                sum(known) if len(known) == len(volumes) else None,
            )
        )
    return folded
