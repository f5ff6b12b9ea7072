"""DexScreener's public endpoints: change the base URL of a client, and it asks here.

Boosts and orders are what is bought at DexScreener; nothing can be bought here, so their lists are
empty.
"""

from collections.abc import Sequence

from api.dexscreener.pairs import pairs_told, profile
from api.dexscreener.shapes import Boost, Order, Pair, Pairs, PairsAndFirst, Profile, Refused
from api.foreign import Asked, ForeignError, Parameter, Route, listed
from api.pairs import CHAIN
from projections.pair_reads import PairReads
from projections.reads import TokenSearch

ADDRESSES_MAX = 30
PAIRS_MAX = 30
"""A search shows no more."""
PROFILES_MAX = 30
LAUNCHES_MAX = 200
"""So many of the newest launches are looked through for those that were described."""
TEXT_LENGTH_MAX = 100

DESCRIBED_AT = "/dexscreener/openapi.json"
TITLE = "Curvetape in the shapes of DexScreener"
_CHAIN = Parameter("chainId", "The chain; only `solana` has pairs here.", "solana")
_SEVERAL = Parameter("tokenAddresses", f"Mints between commas, up to {ADDRESSES_MAX}.")
_READ = ("sol_prices", "tokens", "trades")


class DexScreener:
    """Answers as DexScreener does."""

    def __init__(self, reads: PairReads) -> None:
        self._reads = reads

    def routes(self) -> Sequence[Route]:
        """All endpoints."""
        return [*self._latest_routes(), *self._pair_routes(), *self._list_routes()]

    def _latest_routes(self) -> Sequence[Route]:
        return [
            Route(
                name="getPairsOfTokensLatest",
                path="/latest/dex/tokens/{tokenAddresses}",
                summary="The pairs of one or more tokens",
                parameters=[_SEVERAL],
                answer=Pairs,
                error=Refused,
                read_models=_READ,
                make=self.tokens_latest,
            ),
            Route(
                name="getPairsLatest",
                path="/latest/dex/pairs/{chainId}/{pairIds}",
                summary="One or more pairs by their addresses",
                parameters=[
                    _CHAIN,
                    Parameter(
                        "pairIds",
                        "Addresses of bonding curves and pools between commas, "
                        f"up to {ADDRESSES_MAX}.",
                    ),
                ],
                answer=PairsAndFirst,
                error=Refused,
                read_models=_READ,
                make=self.pairs_latest,
            ),
            *(
                Route(
                    name=name,
                    path=path,
                    summary="Pairs whose token's name, symbol or mint, or whose address, fits",
                    parameters=[Parameter("q", "What to look for, such as `pepe` or `pepe/SOL`.")],
                    answer=Pairs,
                    read_models=("search", *_READ),
                    make=self.search,
                )
                for name, path in (
                    ("searchPairs", "/latest/dex/search"),
                    ("searchPairsSlash", "/latest/dex/search/"),
                )
            ),
        ]

    def _pair_routes(self) -> Sequence[Route]:
        return [
            Route(
                name="getPairsOfToken",
                path="/token-pairs/v1/{chainId}/{tokenAddress}",
                summary="The pairs of a token",
                parameters=[_CHAIN, Parameter("tokenAddress", "A mint.")],
                answer=list[Pair],
                read_models=_READ,
                make=self.token_pairs,
            ),
            Route(
                name="getPairsOfTokens",
                path="/tokens/v1/{chainId}/{tokenAddresses}",
                summary="The pairs of one or more tokens",
                parameters=[_CHAIN, _SEVERAL],
                answer=list[Pair],
                error=Refused,
                read_models=_READ,
                make=self.tokens,
            ),
        ]

    def _list_routes(self) -> Sequence[Route]:
        return [
            Route(
                name="getLatestProfiles",
                path="/token-profiles/latest/v1",
                summary="What the creators of the newest described tokens say about them",
                parameters=[],
                answer=list[Profile],
                read_models=("tokens",),
                make=self.profiles,
            ),
            *(
                Route(
                    name=name,
                    path=path,
                    summary="Boosts; there are none here",
                    parameters=[],
                    answer=list[Boost],
                    read_models=(),
                    make=self.nothing,
                )
                for name, path in (
                    ("getLatestBoosts", "/token-boosts/latest/v1"),
                    ("getTopBoosts", "/token-boosts/top/v1"),
                )
            ),
            Route(
                name="getOrders",
                path="/orders/v1/{chainId}/{tokenAddress}",
                summary="Orders of a token; there are none here",
                parameters=[_CHAIN, Parameter("tokenAddress", "A mint.")],
                answer=list[Order],
                read_models=(),
                make=self.nothing,
            ),
        ]

    async def tokens_latest(self, asked: Asked) -> Pairs:
        """Pairs of mints, null where none is known."""
        return Pairs(pairs=await pairs_told(self._reads, _several(asked["tokenAddresses"])) or None)

    async def tokens(self, asked: Asked) -> list[Pair]:
        """Pairs of mints."""
        mints = _several(asked["tokenAddresses"])
        return await pairs_told(self._reads, mints) if asked["chainId"] == CHAIN else []

    async def token_pairs(self, asked: Asked) -> list[Pair]:
        """Pairs of a mint."""
        if asked["chainId"] != CHAIN:
            return []
        return await pairs_told(self._reads, [asked["tokenAddress"]])

    async def pairs_latest(self, asked: Asked) -> PairsAndFirst:
        """Pairs by their addresses in the order asked for, null where none is known."""
        addresses = _several(asked["pairIds"])
        if asked["chainId"] != CHAIN:
            return PairsAndFirst(pairs=None, pair=None)
        pairs = await self._at(addresses)
        return PairsAndFirst(pairs=pairs or None, pair=pairs[0] if pairs else None)

    async def search(self, asked: Asked) -> Pairs:
        """Pairs that fit, best first; an address of a pair finds that pair alone."""
        text = asked.get("q", "").strip()[:TEXT_LENGTH_MAX]
        if not text or not text.isprintable():
            return Pairs(pairs=[])
        if pairs := await self._at([text]):
            return Pairs(pairs=pairs)
        wanted = text.rpartition("/")[0] if "/" in text else text
        found = await self._reads.search(TokenSearch(text=wanted, limit=PAIRS_MAX))
        pairs = await pairs_told(self._reads, [token.mint for token in found.tokens])
        return Pairs(pairs=pairs[:PAIRS_MAX])

    async def profiles(self, _asked: Asked) -> list[Profile]:
        """What creators say, of the newest launches first."""
        launches = await self._reads.launches(limit=LAUNCHES_MAX)
        told = (profile(card) for card in launches)
        return [each for each in told if each is not None][:PROFILES_MAX]

    async def nothing(self, _asked: Asked) -> list[Boost]:
        """No boosts and no orders."""
        return []

    async def _at(self, addresses: Sequence[str]) -> list[Pair]:
        mints = await self._reads.pair_mints(addresses)
        pairs = await pairs_told(self._reads, mints, at=addresses)
        return sorted(pairs, key=lambda pair: addresses.index(pair.pair_address))


def _several(text: str) -> list[str]:
    addresses = listed(text)
    if len(addresses) > ADDRESSES_MAX:
        raise ForeignError(
            400, Refused(error=f"{len(addresses)} addresses, at most {ADDRESSES_MAX} are read")
        )
    return addresses
