"""What the query side may ask about a token's venues, each as a pair of its own.

A token trades on its bonding curve and, once it has graduated, in its canonical pool. The card and
its windows take both together; those who speak of pairs want the figures of each.
"""

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import Protocol

import msgspec

from projections.batch_reads import GraphReads
from projections.reads import TokenRow, TradingVenue
from projections.window_reads import SumsRow


class VenueWindow(SumsRow, frozen=True, kw_only=True, gc=False):
    """A window of the trades in one venue; the rest of the buy that filled a curve is the curve's.

    The change of the price is from the venue's own trades.
    """

    value: Fraction | None
    """The volume in quote units times dollars for a whole quote coin, each minute valued as of its
    last trade; None where the worth of one is not known."""
    buyers: int | None = None
    """Wallets, each once; None where they were not asked for."""
    sellers: int | None = None


class LastTrade(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The last trade of a venue that made a price, with the reserves that price the token after it.

    The price is quote units per token unit.
    """

    pos: int
    price: float
    quote_reserves: int
    token_reserves: int


class VenueFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What was traded in a venue; windows as in `projections.windows.WINDOWS_S`."""

    as_of_s: int
    windows: Sequence[VenueWindow]
    last: LastTrade | None


Asked = tuple[str, TradingVenue]
"""A mint and one of its venues."""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A token in one of its venues. Reserves are those that make the price, in smallest units."""

    of: TokenRow
    venue: TradingVenue
    address: str
    quote_mint: str
    created_time_s: int | None
    current: bool
    """Whether this is where the token trades now."""
    price: float
    priced_pos: int | None
    token_reserves: int | None
    figures: VenueFigures


class PairReads(GraphReads, Protocol):
    """All that those ask who speak of pairs; may raise `projections.reads.ReadsUnavailableError`.

    Everything takes any number of keys, each once, and asks the store a fixed number of questions.
    """

    async def pair_mints(self, addresses: Sequence[str]) -> Sequence[str]:
        """The mints whose bonding curve or canonical pool is one of these, each once, sorted."""
        ...

    async def venue_figures(
        self, asked: Sequence[Asked], *, wallets: bool = False
    ) -> Mapping[Asked, VenueFigures]:
        """What was traded in each venue up to the newest time that the tokens read model knows.

        The wallets that did are costly to count, so only `wallets` has them.
        """
        ...


def venues(card: TokenRow) -> Sequence[tuple[TradingVenue, str]]:
    """Where the token can be or could be traded, and at which address; the current one first."""
    found: list[tuple[TradingVenue, str]] = []
    if card.state == "graduated" and card.pool is not None:
        found.append(("pool", card.pool))
    if card.bonding_curve is not None:
        found.append(("curve", card.bonding_curve))
    return found


async def pairs_of(
    reads: PairReads,
    mints: Sequence[str],
    *,
    at: Collection[str] | None = None,
    wallets: bool = False,
) -> Mapping[str, Sequence[Pair]]:
    """The pairs of the tokens that are known and have a price, the current one of each first.

    With `at` only those at these addresses, and nothing is counted of others; with `wallets` those
    are counted that traded.
    """
    cards = await reads.tokens_of(mints)
    places = [
        (card, venue, address)
        for mint in mints
        if (card := cards.get(mint)) is not None
        for venue, address in venues(card)
        if at is None or address in at
    ]
    asked = [(card.mint, venue) for card, venue, _ in places]
    figures = await reads.venue_figures(asked, wallets=wallets) if asked else {}
    found: dict[str, list[Pair]] = {}
    for card, venue, address in places:
        of_venue = figures.get((card.mint, venue))
        pair = None if of_venue is None else _pair(card, venue, address, of_venue)
        if pair is not None:
            found.setdefault(card.mint, []).append(pair)
    return found


def _pair(card: TokenRow, venue: TradingVenue, address: str, figures: VenueFigures) -> Pair | None:
    """A pair, None for a venue that has no price, or whose quote is not known."""
    current = venue == ("pool" if card.state == "graduated" else "curve")
    price, pos, token_reserves = card.price, card.priced_pos, card.virtual_token_reserves
    if not current:
        last = figures.last
        price = None if last is None else last.price
        pos = None if last is None else last.pos
        token_reserves = None if last is None else last.token_reserves
    if price is None or card.quote_mint is None:
        return None
    return Pair(
        of=card,
        venue=venue,
        address=address,
        quote_mint=card.quote_mint,
        created_time_s=card.created_time_s if venue == "curve" else card.graduated_time_s,
        current=current,
        price=price,
        priced_pos=pos,
        token_reserves=token_reserves,
        figures=figures,
    )
