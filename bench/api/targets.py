"""What is asked for: every GET that the API itself describes, with addresses that are there."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bench.api.market import TARGETS_MAX, Market

VARIED = TARGETS_MAX
"""Addresses of a resource that are asked for in turn where none shall be answered from what is
kept."""
LEFT_OUT = ("/healthz", "/readyz", "/api/v1/slots/{slot}", "/api/v1/explain/{signature}")
"""The last two ask for certificates and for the log itself, which this market has not."""
INTERVALS = ("1s", "1m", "15m", "1h")
LISTS = "/api/v1/tokens"
WINDOWED = (
    *(f"window=24h&sort={sort}" for sort in ("volume", "trades", "change", "progress")),
    *("window=24h&sort=market_cap", "window=24h&sort=volume&state=graduated"),
    *("window=6h&sort=volume", "window=6h&sort=change"),
)
"""Lists of what was traded in a window: the dear orders, a token's own, and one with a filter."""
LIMITS = range(50, 50 - VARIED // 2, -1)
"""As many lists that differ in their length."""
SEARCHED = ("a", "pepe", "moon", "doge cat", "in", "to the", "elon", "x", "sol", "pump")


class Target(msgspec.Struct):
    """A resource, and addresses by which it is asked for."""

    name: str
    paths: Sequence[str]


def targets(described: Mapping[str, Any], market: Market) -> list[Target]:
    """Every resource of the OpenAPI document, and lists of windows."""
    found = [
        Target(path, _paths(path, operations["get"].get("parameters", ()), market))
        for path, operations in described["paths"].items()
        if "get" in operations and path not in LEFT_OUT
    ]
    found += [
        Target(f"{LISTS}?{asked}", [f"{LISTS}?{asked}&limit={limit}" for limit in LIMITS])
        for asked in WINDOWED
    ]
    return found


def _paths(path: str, parameters: Sequence[Mapping[str, Any]], market: Market) -> list[str]:
    asked = {it["name"] for it in parameters if it["in"] == "query"}
    varied = _variations(path, asked)
    named = _named(path, market)
    if named is None:
        return [path + query for query in itertools.islice(varied, VARIED)]
    parameter, values = named
    return [
        path.replace(parameter, value) + query
        for value, query in zip(
            itertools.islice(values, VARIED), itertools.cycle(varied), strict=False
        )
    ]


def _named(path: str, market: Market) -> tuple[str, Sequence[str]] | None:
    if "{" not in path:
        return None
    parameter = path[path.index("{") : path.index("}") + 1]
    if parameter == "{mint}":
        return parameter, market.mints
    return parameter, market.creators if "/creators/" in path else market.wallets


def _variations(path: str, asked: set[str]) -> list[str]:
    """Queries that differ, the default one first."""
    if path.endswith("/search"):
        words = [f"?q={word.replace(' ', '%20')}" for word in SEARCHED]
        return [f"{word}&limit={limit}" for limit in range(11, 21) for word in words]
    if "interval" in asked:
        return ["", *(f"?interval={each}" for each in INTERVALS)]
    if "{" in path or "limit" not in asked:
        return [""]
    return [f"?limit={limit}" for limit in LIMITS]
