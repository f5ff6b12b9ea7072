"""A token's document in Meilisearch, and the settings of the index that holds them."""

from collections.abc import Mapping
from math import isclose
from typing import Any

from projections.dollars import SOL_MINTS
from projections.index_comparison import HeldDocument
from projections.indexing import ChangedDocument
from projections.reads import SEARCH_TOTAL_MAX, FoundToken
from projections.search import folded

NAMES = ("nameWords", "symbolWords")
"""Folded as searches are: what parts words there is not all that parts them here."""
ADDRESSES = ("mint", "creator")
DESCRIPTION = "descriptionWords"
LINKS = {"has_website": "hasWebsite", "has_twitter": "hasTwitter", "has_telegram": "hasTelegram"}

SETTINGS: Mapping[str, Any] = {
    "searchableAttributes": [*NAMES, *ADDRESSES, DESCRIPTION],
    "filterableAttributes": [
        "state",
        "venue",
        "quoteMint",
        "creator",
        "solMarketCap",
        "solVolume",
        "createdTime",
        "generation",
        *LINKS.values(),
    ],
    "sortableAttributes": ["solMarketCap", "solVolume", "createdTime", "lastTradeTime"],
    "rankingRules": [
        "sort",
        "words",
        "typo",
        "proximity",
        "exactness",
        "solMarketCap:desc",
        "solVolume:desc",
        "createdTime:desc",
        "mint:asc",
    ],
    "typoTolerance": {
        "minWordSizeForTypos": {"oneTypo": 5, "twoTypos": 9},
        "disableOnAttributes": [*ADDRESSES, DESCRIPTION],
    },
    "pagination": {"maxTotalHits": SEARCH_TOTAL_MAX},
}
"""`solMarketCap` and `solVolume` are lamports, and absent where a token does not trade for SOL."""
ROUNDED = 2.0**-51
"""How far off a number may come back, as a part of it: its last bit or two."""


def document(generation: str, changed: ChangedDocument) -> dict[str, Any]:
    """The whole document; one of a mint is replaced by another."""
    token = changed.token
    made: dict[str, Any] = {
        "mint": token.mint,
        "name": token.name,
        "symbol": token.symbol,
        "nameWords": None if token.name is None else folded(token.name),
        "symbolWords": None if token.symbol is None else folded(token.symbol),
        "creator": token.creator,
        "state": token.state,
        "venue": token.venue,
        "quoteMint": token.quote_mint,
        "quoteDecimals": token.quote_decimals,
        # As text: numbers come back from Meilisearch with another last bit, or beyond 2^53 rounded.
        "marketCap": None if token.market_cap is None else repr(token.market_cap),
        "volumeUnits": str(token.volume_quote),
        "trades": token.trades,
        "createdTime": token.created_time_s,
        "lastTradeTime": token.last_trade_time_s,
        "generation": generation,
        "tick": changed.tick,
    }
    if token.quote_mint in SOL_MINTS:
        made["solMarketCap"] = token.market_cap
        made["solVolume"] = float(token.volume_quote)
    if token.description is not None:
        made |= {"description": token.description, DESCRIPTION: folded(token.description)}
    for name, field in LINKS.items():
        if (has := getattr(token, name)) is not None:
            made[field] = has
    return made


def held(hit: Mapping[str, Any]) -> HeldDocument | None:
    """A document with all of its fields, and whether those that are searched fit the others.

    None for one that lacks some of them, so that something else must have written it.
    """
    try:
        token, tick = found(hit), int(hit["tick"])
        generation: str = hit["generation"]
    except (KeyError, TypeError, ValueError):
        return None
    expected = document(generation, ChangedDocument(tick=tick, token=token))
    there = {name: value for name, value in hit.items() if value is not None}
    made = {name: value for name, value in expected.items() if value is not None}
    return HeldDocument(generation=generation, tick=tick, token=token, intact=_same(there, made))


def _same(there: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    return there.keys() == made.keys() and all(
        isclose(there[name], value, rel_tol=ROUNDED)
        if isinstance(value, float) and isinstance(there[name], int | float)
        else there[name] == value
        for name, value in made.items()
    )


def found(hit: Mapping[str, Any]) -> FoundToken:
    """The token of a document."""
    return FoundToken(
        mint=hit["mint"],
        name=hit["name"],
        symbol=hit["symbol"],
        creator=hit["creator"],
        state=hit["state"],
        venue=hit["venue"],
        quote_mint=hit["quoteMint"],
        quote_decimals=hit["quoteDecimals"],
        market_cap=None if hit["marketCap"] is None else float(hit["marketCap"]),
        volume_quote=int(hit["volumeUnits"]),
        trades=hit["trades"],
        created_time_s=hit["createdTime"],
        last_trade_time_s=hit["lastTradeTime"],
        description=hit.get("description"),
        has_website=hit.get(LINKS["has_website"]),
        has_twitter=hit.get(LINKS["has_twitter"]),
        has_telegram=hit.get(LINKS["has_telegram"]),
    )
