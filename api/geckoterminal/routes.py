"""GeckoTerminal's addresses under `/api/v2`: change the base URL of a client, and it asks here."""

from collections.abc import Sequence
from typing import NoReturn
from uuid import NAMESPACE_URL, uuid5

from api.amounts import quote_decimals
from api.foreign import Asked, ForeignError, Parameter, Route, listed
from api.geckoterminal.charts import (
    AGGREGATES_S,
    LIMIT_MAX,
    ChartQuery,
    Currency,
    Side,
    bars,
)
from api.geckoterminal.lists import newest, trades, trending
from api.geckoterminal.resources import (
    DEXES,
    Told,
    in_order,
    included,
    one_page,
    token,
    told,
    trade,
)
from api.geckoterminal.shapes import (
    CandleData,
    Candles,
    Chart,
    Dexes,
    Network,
    NetworkAttributes,
    Networks,
    OnePool,
    OneToken,
    Pools,
    Problem,
    Problems,
    Sides,
    TokenMeta,
    Trades,
)
from api.pairs import CHAIN, QuoteToken, quote_token
from projections.pair_reads import PairReads, pairs_of, venues
from projections.reads import TokenRow, TradingVenue

DESCRIBED_AT = "/geckoterminal/openapi.json"
TITLE = "Curvetape in the shapes of GeckoTerminal"
BASE = "/api/v2"
ADDRESSES_MAX = 30
PAGE_SIZE = 20
PAGE_MAX = 10
TIME_S_MAX = 253_402_300_799

_NETWORK = Parameter("network", "The network; there is only `solana`.", CHAIN)
_POOL = Parameter("pool", "The address of a bonding curve or of a canonical pool.")
_INCLUDE = Parameter("include", "`base_token`, `quote_token` and `dex`, between commas.")
_PAGE = Parameter("page", f"The page of {PAGE_SIZE}, from 1 to {PAGE_MAX}.")
_READ = ("sol_prices", "tokens", "trades")


class GeckoTerminal:
    """Answers as GeckoTerminal does."""

    def __init__(self, reads: PairReads) -> None:
        self._reads = reads

    def routes(self) -> Sequence[Route]:
        """All addresses."""
        return [*self._network_routes(), *self._pool_routes(), *self._token_routes()]

    def _network_routes(self) -> Sequence[Route]:
        return [
            Route(
                name="getNetworks",
                path=f"{BASE}/networks",
                summary="The networks, of which there is one",
                parameters=[],
                answer=Networks,
                read_models=(),
                make=self.networks,
            ),
            Route(
                name="getDexes",
                path=f"{BASE}/networks/{{network}}/dexes",
                summary="Where pools are",
                parameters=[_NETWORK],
                answer=Dexes,
                error=Problems,
                read_models=(),
                make=self.dexes,
            ),
            Route(
                name="getNewPools",
                path=f"{BASE}/networks/{{network}}/new_pools",
                summary="Pools by when they were made, newest first",
                parameters=[_NETWORK, _INCLUDE, _PAGE],
                answer=Pools,
                error=Problems,
                read_models=_READ,
                make=self.new_pools,
            ),
            Route(
                name="getTrendingPools",
                path=f"{BASE}/networks/{{network}}/trending_pools",
                summary="Of what traded last, the pools with the most volume in 24 hours",
                parameters=[_NETWORK, _INCLUDE, _PAGE],
                answer=Pools,
                error=Problems,
                read_models=_READ,
                make=self.trending_pools,
            ),
        ]

    def _pool_routes(self) -> Sequence[Route]:
        one = f"{BASE}/networks/{{network}}/pools/{{pool}}"
        several = Parameter("addresses", f"Pools' addresses between commas, up to {ADDRESSES_MAX}.")
        return [
            Route(
                name="getPool",
                path=one,
                summary="A pool",
                parameters=[_NETWORK, _POOL, _INCLUDE],
                answer=OnePool,
                error=Problems,
                read_models=_READ,
                make=self.pool,
            ),
            Route(
                name="getPools",
                path=f"{BASE}/networks/{{network}}/pools/multi/{{addresses}}",
                summary="Several pools",
                parameters=[_NETWORK, several, _INCLUDE],
                answer=Pools,
                error=Problems,
                read_models=_READ,
                make=self.pools,
            ),
            Route(
                name="getPoolChart",
                path=f"{one}/ohlcv/{{timeframe}}",
                summary="A pool's candles, newest first",
                parameters=[
                    _NETWORK,
                    _POOL,
                    Parameter("timeframe", f"One of {', '.join(AGGREGATES_S)}."),
                    Parameter("aggregate", "So many of them to a candle; 1 unless told otherwise."),
                    Parameter("before_timestamp", "Candles that start before it, Unix seconds."),
                    Parameter("limit", f"How many at most, 100 unless told, up to {LIMIT_MAX}."),
                    Parameter("currency", "`usd`, or `token` for the other side of the pool."),
                    Parameter("token", "`base`, or `quote` for its price in tokens."),
                ],
                answer=Chart,
                error=Problems,
                read_models=("candles", "sol_prices", "tokens"),
                make=self.chart,
            ),
            Route(
                name="getPoolTrades",
                path=f"{one}/trades",
                summary="A pool's last trades of 24 hours, newest first, up to 300",
                parameters=[
                    _NETWORK,
                    _POOL,
                    Parameter("trade_volume_in_usd_greater_than", "Only those of more dollars."),
                ],
                answer=Trades,
                error=Problems,
                read_models=_READ,
                make=self.trades,
            ),
        ]

    def _token_routes(self) -> Sequence[Route]:
        one = f"{BASE}/networks/{{network}}/tokens/{{token}}"
        mint = Parameter("token", "A mint.")
        return [
            Route(
                name="getToken",
                path=one,
                summary="A token",
                parameters=[_NETWORK, mint, Parameter("include", "`top_pools`.")],
                answer=OneToken,
                error=Problems,
                read_models=_READ,
                make=self.token,
            ),
            Route(
                name="getTokenPools",
                path=f"{one}/pools",
                summary="A token's pools, the current one first",
                parameters=[_NETWORK, mint, _INCLUDE],
                answer=Pools,
                error=Problems,
                read_models=_READ,
                make=self.token_pools,
            ),
        ]

    async def networks(self, _asked: Asked) -> Networks:
        """The one network."""
        of = NetworkAttributes(name="Solana", coingecko_asset_platform_id="solana")
        return Networks(data=[Network(id=CHAIN, attributes=of)], links=one_page(f"{BASE}/networks"))

    async def dexes(self, asked: Asked) -> Dexes:
        """Both places."""
        _known(asked)
        links = one_page(f"{BASE}/networks/{CHAIN}/dexes")
        return Dexes(data=list(DEXES.values()), links=links)

    async def new_pools(self, asked: Asked) -> Pools:
        """A page."""
        _known(asked)
        first = PAGE_SIZE * (_page(asked) - 1)
        return _pools(await newest(self._reads, first=first, limit=PAGE_SIZE), asked)

    async def trending_pools(self, asked: Asked) -> Pools:
        """A page."""
        _known(asked)
        first = PAGE_SIZE * (_page(asked) - 1)
        return _pools((await trending(self._reads))[first : first + PAGE_SIZE], asked)

    async def pool(self, asked: Asked) -> OnePool:
        """A pool, or 404."""
        found = await self._one(asked)
        return OnePool(data=found.pool(), included=included([found], asked.get("include")))

    async def pools(self, asked: Asked) -> Pools:
        """Those that are known."""
        _known(asked)
        addresses = listed(asked["addresses"])
        if len(addresses) > ADDRESSES_MAX:
            _refuse(400, f"Exceeded maximum of {ADDRESSES_MAX} addresses")
        return _pools(await self._at(addresses), asked)

    async def token(self, asked: Asked) -> OneToken:
        """A token, or 404."""
        pairs = await self._of(asked)
        wanted = "top_pools" in asked.get("include", "").split(",")
        data = token(pairs)
        if not wanted:
            return OneToken(data=data)
        return OneToken(data=data, included=[each.pool() for each in pairs])

    async def token_pools(self, asked: Asked) -> Pools:
        """A token's pools, or 404."""
        return _pools(await self._of(asked), asked)

    async def chart(self, asked: Asked) -> Chart:
        """A pool's candles."""
        card, venue, quote = await self._place(asked)
        query = _chart_query(asked)
        key = f"{asked['pool']}/{query}"
        return Chart(
            data=CandleData(
                id=str(uuid5(NAMESPACE_URL, key)),
                attributes=Candles(ohlcv_list=await bars(self._reads, card, venue, query)),
            ),
            meta=Sides(
                base=TokenMeta(address=card.mint, name=card.name, symbol=card.symbol),
                quote=TokenMeta(address=quote.address, name=quote.name, symbol=quote.symbol),
            ),
        )

    async def trades(self, asked: Asked) -> Trades:
        """A pool's last trades."""
        found = await self._one(asked)
        text = asked.get("trade_volume_in_usd_greater_than") or "0"
        try:
            above = float(text)
        except ValueError:
            _refuse(400, "trade_volume_in_usd_greater_than is no number")
        rows = await trades(self._reads, found.pair)
        told_trades = [trade(row, None if coin is None else float(coin)) for row, coin in rows]
        return Trades(
            data=[
                each
                for each in told_trades
                if above <= 0 or float(each.attributes.volume_in_usd or 0) > above
            ]
        )

    async def _one(self, asked: Asked) -> Told:
        _known(asked)
        found = await self._at([asked["pool"]])
        return found[0] if found else _refuse(404, "Not Found")

    async def _of(self, asked: Asked) -> Sequence[Told]:
        _known(asked)
        found = await pairs_of(self._reads, [asked["token"]])
        pairs = await told(self._reads, found.get(asked["token"], []))
        return pairs or _refuse(404, "Not Found")

    async def _at(self, addresses: Sequence[str]) -> list[Told]:
        """Those at the addresses, in their order."""
        mints = await self._reads.pair_mints(addresses)
        found = await pairs_of(self._reads, mints, at=addresses)
        return await told(self._reads, in_order(found, addresses))

    async def _place(self, asked: Asked) -> tuple[TokenRow, TradingVenue, QuoteToken]:
        """What a pool is of, without its figures; or 404."""
        _known(asked)
        address = asked["pool"]
        cards = await self._reads.tokens_of(await self._reads.pair_mints([address]))
        for card in cards.values():
            for venue, place in venues(card):
                if place == address and card.quote_mint is not None:
                    decimals = quote_decimals(card.quote_mint, card.quote_decimals)
                    return card, venue, quote_token(card.quote_mint, decimals)
        return _refuse(404, "Not Found")


def _pools(shown: Sequence[Told], asked: Asked) -> Pools:
    return Pools(
        data=[each.pool() for each in shown], included=included(shown, asked.get("include"))
    )


def _known(asked: Asked) -> None:
    if asked["network"] != CHAIN:
        _refuse(404, "Not Found")


def _page(asked: Asked) -> int:
    page = _number(asked, "page", 1)
    if not 1 <= page <= PAGE_MAX:
        _refuse(400, f"page is from 1 to {PAGE_MAX}")
    return page


def _chart_query(asked: Asked) -> ChartQuery:
    aggregates = AGGREGATES_S.get(asked["timeframe"])
    if aggregates is None:
        _refuse(400, f"timeframe is one of {', '.join(AGGREGATES_S)}")
    length_s = aggregates.get(_number(asked, "aggregate", 1))
    if length_s is None:
        _refuse(400, f"aggregate is one of {', '.join(map(str, aggregates))}")
    currency: Currency = "token" if asked.get("currency") == "token" else "usd"
    side: Side = "quote" if asked.get("token") == "quote" else "base"
    if currency == "usd" and side == "quote":
        _refuse(400, "candles of the quote in usd are not kept; ask for currency=token")
    return ChartQuery(
        length_s=length_s,
        before_s=max(0, min(_number(asked, "before_timestamp", TIME_S_MAX), TIME_S_MAX)),
        limit=max(1, min(_number(asked, "limit", 100), LIMIT_MAX)),
        currency=currency,
        side=side,
    )


def _number(asked: Asked, name: str, otherwise: int) -> int:
    text = asked.get(name)
    if not text:
        return otherwise
    try:
        return int(text)
    except ValueError:
        return _refuse(400, f"{name} is no number")


def _refuse(status: int, title: str) -> NoReturn:
    raise ForeignError(status, Problems(errors=[Problem(status=str(status), title=title)]))
