"""Figures of a pair in whole coins and dollars, for the APIs that speak of pairs."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from api.amounts import quote_decimals, quote_symbol, whole, whole_price
from api.dollars import coins
from domain.programs import NATIVE_SOL, WRAPPED_SOL
from projections.dollars import DollarReads, usd
from projections.pair_reads import Pair, VenueWindow
from projections.reads import liquidity, market_cap
from projections.windows import WINDOWS_S, Window

CHAIN = "solana"
_NAMES = {"SOL": "Wrapped SOL", "USDC": "USD Coin"}


class QuoteToken(msgspec.Struct, frozen=True):
    """What the pair is priced in; native SOL is told as wrapped SOL, as the field does."""

    address: str
    symbol: str | None
    name: str | None
    decimals: int | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """A pair in whole coins and US dollars; None is what is not known."""

    quote: QuoteToken
    price: float | None
    """Whole quote coins per whole token."""
    price_usd: float | None
    coin_usd: float | None
    """US dollars for a whole quote coin, when the pair got its price."""
    market_cap_usd: float | None
    """The pair's price times the current supply."""
    liquidity_usd: float | None
    """Both sides of a pool; a bonding curve has nobody who put anything in, and so none."""
    liquidity_base: float | None
    liquidity_quote: float | None
    windows: Mapping[Window, "WindowFigures"]


class WindowFigures(msgspec.Struct, frozen=True):
    """A window of a pair."""

    row: VenueWindow
    volume_usd: float | None
    price_change_percent: float | None


async def figures_of(reads: DollarReads, pairs: Sequence[Pair]) -> list[Figures]:
    """The figures of each pair; what SOL is worth is asked for once."""
    worth = await coins(reads, [(pair.of.quote_mint, pair.priced_pos) for pair in pairs])
    return [_figures(pair, coin) for pair, coin in zip(pairs, worth, strict=True)]


def _figures(pair: Pair, coin: Fraction | None) -> Figures:
    card = pair.of
    quote, own = quote_decimals(card.quote_mint, card.quote_decimals), card.token_decimals
    price = whole_price(pair.price, own, quote)
    cap = market_cap(card)
    if not pair.current:
        cap = None if card.supply is None else pair.price * float(card.supply)
    pooled = pair.venue == "pool"
    return Figures(
        quote=quote_token(pair.quote_mint, quote),
        price=price,
        price_usd=usd(price, coin),
        coin_usd=None if coin is None else float(coin),
        market_cap_usd=usd(whole(cap, quote), coin),
        liquidity_usd=usd(whole(liquidity(card), quote), coin) if pooled else None,
        liquidity_base=whole(pair.token_reserves, own) if pooled else None,
        liquidity_quote=whole(card.held_quote_reserves, quote) if pooled else None,
        windows={
            name: _window(row, quote)
            for name, row in zip(WINDOWS_S, pair.figures.windows, strict=True)
        },
    )


def _window(row: VenueWindow, decimals: int | None) -> WindowFigures:
    value = None
    if row.value is not None and decimals is not None:
        value = float(row.value / 10**decimals)
    change = row.price_change
    return WindowFigures(row, value, None if change is None else change * 100)


def quote_token(mint: str, decimals: int | None) -> QuoteToken:
    """A quote mint as the field tells it."""
    symbol = quote_symbol(mint)
    address = WRAPPED_SOL if mint == NATIVE_SOL else mint
    return QuoteToken(address, symbol, None if symbol is None else _NAMES.get(symbol), decimals)


def links(*, website: str | None, twitter: str | None, telegram: str | None) -> dict[str, str]:
    """Those of a token's links that are addresses of the web, by their kind."""
    given = {"website": website, "twitter": twitter, "telegram": telegram}
    return {
        kind: text
        for kind, text in given.items()
        if text is not None and text.startswith(("https://", "http://"))
    }
