"""Finds tokens in Meilisearch."""

from collections.abc import Mapping
from sys import float_info
from typing import Any

from adapters.meilisearch.client import Meili
from adapters.meilisearch.documents import ADDRESSES, DESCRIPTION, LINKS, NAMES, ROUNDED, found
from adapters.meilisearch.index import PREFIX, quoted
from projections.indexing import SearchIndexError
from projections.reads import (
    SEARCH_TOTAL_MAX,
    Facet,
    Found,
    ReadsUnavailableError,
    SearchSort,
    TokenSearch,
)
from projections.search import is_address_like, searched

_SORTED_BY: Mapping[SearchSort, list[str]] = {
    "relevance": [],
    "market_cap": ["solMarketCap:desc"],
    "volume": ["solVolume:desc"],
    "created": ["createdTime:desc"],
    "last_trade": ["lastTradeTime:desc"],
}
_FACETS: Mapping[Facet, str] = {
    "state": "state",
    "venue": "venue",
    "quote_mint": "quoteMint",
    "has_website": LINKS["has_website"],
    "has_twitter": LINKS["has_twitter"],
    "has_telegram": LINKS["has_telegram"],
}


class MeiliTokenSearch:
    """Fits `projections.reads.SearchReads`."""

    def __init__(self, meili: Meili, *, prefix: str = PREFIX) -> None:
        self._meili = meili
        self._tokens = f"{prefix}-tokens"

    async def search(self, asked: TokenSearch) -> Found:
        """A page of what is found, best first; may raise `ReadsUnavailableError`."""
        # Without the marks that mean phrases and exclusions there.
        text = " ".join(searched(asked.text))
        if asked.text.strip() and not text:
            return Found(tokens=[], total=0, facets={facet: {} for facet in _FACETS})
        attributes = [*NAMES, *ADDRESSES] if is_address_like(asked.text.strip()) else [*NAMES]
        if asked.in_description:
            attributes.append(DESCRIPTION)
        options: dict[str, Any] = {
            "attributesToSearchOn": attributes,
            "matchingStrategy": "all",
            "filter": _filters(asked),
            "sort": _SORTED_BY[asked.sort],
            "facets": list(_FACETS.values()),
            "page": asked.page,
            "hitsPerPage": asked.limit,
        }
        try:
            answer = await self._meili.ask(
                lambda client: client.index(self._tokens).search(text, options)
            )
        except SearchIndexError as error:
            raise ReadsUnavailableError(f"the search index cannot be asked: {error}") from error
        counted = answer["facetDistribution"]
        try:
            tokens = [found(hit) for hit in answer["hits"]]
        except (KeyError, TypeError, ValueError) as error:
            raise ReadsUnavailableError(
                "the search index has a document that something else wrote;"
                " `curvetape projections verify search --mend` mends it"
            ) from error
        return Found(
            tokens=tokens,
            total=min(answer["totalHits"], SEARCH_TOTAL_MAX),
            facets={facet: counted.get(name, {}) for facet, name in _FACETS.items()},
        )


def _filters(asked: TokenSearch) -> list[str]:
    equal = {
        "state": asked.state,
        "venue": asked.venue,
        "quoteMint": asked.quote_mint,
        "creator": asked.creator,
    }
    limits = (
        ("solMarketCap", ">=", _lowered(asked.market_cap_min)),
        ("solMarketCap", "<=", _raised(asked.market_cap_max)),
        ("solVolume", ">=", _lowered(asked.volume_min)),
        ("solVolume", "<=", _raised(asked.volume_max)),
        ("createdTime", ">=", asked.created_from_s),
        ("createdTime", "<", asked.created_to_s),
    )
    links = ((field, getattr(asked, name)) for name, field in LINKS.items())
    return [
        *(f"{name} = {str(value).lower()}" for name, value in links if value is not None),
        *(f"{name} = {quoted(value)}" for name, value in equal.items() if value is not None),
        *(f"{name} {sign} {value!r}" for name, sign, value in limits if value is not None),
    ]


def _lowered(limit: float | None) -> float | None:
    """By as much as what it is compared with may be off: it leaves out nothing that it allows."""
    return None if limit is None else limit * (1 - ROUNDED)


def _raised(limit: float | None) -> float | None:
    return None if limit is None else min(limit * (1 + ROUNDED), float_info.max)
