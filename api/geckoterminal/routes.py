"""GeckoTerminal's addresses under `/api/v2`: change the base URL of a client, and it asks here."""

from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

from api.amounts import quote_decimals
from api.foreign import Asked, Parameter, Route
from api.geckoterminal.asking import (
    ADDRESSES_MAX,
    BASE,
    INCLUDE,
    NETWORK,
    READ,
    addresses_of,
    check_network,
    number,
    refuse,
)
from api.geckoterminal.charts import (
    AGGREGATES_S,
    LIMIT_MAX,
    ChartQuery,
    Currency,
    Side,
    bars,
)
from api.geckoterminal.list_routes import ListRoutes
from api.geckoterminal.lists import trades
from api.geckoterminal.resources import (
    DEXES,
    Told,
    in_order,
    included,
    one_page,
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
    Pools,
    Problems,
    Sides,
    TokenMeta,
    Trades,
)
from api.geckoterminal.token_routes import TokenRoutes
from api.pairs import CHAIN, QuoteToken, quote_token
from projections.pair_reads import PairReads, pairs_of, venues
from projections.reads import TokenRow, TradingVenue

DESCRIBED_AT = "/geckoterminal/openapi.json"
TITLE = "Curvetape in the shapes of GeckoTerminal"
TIME_S_MAX = 253_402_300_799

_POOL = Parameter("pool", "The address of a bonding curve or of a canonical pool.")


class GeckoTerminal:
    """Answers as GeckoTerminal does."""

    def __init__(self, reads: PairReads) -> None:
        self._reads = reads

    def routes(self) -> Sequence[Route]:
        """All addresses."""
        lists, tokens = ListRoutes(self._reads), TokenRoutes(self._reads)
        return [
            *self._network_routes(),
            *lists.routes(),
            *self._pool_routes(),
            *tokens.routes(),
        ]

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
                parameters=[NETWORK],
                answer=Dexes,
                error=Problems,
                read_models=(),
                make=self.dexes,
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
                parameters=[NETWORK, _POOL, INCLUDE],
                answer=OnePool,
                error=Problems,
                read_models=READ,
                make=self.pool,
            ),
            Route(
                name="getPools",
                path=f"{BASE}/networks/{{network}}/pools/multi/{{addresses}}",
                summary="Several pools",
                parameters=[NETWORK, several, INCLUDE],
                answer=Pools,
                error=Problems,
                read_models=READ,
                make=self.pools,
            ),
            Route(
                name="getPoolChart",
                path=f"{one}/ohlcv/{{timeframe}}",
                summary="A pool's candles, newest first",
                parameters=[
                    NETWORK,
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
                    NETWORK,
                    _POOL,
                    Parameter("trade_volume_in_usd_greater_than", "Only those of more dollars."),
                ],
                answer=Trades,
                error=Problems,
                read_models=READ,
                make=self.trades,
            ),
        ]

    async def networks(self, _asked: Asked) -> Networks:
        """The one network."""
        of = NetworkAttributes(name="Solana", coingecko_asset_platform_id="solana")
        return Networks(data=[Network(id=CHAIN, attributes=of)], links=one_page(f"{BASE}/networks"))

    async def dexes(self, asked: Asked) -> Dexes:
        """Both places."""
        check_network(asked)
        links = one_page(f"{BASE}/networks/{CHAIN}/dexes")
        return Dexes(data=list(DEXES.values()), links=links)

    async def pool(self, asked: Asked) -> OnePool:
        """A pool, or 404."""
        found = await self._one(asked)
        return OnePool(data=found.pool(), included=included([found], asked.get("include")))

    async def pools(self, asked: Asked) -> Pools:
        """Those that are known."""
        check_network(asked)
        shown = await self._at(addresses_of(asked))
        return Pools(
            data=[each.pool() for each in shown], included=included(shown, asked.get("include"))
        )

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
            refuse(400, "trade_volume_in_usd_greater_than is no number")
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
        check_network(asked)
        found = await self._at([asked["pool"]])
        return found[0] if found else refuse(404, "Not Found")

    async def _at(self, addresses: Sequence[str]) -> list[Told]:
        """Those at the addresses, in their order."""
        mints = await self._reads.pair_mints(addresses)
        found = await pairs_of(self._reads, mints, at=addresses, wallets=True)
        return await told(self._reads, in_order(found, addresses))

    async def _place(self, asked: Asked) -> tuple[TokenRow, TradingVenue, QuoteToken]:
        """What a pool is of, without its figures; or 404."""
        check_network(asked)
        address = asked["pool"]
        cards = await self._reads.tokens_of(await self._reads.pair_mints([address]))
        for card in cards.values():
            for venue, place in venues(card):
                if place == address and card.quote_mint is not None:
                    decimals = quote_decimals(card.quote_mint, card.quote_decimals)
                    return card, venue, quote_token(card.quote_mint, decimals)
        return refuse(404, "Not Found")


def _pools(shown: Sequence[Told], asked: Asked) -> Pools:
    return Pools(
        data=[each.pool() for each in shown], included=included(shown, asked.get("include"))
    )


def _chart_query(asked: Asked) -> ChartQuery:
    aggregates = AGGREGATES_S.get(asked["timeframe"])
    if aggregates is None:
        refuse(400, f"timeframe is one of {', '.join(AGGREGATES_S)}")
    length_s = aggregates.get(number(asked, "aggregate", 1))
    if length_s is None:
        refuse(400, f"aggregate is one of {', '.join(map(str, aggregates))}")
    currency: Currency = "token" if asked.get("currency") == "token" else "usd"
    side: Side = "quote" if asked.get("token") == "quote" else "base"
    if currency == "usd" and side == "quote":
        refuse(400, "candles of the quote in usd are not kept; ask for currency=token")
    return ChartQuery(
        length_s=length_s,
        before_s=max(0, min(number(asked, "before_timestamp", TIME_S_MAX), TIME_S_MAX)),
        limit=max(1, min(number(asked, "limit", 100), LIMIT_MAX)),
        currency=currency,
        side=side,
    )
