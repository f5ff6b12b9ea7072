"""GeckoTerminal's addresses of lists of pools: new, trending, at the top, and found by a text."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from api.foreign import Asked, Parameter, Route
from api.geckoterminal.asking import (
    BASE,
    INCLUDE,
    NETWORK,
    PAGE,
    PAGE_SIZE,
    READ,
    check_network,
    page_of,
    refuse,
)
from api.geckoterminal.lists import found, newest, top, trending
from api.geckoterminal.resources import DEXES, Told, included
from api.geckoterminal.shapes import Pools, Problems
from projections.pair_reads import PairReads
from projections.reads import TradingVenue

BY_VOLUME = "h24_volume_usd_desc"
SORTS = ("h24_tx_count_desc", BY_VOLUME)

_DEX = Parameter("dex", f"{' or '.join(f'`{dex.id}`' for dex in DEXES.values())}.")
_SORT = Parameter("sort", f"`{SORTS[0]}` unless told otherwise, or `{SORTS[1]}`.")
_QUERY = Parameter("query", "A name, symbol, mint or creator, or the address of a pool.")
_VENUES: Mapping[str, TradingVenue] = {dex.id: venue for venue, dex in DEXES.items()}


class ListRoutes:
    """Lists pools as GeckoTerminal does."""

    def __init__(self, reads: PairReads) -> None:
        self._reads = reads

    def routes(self) -> Sequence[Route]:
        """All addresses of lists."""
        new = "Pools by when they were made, newest first"
        trends = "Of what traded last, the pools with the most volume in 24 hours"
        one = f"{BASE}/networks/{{network}}"
        ranked = ("candles", *READ)
        return [
            _route("getNewPools", f"{one}/new_pools", new, self.new_pools),
            _route("getAllNewPools", f"{BASE}/networks/new_pools", new, self.new_pools),
            _route("getTrendingPools", f"{one}/trending_pools", trends, self.trending_pools),
            _route(
                "getAllTrendingPools",
                f"{BASE}/networks/trending_pools",
                trends,
                self.trending_pools,
            ),
            _route(
                "getTopPools",
                f"{one}/pools",
                "Pools by trades or by volume of 24 hours",
                self.top_pools,
                _SORT,
                read_models=ranked,
            ),
            _route(
                "getTopPoolsOfDex",
                f"{one}/dexes/{{dex}}/pools",
                "A dex's pools where tokens trade now, by trades or by volume of 24 hours",
                self.top_pools,
                _DEX,
                _SORT,
                read_models=ranked,
            ),
            _route(
                "searchPools",
                f"{BASE}/search/pools",
                "Pools by a text, best first",
                self.search,
                _QUERY,
                NETWORK,
                read_models=("search", *READ),
            ),
        ]

    async def new_pools(self, asked: Asked) -> Pools:
        """A page."""
        check_network(asked)
        first = PAGE_SIZE * (page_of(asked) - 1)
        return _pools(await newest(self._reads, first=first, limit=PAGE_SIZE), asked)

    async def trending_pools(self, asked: Asked) -> Pools:
        """A page."""
        check_network(asked)
        return _page(await trending(self._reads), asked)

    async def top_pools(self, asked: Asked) -> Pools:
        """A page; 404 for a dex that there is not."""
        check_network(asked)
        venue = _VENUES.get(asked.get("dex", ""))
        if "dex" in asked and venue is None:
            refuse(404, "Not Found")
        sort = asked.get("sort") or SORTS[0]
        if sort not in SORTS:
            refuse(400, f"sort is one of {', '.join(SORTS)}")
        ranked = await top(self._reads, by_volume=sort == BY_VOLUME, venue=venue)
        return _page(ranked, asked)

    async def search(self, asked: Asked) -> Pools:
        """A page."""
        check_network(asked)
        first = PAGE_SIZE * (page_of(asked) - 1)
        text = asked.get("query", "")
        return _pools(await found(self._reads, text, first=first, limit=PAGE_SIZE), asked)


def _route(
    name: str,
    path: str,
    summary: str,
    make: Callable[[Asked], Awaitable[Pools]],
    *parameters: Parameter,
    read_models: tuple[str, ...] = READ,
) -> Route:
    """A list of pools: with its network where its path has one, and in pages."""
    network = [NETWORK] if "{network}" in path else []
    return Route(
        name=name,
        path=path,
        summary=summary,
        parameters=[*network, *parameters, INCLUDE, PAGE],
        answer=Pools,
        error=Problems,
        read_models=read_models,
        make=make,
    )


def _page(ranked: Sequence[Told], asked: Asked) -> Pools:
    first = PAGE_SIZE * (page_of(asked) - 1)
    return _pools(ranked[first : first + PAGE_SIZE], asked)


def _pools(shown: Sequence[Told], asked: Asked) -> Pools:
    return Pools(
        data=[each.pool() for each in shown], included=included(shown, asked.get("include"))
    )
