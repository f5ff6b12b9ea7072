"""Which pools are new or trending, and a pool's last trades."""

from collections.abc import Sequence
from fractions import Fraction

from api.dollars import coins
from api.geckoterminal.resources import Told, in_order, told
from projections.pair_reads import Pair, PairReads, pairs_of, venues
from projections.reads import Page, TradeRow

TRENDING_MAX = 40
"""So many of the tokens that traded last are ranked."""
TRADES_MAX = 300
TRADES_AGE_S_MAX = 86_400


async def newest(reads: PairReads, *, first: int, limit: int) -> list[Told]:
    """The newest bonding curves and pools, newest first, without the `first` ones."""
    end = first + limit
    made = [
        (row.created_time_s, row.bonding_curve, row.mint) for row in await reads.launches(limit=end)
    ]
    made += [
        (row.graduated_time_s, row.pool, row.mint) for row in await reads.graduations(limit=end)
    ]
    made.sort(key=lambda each: (-(each[0] or 0), each[1] or ""))
    page = made[first:end]
    addresses = [address for _, address, _ in page if address is not None]
    found = await pairs_of(reads, list(dict.fromkeys(mint for *_, mint in page)), at=addresses)
    return await told(reads, in_order(found, addresses))


async def trending(reads: PairReads) -> list[Told]:
    """Where the tokens that traded last trade, those with the most volume in 24 hours first."""
    rows = await reads.tokens(sort="last_trade", state=None, page=Page(limit=TRENDING_MAX))
    current = [address for row in rows for _, address in venues(row)[:1]]
    found = await pairs_of(reads, [row.mint for row in rows], at=current)
    pairs = await told(reads, [pair for each in found.values() for pair in each if pair.current])
    return sorted(pairs, key=lambda each: (-_volume(each), each.pair.address))


def _volume(of: Told) -> float:
    return of.figures.windows["24h"].volume_usd or 0.0


async def trades(reads: PairReads, pair: Pair) -> Sequence[tuple[TradeRow, Fraction | None]]:
    """The pool's trades of the last 24 hours, newest first, each with the worth of its quote."""
    last = pair.figures.last
    if last is None:
        return []
    rows = await reads.trades(pair.of.mint, limit=TRADES_MAX, before_pos=last.pos + 1)
    since_s = pair.figures.as_of_s - TRADES_AGE_S_MAX
    shown = [
        row
        for row in rows
        if row.canonical
        and (row.venue == "pool") == (pair.venue == "pool")
        and row.block_time_s > since_s
    ]
    worth = await coins(reads, [(row.quote_mint, row.pos) for row in shown])
    return list(zip(shown, worth, strict=True))
