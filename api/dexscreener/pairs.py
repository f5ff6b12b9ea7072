"""Makes DexScreener's pairs and profiles of what the read models know."""

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import UNSET, UnsetType

from api.dexscreener.shapes import (
    Info,
    Link,
    Liquidity,
    Pair,
    Profile,
    Social,
    TokenName,
    Transactions,
    TransactionWindows,
    Website,
    Windows,
)
from api.foreign import plain
from api.pairs import CHAIN, Figures, WindowFigures, figures_of, links
from projections import pair_reads
from projections.pair_reads import PairReads, pairs_of
from projections.reads import TokenRow, TradingVenue
from projections.windows import Window

DEX_IDS: Mapping[TradingVenue, str] = {"curve": "pumpfun", "pool": "pumpswap"}
PAGE = "https://dexscreener.com/solana/{address}"
"""Where people see the pair; for tokens of the main network it is there."""
_WINDOWS: Mapping[str, Window] = {"m5": "5m", "h1": "1h", "h6": "6h", "h24": "24h"}


async def pairs_told(
    reads: PairReads, mints: Sequence[str], *, at: Collection[str] | None = None
) -> list[Pair]:
    """The tokens' pairs, the current one of each first; with `at` only those at these addresses."""
    found = await pairs_of(reads, mints, at=at)
    rows = [pair for pairs in found.values() for pair in pairs]
    figures = await figures_of(reads, rows)
    told = (pair_told(row, of) for row, of in zip(rows, figures, strict=True))
    return [pair for pair in told if pair is not None]


def pair_told(row: pair_reads.Pair, figures: Figures) -> Pair | None:
    """A pair; None while its price in whole coins cannot be told, as decimals are not known."""
    if figures.price is None:
        return None
    card, quote = row.of, figures.quote
    created = row.created_time_s
    cap = _cents(figures.market_cap_usd)
    return Pair(
        chain_id=CHAIN,
        dex_id=DEX_IDS[row.venue],
        url=PAGE.format(address=row.address.lower()),
        pair_address=row.address,
        base_token=TokenName(address=card.mint, name=card.name or "", symbol=card.symbol or ""),
        quote_token=TokenName(
            address=quote.address, name=quote.name or "", symbol=quote.symbol or ""
        ),
        price_native=plain(figures.price),
        price_usd=UNSET if figures.price_usd is None else plain(figures.price_usd),
        txns=TransactionWindows(
            **{
                name: Transactions(
                    buys=figures.windows[window].row.buys, sells=figures.windows[window].row.sells
                )
                for name, window in _WINDOWS.items()
            }
        ),
        volume=_windows(figures, lambda window: window.volume_usd),
        price_change=_windows(
            figures,
            lambda window: window.price_change_percent,
        ),
        liquidity=_liquidity(figures),
        fdv=cap,
        market_cap=cap,
        pair_created_at=UNSET if created is None else created * 1_000,
        info=_info(card),
    )


def _windows(figures: Figures, value: Callable[[WindowFigures], float | None]) -> Windows:
    return Windows(
        **{name: _cents(value(figures.windows[window])) for name, window in _WINDOWS.items()}
    )


def _cents(value: float | None) -> float | UnsetType:
    """Rounded as DexScreener rounds."""
    return UNSET if value is None else round(value, 2)


def _liquidity(figures: Figures) -> Liquidity | UnsetType:
    if figures.liquidity_base is None or figures.liquidity_quote is None:
        return UNSET
    return Liquidity(
        usd=_cents(figures.liquidity_usd),
        base=figures.liquidity_base,
        quote=figures.liquidity_quote,
    )


def _info(card: TokenRow) -> Info | UnsetType:
    given = links(website=card.website, twitter=card.twitter, telegram=card.telegram)
    if card.image is None and not given:
        return UNSET
    return Info(
        image_url=UNSET if card.image is None else card.image,
        websites=[
            Website(label="Website", url=url) for kind, url in given.items() if kind == "website"
        ],
        socials=[Social(type=kind, url=url) for kind, url in given.items() if kind != "website"],
    )


def profile(card: TokenRow) -> Profile | None:
    """What the creator says; None for a token that was not described, or by nothing at all."""
    given = links(website=card.website, twitter=card.twitter, telegram=card.telegram)
    if card.image is None and card.description is None and not given:
        return None
    return Profile(
        url=PAGE.format(address=card.mint.lower()),
        chain_id=CHAIN,
        token_address=card.mint,
        icon=UNSET if card.image is None else card.image,
        description=UNSET if card.description is None else card.description,
        links=[
            Link(label="Website", url=url) if kind == "website" else Link(type=kind, url=url)
            for kind, url in given.items()
        ],
    )
