"""Which pools are new, trending, at the top or fit a search, and a pool's last trades."""

from collections.abc import Sequence
from fractions import Fraction

from api.dollars import coins, newest_sol_usd
from api.geckoterminal.resources import Told, in_order, told
from projections.pair_reads import Pair, PairReads, pairs_of, venues
from projections.reads import Page, TokenSearch, TradeRow, TradingVenue
from projections.token_lists import TokenFilters, TokenQuery
from projections.windows import span_at

TRENDING_MAX = 40
"""So many of the tokens that traded last are ranked."""
TOP_MAX = 100
"""The pools of so many tokens are ranked."""
TEXT_LENGTH_MAX = 100
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
    found = await pairs_of(
        reads, list(dict.fromkeys(mint for *_, mint in page)), at=addresses, wallets=True
    )
    return await told(reads, in_order(found, addresses))


async def trending(reads: PairReads) -> list[Told]:
    """Where the tokens that traded last trade, those with the most volume in 24 hours first."""
    rows = await reads.tokens(sort="last_trade", state=None, page=Page(limit=TRENDING_MAX))
    current = [address for row in rows for _, address in venues(row)[:1]]
    found = await pairs_of(reads, [row.mint for row in rows], at=current, wallets=True)
    pairs = await told(reads, [pair for each in found.values() for pair in each if pair.current])
    return sorted(pairs, key=lambda each: (-_volume(each), each.pair.address))


async def top(reads: PairReads, *, by_volume: bool, venue: TradingVenue | None) -> list[Told]:
    """Of the tokens with most trades of 24 hours, or most volume, the pools that have most.

    Of those that trade in one kind of venue now, where one is given, only these pools.
    """
    newest_s = await reads.newest_time_s()
    if newest_s is None:
        return []
    listed = await reads.listed(
        TokenQuery(
            sort="volume" if by_volume else "trades",
            limit=TOP_MAX,
            filters=TokenFilters(venue=venue),
            sol_usd=await newest_sol_usd(reads) if by_volume else None,
            span=span_at("24h", newest_s),
        )
    )
    rows = [each.row for each in listed.tokens]
    at = None if venue is None else [address for row in rows for _, address in venues(row)[:1]]
    found = await pairs_of(reads, [row.mint for row in rows], at=at, wallets=True)
    pairs = await told(reads, [pair for each in found.values() for pair in each])
    ranked = [each for each in pairs if _trades(each)]
    value = _volume if by_volume else _trades
    return sorted(ranked, key=lambda each: (-value(each), each.pair.address))


async def found(reads: PairReads, text: str, *, first: int, limit: int) -> list[Told]:
    """Pools by a name, symbol, mint or creator, or the one at an address; without the `first`."""
    text = text.strip()[:TEXT_LENGTH_MAX]
    if not text or not text.isprintable():
        return []
    mints = await reads.pair_mints([text])
    if mints:
        addresses = [text]
    else:
        tokens = await reads.search(TokenSearch(text=text, limit=first + limit))
        mints = [each.mint for each in tokens.tokens]
        cards = await reads.tokens_of(mints)
        addresses = [place for mint in mints if mint in cards for _, place in venues(cards[mint])]
    page = addresses[first : first + limit]
    pairs = await pairs_of(reads, mints, at=page, wallets=True) if page else {}
    return await told(reads, in_order(pairs, page))


def _trades(of: Told) -> int:
    return of.figures.windows["24h"].row.trades


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
