"""GeckoTerminal's addresses of tokens: one, several, their pools and their prices."""

from collections.abc import Callable, Mapping, Sequence
from uuid import NAMESPACE_URL, uuid5

from msgspec import UNSET, UnsetType

from api.dollars import NEWEST_POS
from api.foreign import Asked, Parameter, Route
from api.geckoterminal.asking import (
    ADDRESSES_MAX,
    BASE,
    INCLUDE,
    NETWORK,
    READ,
    addresses_of,
    check_network,
    refuse,
)
from api.geckoterminal.resources import Told, change, included, text, token, told
from api.geckoterminal.shapes import (
    OnePrices,
    OneToken,
    Pool,
    Pools,
    PriceData,
    Prices,
    Problems,
    TokenAttributes,
    Tokens,
)
from projections.dollars import coin_usd
from projections.pair_reads import PairReads, pairs_of

_TOKEN = Parameter("token", "A mint.")
_SEVERAL = Parameter("addresses", f"Mints between commas, up to {ADDRESSES_MAX}.")
_TOP_POOLS = Parameter("include", "`top_pools`.")
_PRICES = f"{BASE}/simple/networks/{{network}}/token_price/{{addresses}}"
_FLAGS = (
    ("include_market_cap", "`true` for market caps, too."),
    ("include_24hr_vol", "`true` for the volumes of 24 hours, too."),
    ("include_24hr_price_change", "`true` for the changes within 24 hours, too, in percent."),
    ("include_total_reserve_in_usd", "`true` for what the current pools hold, too."),
)


class TokenRoutes:
    """Answers of tokens as GeckoTerminal does."""

    def __init__(self, reads: PairReads) -> None:
        self._reads = reads

    def routes(self) -> Sequence[Route]:
        """All addresses of tokens."""
        one = f"{BASE}/networks/{{network}}/tokens/{{token}}"
        return [
            Route(
                name="getToken",
                path=one,
                summary="A token",
                parameters=[NETWORK, _TOKEN, _TOP_POOLS],
                answer=OneToken,
                error=Problems,
                read_models=READ,
                make=self.token,
            ),
            Route(
                name="getTokens",
                path=f"{BASE}/networks/{{network}}/tokens/multi/{{addresses}}",
                summary="Several tokens",
                parameters=[NETWORK, _SEVERAL, _TOP_POOLS],
                answer=Tokens,
                error=Problems,
                read_models=READ,
                make=self.tokens,
            ),
            Route(
                name="getTokenPools",
                path=f"{one}/pools",
                summary="A token's pools, the current one first",
                parameters=[NETWORK, _TOKEN, INCLUDE],
                answer=Pools,
                error=Problems,
                read_models=READ,
                make=self.token_pools,
            ),
            Route(
                name="getTokenPrices",
                path=_PRICES,
                summary="What several tokens cost in dollars, and SOL and USDC, too",
                parameters=[NETWORK, _SEVERAL, *(Parameter(*each) for each in _FLAGS)],
                answer=OnePrices,
                error=Problems,
                read_models=READ,
                make=self.prices,
            ),
        ]

    async def token(self, asked: Asked) -> OneToken:
        """A token, or 404."""
        pairs = await self._of(asked)
        return OneToken(data=token(pairs), included=_pools_included(asked, [pairs]))

    async def tokens(self, asked: Asked) -> Tokens:
        """Those that are known."""
        check_network(asked)
        found = await self._known(addresses_of(asked))
        return Tokens(
            data=[token(pairs) for pairs in found.values()],
            included=_pools_included(asked, list(found.values())),
        )

    async def token_pools(self, asked: Asked) -> Pools:
        """A token's pools, or 404."""
        shown = await self._of(asked)
        return Pools(
            data=[each.pool() for each in shown], included=included(shown, asked.get("include"))
        )

    async def prices(self, asked: Asked) -> OnePrices:
        """Prices of those that are known; of SOL and USDC nothing else is told."""
        check_network(asked)
        addresses = addresses_of(asked)
        found = await self._known(addresses)
        tokens = {mint: token(pairs).attributes for mint, pairs in found.items()}
        coins = {}
        (newest,) = await self._reads.sol_usd([NEWEST_POS])
        for address in addresses:
            coin = coin_usd(address, newest)
            if address not in tokens and coin is not None:
                coins[address] = text(float(coin))

        def where(flag: str, of: Callable[[str, TokenAttributes], str | None]) -> _Optional:
            if asked.get(flag, "").lower() != "true":
                return UNSET
            return {mint: of(mint, told) for mint, told in tokens.items()}

        return OnePrices(
            data=PriceData(
                id=str(uuid5(NAMESPACE_URL, ",".join(addresses))),
                attributes=Prices(
                    token_prices={mint: told.price_usd for mint, told in tokens.items()} | coins,
                    market_cap_usd=where("include_market_cap", lambda _, told: told.market_cap_usd),
                    h24_volume_usd=where("include_24hr_vol", lambda _, told: told.volume_usd.h24),
                    h24_price_change_percentage=where(
                        "include_24hr_price_change",
                        lambda mint, _: change(found[mint][0].figures.windows["24h"]),
                    ),
                    total_reserve_in_usd=where(
                        "include_total_reserve_in_usd", lambda _, told: told.total_reserve_in_usd
                    ),
                ),
            )
        )

    async def _of(self, asked: Asked) -> Sequence[Told]:
        check_network(asked)
        found = await self._known([asked["token"]])
        return found.get(asked["token"]) or refuse(404, "Not Found")

    async def _known(self, mints: Sequence[str]) -> Mapping[str, Sequence[Told]]:
        """The pools of each mint that has any, in the order given."""
        pairs = [
            pair
            for each in (await pairs_of(self._reads, mints, wallets=True)).values()
            for pair in each
        ]
        found: dict[str, list[Told]] = {}
        for each in await told(self._reads, pairs):
            found.setdefault(each.pair.of.mint, []).append(each)
        return found


_Optional = dict[str, str | None] | UnsetType


def _pools_included(asked: Asked, found: Sequence[Sequence[Told]]) -> list[Pool] | UnsetType:
    if "top_pools" not in asked.get("include", "").split(","):
        return UNSET
    return [each.pool() for pairs in found for each in pairs]
