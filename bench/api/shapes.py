"""What is asked for in other shapes than REST: GraphQL, and those of others."""

import itertools
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from bench.api.market import TARGETS_MAX, Market
from bench.api.targets import LIMITS, SEARCHED, Target

LIST = """
{tokens(sort:VOLUME,first:%d){nodes{mintAddress symbol currentPrice{quote usd}volume24h}}}
"""
CARD = """
{token(mintAddress:"%s"){symbol currentPrice{quote usd}priceChange1h volume24h marketCapUsd holders
trades(first:20){nodes{signature side quoteAmount}}chart(interval:M1,limit:60){time close}}}
"""
TOGETHER = 30
"""Tokens that DexScreener's clients may ask for at once."""
RESOLUTIONS = ("1", "5", "15", "60")


def shapes(market: Market) -> list[Target]:
    """What pages and bots ask for."""
    mints, pairs = market.mints, market.pairs
    gecko = "/api/v2/networks/solana"
    groups = [mints[first:] + mints[:first] for first in range(len(mints))]
    bars = f"to={market.until_s}&from=0&countback=300&resolution="
    return [
        Target("/graphql, a list of tokens", [_graph(LIST % limit) for limit in LIMITS]),
        Target("/graphql, a token's page", [_graph(CARD % mint) for mint in mints]),
        _each("/latest/dex/tokens/{mint}", mints),
        Target(
            f"/latest/dex/tokens/ of {TOGETHER}",
            [f"/latest/dex/tokens/{','.join(group[:TOGETHER])}" for group in groups],
        ),
        _each("/latest/dex/pairs/solana/{pair}", pairs),
        _each("/latest/dex/search?q={text}", [*map(quote, SEARCHED), *mints][:TARGETS_MAX]),
        _each(f"{gecko}/pools/{{pair}}", pairs),
        _each(f"{gecko}/pools/{{pair}}/ohlcv/minute", pairs),
        Target(f"{gecko}/trending_pools", list(_pages(f"{gecko}/trending_pools"))),
        Target(
            "/udf/history, 300 bars",
            [
                f"/udf/history?symbol={mint}&{bars}{resolution}"
                for mint, resolution in zip(mints, itertools.cycle(RESOLUTIONS), strict=False)
            ],
        ),
    ]


def _each(name: str, values: Sequence[str]) -> Target:
    before, _, behind = name.partition("{")
    return Target(name, [before + value + behind.partition("}")[2] for value in values])


def _pages(path: str) -> Iterator[str]:
    return (f"{path}?page={page}" for page in (1, 2))


def _graph(query: str) -> str:
    return f"/graphql?query={quote(query.strip())}"
