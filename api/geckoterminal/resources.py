"""Makes GeckoTerminal's resources of what the read models know."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import UNSET, UnsetType

from api.amounts import quote_decimals, whole
from api.foreign import plain
from api.geckoterminal.shapes import (
    Changes,
    DayVolume,
    Dex,
    IncludedToken,
    Links,
    Many,
    Name,
    One,
    Pool,
    PoolAttributes,
    PoolRelations,
    Reference,
    Token,
    TokenAttributes,
    TokenBasics,
    TokenRelations,
    Trade,
    TradeAttributes,
    Transactions,
    TransactionWindows,
)
from api.pairs import CHAIN, Figures, WindowFigures, figures_of, quote_token
from domain.position import Position
from projections.dollars import DollarReads, in_sol
from projections.pair_reads import Pair
from projections.reads import TradeRow, TradingVenue, liquidity
from projections.windows import Window

DEXES: Mapping[TradingVenue, Dex] = {
    "curve": Dex(id="pump-fun", attributes=Name(name="Pump.fun")),
    "pool": Dex(id="pumpswap", attributes=Name(name="PumpSwap")),
}
_WINDOWS: Mapping[str, Window] = {"m5": "5m", "m15": "15m", "h1": "1h", "h6": "6h", "h24": "24h"}


class Told:
    """A pair with its figures, and the resources that are made of them."""

    def __init__(self, pair: Pair, figures: Figures) -> None:
        self.pair = pair
        self.figures = figures

    @property
    def price(self) -> float:
        """Whole quote coins per whole token."""
        assert self.figures.price is not None, "only those are told"
        return self.figures.price

    @property
    def reserve_usd(self) -> float | None:
        """Both sides of what trades; not known of a curve that was left."""
        card = self.pair.of
        if not self.pair.current:
            return None
        held = whole(liquidity(card), self.figures.quote.decimals)
        return _times(held, self.figures.coin_usd)

    def pool(self) -> Pool:
        """The pair as a pool."""
        card, figures, quote = self.pair.of, self.figures, self.figures.quote
        native = in_sol(self.pair.quote_mint)
        return Pool(
            id=identity(self.pair.address),
            attributes=PoolAttributes(
                base_token_price_usd=text(figures.price_usd),
                base_token_price_native_currency=text(self.price) if native else None,
                quote_token_price_usd=text(figures.coin_usd),
                quote_token_price_native_currency="1.0" if native else None,
                base_token_price_quote_token=plain(self.price),
                quote_token_price_base_token=plain(1 / self.price),
                address=self.pair.address,
                name=f"{card.symbol or card.mint} / {quote.symbol or quote.address}",
                pool_created_at=moment(self.pair.created_time_s),
                fdv_usd=text(figures.market_cap_usd),
                market_cap_usd=text(figures.market_cap_usd),
                price_change_percentage=self._windows(change),
                transactions=TransactionWindows(
                    **{
                        name: Transactions(
                            buys=row.buys, sells=row.sells, buyers=row.buyers, sellers=row.sellers
                        )
                        for name, row in (
                            (name, figures.windows[window].row) for name, window in _WINDOWS.items()
                        )
                    }
                ),
                volume_usd=self._windows(lambda window: text(window.volume_usd)),
                reserve_in_usd=text(self.reserve_usd),
            ),
            relationships=PoolRelations(
                base_token=_related(identity(card.mint), "token"),
                quote_token=_related(identity(quote.address), "token"),
                dex=_related(DEXES[self.pair.venue].id, "dex"),
            ),
        )

    def _windows(self, value: Callable[[WindowFigures], str | None]) -> Changes:
        return Changes(
            **{name: value(self.figures.windows[window]) for name, window in _WINDOWS.items()}
        )


def change(window: WindowFigures) -> str | None:
    """How the price changed in a window, in percent."""
    found = window.price_change_percent
    return None if found is None else plain(round(found, 3))


async def told(reads: DollarReads, pairs: Sequence[Pair]) -> list[Told]:
    """Those of the pairs whose price in whole coins can be told."""
    figures = await figures_of(reads, pairs)
    return [Told(pair, of) for pair, of in zip(pairs, figures, strict=True) if of.price is not None]


def in_order(found: Mapping[str, Sequence[Pair]], addresses: Sequence[str]) -> list[Pair]:
    """The pairs at these addresses, in the order of those."""
    pairs = [pair for each in found.values() for pair in each]
    return sorted(pairs, key=lambda pair: addresses.index(pair.address))


def included(pairs: Sequence[Told], wanted: str | None) -> list[IncludedToken | Dex] | UnsetType:
    """The tokens and the places of the pairs, each once, of those kinds that are wanted."""
    if wanted is None:
        return UNSET
    kinds = set(wanted.split(","))
    found: dict[str, IncludedToken | Dex] = {}
    for each in pairs:
        card, quote = each.pair.of, each.figures.quote
        if "base_token" in kinds:
            basics = TokenBasics(
                address=card.mint,
                name=card.name,
                symbol=card.symbol,
                decimals=card.token_decimals,
                image_url=card.image,
            )
            found[identity(card.mint)] = IncludedToken(id=identity(card.mint), attributes=basics)
        if "quote_token" in kinds:
            basics = TokenBasics(
                address=quote.address,
                name=quote.name,
                symbol=quote.symbol,
                decimals=quote.decimals,
                image_url=None,
            )
            key = identity(quote.address)
            found[key] = IncludedToken(id=key, attributes=basics)
        if "dex" in kinds:
            dex = DEXES[each.pair.venue]
            found[dex.id] = dex
    return list(found.values())


def token(pairs: Sequence[Told]) -> Token:
    """A token, by its pairs, of which there is one at least."""
    first = pairs[0]
    card, figures = first.pair.of, first.figures
    volumes = [each.figures.windows["24h"].volume_usd for each in pairs]
    known = [volume for volume in volumes if volume is not None]
    supply = card.supply
    return Token(
        id=identity(card.mint),
        attributes=TokenAttributes(
            address=card.mint,
            name=card.name,
            symbol=card.symbol,
            decimals=card.token_decimals,
            image_url=card.image,
            total_supply=None if supply is None else f"{supply}.0",
            normalized_total_supply=text(whole(supply, card.token_decimals)),
            price_usd=text(figures.price_usd),
            fdv_usd=text(figures.market_cap_usd),
            total_reserve_in_usd=text(first.reserve_usd),
            volume_usd=DayVolume(h24=plain(sum(known)) if len(known) == len(volumes) else None),
            market_cap_usd=text(figures.market_cap_usd),
        ),
        relationships=TokenRelations(
            top_pools=Many(
                data=[Reference(id=identity(each.pair.address), type="pool") for each in pairs]
            )
        ),
    )


def trade(row: TradeRow, coin: float | None) -> Trade:
    """A trade; `coin` is dollars for a whole quote coin as of it."""
    decimals = quote_decimals(row.quote_mint, row.quote_decimals)
    place = Position.from_order_key(row.pos)
    quote = whole(row.quote_amount, decimals)
    tokens = whole(row.token_amount, row.token_decimals)
    price = None if quote is None or not tokens else quote / tokens
    sides = [
        (text(quote), "1.0", text(coin), quote_token(row.quote_mint, decimals).address),
        (text(tokens), text(price), text(_times(price, coin)), row.mint),
    ]
    given, got = sides if row.side == "buy" else sides[::-1]
    signature = row.id.partition(":")[0]
    return Trade(
        id=f"{CHAIN}_{place.slot}_{row.id}_{row.block_time_s}",
        attributes=TradeAttributes(
            block_number=place.slot,
            tx_hash=signature,
            tx_from_address=row.user,
            from_token_amount=given[0],
            to_token_amount=got[0],
            price_from_in_currency_token=given[1],
            price_to_in_currency_token=got[1],
            price_from_in_usd=given[2],
            price_to_in_usd=got[2],
            block_timestamp=moment(row.block_time_s) or "",
            kind=row.side,
            volume_in_usd=text(_times(quote, coin)),
            from_token_address=given[3],
            to_token_address=got[3],
        ),
    )


def one_page(path: str) -> Links:
    """The links of a list that has one page."""
    return Links(first=f"{path}?page=1", prev=None, next=None, last=f"{path}?page=1")


def identity(address: str) -> str:
    """What a pool or a token is known by."""
    return f"{CHAIN}_{address}"


def text(value: float | None) -> str | None:
    """A number as decimal text."""
    return None if value is None else plain(value)


def moment(time_s: int | None) -> str | None:
    """A time as RFC 3339."""
    if time_s is None:
        return None
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _times(value: float | None, coin: float | None) -> float | None:
    return None if value is None or coin is None else value * coin


def _related(id_: str, kind: str) -> One:
    return One(data=Reference(id=id_, type=kind))
