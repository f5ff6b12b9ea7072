"""Finds tokens by name, symbol, mint or creator."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.amounts import quote_symbol
from api.filters import (
    AtVenue,
    InQuote,
    MarketCapMax,
    MarketCapMin,
    OfState,
    VolumeMax,
    VolumeMin,
    check_ranges,
    lamports,
)
from api.operation import Operation
from api.parameters import Address, Time, seconds
from api.representations import FoundToken, found_token
from projections.reads import (
    SEARCH_TOTAL_MAX,
    Found,
    SearchReads,
    SearchSort,
    TokenSearch,
)

TEXT_LENGTH_MAX = 100
LIMIT_MAX = 50

Count: TypeAlias = Annotated[int, Meta(ge=0)]
YesOrNo: TypeAlias = Literal["yes", "no"]


class SearchParameters(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """What to look for, and what to leave out."""

    q: Annotated[
        str,
        Meta(
            max_length=TEXT_LENGTH_MAX,
            description="Words of a name or a symbol, or the first 6 or more characters of a mint "
            "or of a creator. Case, accents and punctuation do not matter in words, and neither do "
            "small mistakes in long ones. Empty for all tokens.",
            examples=["pepe"],
        ),
    ] = ""
    sort: Annotated[
        SearchSort,
        Meta(
            description="What comes first. `relevance`: what fits best, and of what fits equally "
            "the highest market cap, then volume, then the newest. Otherwise the highest of this; "
            "tokens without it come last."
        ),
    ] = "relevance"
    in_description: Annotated[
        YesOrNo,
        Meta(
            description="`yes`: words may also stand in the description. What is found only so "
            "comes last."
        ),
    ] = "no"
    has_website: Annotated[
        YesOrNo | UnsetType, Meta(description="Only tokens whose description links to a website.")
    ] = UNSET
    has_twitter: Annotated[
        YesOrNo | UnsetType, Meta(description="Only tokens whose description links to Twitter.")
    ] = UNSET
    has_telegram: Annotated[
        YesOrNo | UnsetType, Meta(description="Only tokens whose description links to Telegram.")
    ] = UNSET
    state: OfState = UNSET
    venue: AtVenue = UNSET
    quote: InQuote = UNSET
    creator: Annotated[Address | UnsetType, Meta(description="Only tokens of this creator.")] = (
        UNSET
    )
    market_cap_min: MarketCapMin = UNSET
    market_cap_max: MarketCapMax = UNSET
    volume_min: VolumeMin = UNSET
    volume_max: VolumeMax = UNSET
    created_from: Annotated[
        Time | UnsetType,
        Meta(description="Launched at this time or later: Unix seconds or RFC 3339."),
    ] = UNSET
    created_to: Annotated[
        Time | UnsetType, Meta(description="Launched before this time: Unix seconds or RFC 3339.")
    ] = UNSET
    page: Annotated[
        int,
        Meta(
            ge=1,
            le=SEARCH_TOTAL_MAX,
            description=f"The page, from 1; the first {SEARCH_TOTAL_MAX:,} tokens can be paged to.",
        ),
    ] = 1
    limit: Annotated[
        int, Meta(ge=1, le=LIMIT_MAX, description=f"Tokens to a page, 1 to {LIMIT_MAX}.")
    ] = 20


class QuoteCount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many of all tokens that were found trade for a mint."""

    quote_mint: str
    quote_symbol: str | None
    tokens: Count


class LinkCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the tokens that were found and described have such a link, and how many not."""

    yes: Count
    no: Count


class Facets(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many of all tokens that were found are of each kind; kinds without any are left out."""

    state: dict[str, int]
    venue: dict[str, int]
    quote: list[QuoteCount]
    has_website: LinkCounts
    has_twitter: LinkCounts
    has_telegram: LinkCounts


class SearchResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of tokens; `next` is the number of the page after it, null on the last one."""

    items: list[FoundToken]
    total: Annotated[
        int,
        Meta(
            ge=0,
            le=SEARCH_TOTAL_MAX,
            description=f"How many were found; {SEARCH_TOTAL_MAX:,} stands for any more.",
        ),
    ]
    facets: Facets
    next: str | None


class SearchResource:
    """All tokens that can be found."""

    operation: ClassVar = Operation(
        name="searchTokens",
        path="/api/v1/search",
        tag="tokens",
        summary="Tokens by name, symbol, mint or creator, with filters and facets",
        description="Texts can be found as soon as a token is launched. Market cap, volume and the "
        "last trade are those of a few seconds ago by the chain's clock; the token's card has the "
        "current ones. By market cap and volume, tokens that trade for SOL are ranked; others come "
        "after them. Pages may shift while figures move.",
        parameters=SearchParameters,
        answer=SearchResult,
        read_models=("search",),
        next_parameter="page",
    )

    def __init__(self, reads: SearchReads) -> None:
        self._reads = reads

    async def answer(self, asked: SearchParameters) -> SearchResult:
        """A page, or the problem that a range ends before it begins."""
        check_ranges(asked, "market_cap", "volume")
        found = await self._reads.search(_search(asked))
        shown = asked.limit * asked.page
        return SearchResult(
            items=[found_token(each) for each in found.tokens],
            total=found.total,
            facets=_facets(found),
            next=str(asked.page + 1) if shown < found.total else None,
        )


def _search(asked: SearchParameters) -> TokenSearch:
    return TokenSearch(
        text=asked.q,
        sort=asked.sort,
        in_description=asked.in_description == "yes",
        has_website=_wanted(asked.has_website),
        has_twitter=_wanted(asked.has_twitter),
        has_telegram=_wanted(asked.has_telegram),
        state=None if asked.state is UNSET else asked.state,
        venue=None if asked.venue is UNSET else asked.venue,
        quote_mint=None if asked.quote is UNSET else asked.quote,
        creator=None if asked.creator is UNSET else asked.creator,
        market_cap_min=lamports(asked.market_cap_min),
        market_cap_max=lamports(asked.market_cap_max),
        volume_min=lamports(asked.volume_min),
        volume_max=lamports(asked.volume_max),
        created_from_s=None if asked.created_from is UNSET else seconds(asked.created_from),
        created_to_s=None if asked.created_to is UNSET else seconds(asked.created_to),
        page=asked.page,
        limit=asked.limit,
    )


def _wanted(said: YesOrNo | UnsetType) -> bool | None:
    return None if said is UNSET else said == "yes"


def _links(counts: Mapping[str, int]) -> LinkCounts:
    return LinkCounts(yes=counts.get("true", 0), no=counts.get("false", 0))


def _facets(found: Found) -> Facets:
    quotes = sorted(found.facets["quote_mint"].items(), key=lambda each: (-each[1], each[0]))
    return Facets(
        state=dict(found.facets["state"]),
        venue=dict(found.facets["venue"]),
        quote=[
            QuoteCount(quote_mint=mint, quote_symbol=quote_symbol(mint), tokens=count)
            for mint, count in quotes
        ],
        has_website=_links(found.facets["has_website"]),
        has_twitter=_links(found.facets["has_twitter"]),
        has_telegram=_links(found.facets["has_telegram"]),
    )
