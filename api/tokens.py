"""The list of tokens, filtered and in the order that the reader wants."""

from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.amounts import quote_decimals, whole
from api.cursors import CursorError, ListCursor, list_cursor
from api.dollars import card_coins, newest_sol_usd
from api.filters import (
    FOR_IT,
    AtVenue,
    InQuote,
    MarketCapMax,
    MarketCapMin,
    OfState,
    Sol,
    VolumeMax,
    VolumeMin,
    check_ranges,
    lamports,
)
from api.operation import Operation
from api.problems import PARAMETER_INVALID, ProblemError
from api.representations import Ages, Count, Quote, Token, Units, token
from projections.feed_reads import QueryReads
from projections.labels import Thresholds
from projections.reads import TokenRow
from projections.token_lists import (
    AMOUNTS,
    ListedToken,
    ListPlace,
    ListSort,
    TokenFilters,
    TokenQuery,
)
from projections.windows import Window, span_at

AGE_S_MAX = 10**10

Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Age: TypeAlias = Annotated[int, Meta(ge=0, le=AGE_S_MAX)]
Wallets: TypeAlias = Annotated[int, Meta(ge=0, le=10**12)]


class TokensParameters(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """What part of the list to show."""

    sort: Annotated[
        ListSort,
        Meta(description="What comes first: the highest of this; tokens without it come last."),
    ] = "last_trade"
    window: Annotated[
        Window | UnsetType,
        Meta(
            description="Only tokens that traded in this time, with volume, trades and change of "
            "it: for `sort` and for the limits of volume. Without it they are of all time; by "
            "`change` it is 24h then."
        ),
    ] = UNSET
    q: Annotated[
        str,
        Meta(
            max_length=100,
            description="Only tokens with all of these words in name or symbol, or with this "
            "beginning of a mint or a creator, of 6 or more characters; empty for all. "
            "`/api/v1/search` forgives mistakes and ranks by likeness.",
        ),
    ] = ""
    state: OfState = UNSET
    venue: AtVenue = UNSET
    quote: InQuote = UNSET
    market_cap_min: MarketCapMin = UNSET
    market_cap_max: MarketCapMax = UNSET
    liquidity_min: Annotated[
        Sol | UnsetType, Meta(description=f"Lowest liquidity in SOL, {FOR_IT}.")
    ] = UNSET
    liquidity_max: Annotated[
        Sol | UnsetType, Meta(description=f"Highest liquidity in SOL, {FOR_IT}.")
    ] = UNSET
    volume_min: VolumeMin = UNSET
    volume_max: VolumeMax = UNSET
    progress_min: Annotated[
        Share | UnsetType, Meta(description="Lowest share of the curve that is sold, 0 to 1.")
    ] = UNSET
    progress_max: Annotated[
        Share | UnsetType, Meta(description="Highest share of the curve that is sold, 0 to 1.")
    ] = UNSET
    age_min: Annotated[
        Age | UnsetType,
        Meta(description="Seconds since the launch at least, by the chain's clock."),
    ] = UNSET
    age_max: Annotated[
        Age | UnsetType, Meta(description="Seconds since the launch at most, by the chain's clock.")
    ] = UNSET
    holders_min: Annotated[
        Wallets | UnsetType, Meta(description="Fewest wallets that hold some, as they are now.")
    ] = UNSET
    holders_max: Annotated[
        Wallets | UnsetType, Meta(description="Most wallets that hold some, as they are now.")
    ] = UNSET
    limit: Annotated[int, Meta(ge=1, le=100, description="Tokens to list at most, 1 to 100.")] = 50
    cursor: Annotated[
        Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,300}$")] | UnsetType,
        Meta(
            description="The `next` of an answer to the same question, to go on behind it.",
        ),
    ] = UNSET


class TokenList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of tokens; `next` is null on the last one."""

    items: list[Token]
    next: str | None


class InWindow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a token traded in the list's window, by the trades that made a price."""

    trades: Count
    quote_volume: Quote | None
    quote_volume_units: Units
    price_change: Annotated[
        float,
        Meta(description="The last price in it over the first, less one: 0.25 for a quarter."),
    ]


class ListedCard(Token, frozen=True, kw_only=True, rename="camel"):
    """A token's card, with what the list's window has of it; null where the list has none."""

    holders: Annotated[
        int, Meta(ge=0, description="Wallets with a balance, as far as the log shows their moves.")
    ]
    window: InWindow | None


class ListedCards(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of tokens; `next` is null on the last one."""

    items: list[ListedCard]
    next: str | None


class TokenPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of rows, before anybody has said how they are shown."""

    rows: list[TokenRow]
    listed: Sequence[ListedToken]
    """The same, with what each was ranked by."""
    cursor: Callable[[int], str]
    """The cursor behind the row at a place."""
    more: bool
    newest_s: int | None


class TokensResource:
    """All tokens that the log knows."""

    operation: ClassVar = Operation(
        name="listTokens",
        path="/api/v1/tokens",
        tag="tokens",
        summary="Tokens by last trade, launch, market cap, volume, liquidity, trades, progress, "
        "price change or holders, of all time or of a window, with filters",
        description="All pages are of the moment of the first: a token that trades meanwhile stays "
        "where it was, so each token of the list comes exactly once; its card is the current one. "
        "What moves a figure without a trade, such as a burn, may move the token, and holders are "
        "those of each page's own time. Amounts are "
        "ranked in dollars at one price of SOL, the newest when the first page was asked for. "
        "Tokens whose quote is neither SOL nor USDC come last.",
        parameters=TokensParameters,
        answer=ListedCards,
        read_models=("candles", "holders", "search", "sol_prices", "tokens", "trades"),
        next_parameter="cursor",
    )

    def __init__(self, reads: QueryReads, thresholds: Thresholds) -> None:
        self._reads = reads
        self._thresholds = thresholds

    async def answer(self, asked: TokensParameters) -> ListedCards:
        """A page; a cursor of another list, or a range that ends before it begins, is a problem."""
        page = await self.page(asked)
        ages, worth = (
            Ages(self._thresholds, page.newest_s),
            await card_coins(self._reads, page.rows),
        )
        cards = [token(row, ages, coin) for row, coin in zip(page.rows, worth, strict=True)]
        return ListedCards(
            items=[
                ListedCard(
                    **msgspec.structs.asdict(card), holders=each.holders, window=_in_window(each)
                )
                for card, each in zip(cards, page.listed, strict=True)
            ],
            next=page.cursor(-1) if page.more else None,
        )

    async def page(self, asked: TokensParameters) -> TokenPage:
        """The rows of a page, and a cursor for each; raises the same problems."""
        check_ranges(asked, "market_cap", "liquidity", "volume", "progress", "holders", "age")
        newest_s = await self._reads.newest_time_s()
        window = "24h" if asked.window is UNSET and asked.sort == "change" else asked.window
        order = asked.sort if window is UNSET else f"{asked.sort}/{window}"
        behind = None if asked.cursor is UNSET else self._place(asked.cursor, order)
        if behind is None:
            now_s = newest_s
            sol_usd = await newest_sol_usd(self._reads) if asked.sort in AMOUNTS else None
            after = None
        else:
            now_s, sol_usd = behind.now_s, behind.sol_usd
            after = ListPlace(value=behind.value, mint=behind.mint, pos=behind.pos)
        found = await self._reads.listed(
            TokenQuery(
                sort=asked.sort,
                limit=asked.limit + 1,
                filters=_filters(asked, now_s),
                sol_usd=sol_usd,
                span=None if window is UNSET else span_at(window, now_s or 0),
                after=after,
            )
        )
        shown = found.tokens[: asked.limit]

        def cursor(place: int) -> str:
            last = shown[place]
            at = ListCursor(order, last.value, last.row.mint, found.pos, now_s, sol_usd)
            return at.encoded()

        return TokenPage(
            rows=[each.row for each in shown],
            listed=shown,
            cursor=cursor,
            more=len(found.tokens) > len(shown),
            newest_s=newest_s,
        )

    @staticmethod
    def _place(text: str, order: str) -> ListCursor:
        try:
            return list_cursor(text, order)
        except CursorError as error:
            raise ProblemError(
                PARAMETER_INVALID, f"cursor was {text!r}: {error}", parameter="cursor"
            ) from error


def _in_window(listed: ListedToken) -> InWindow | None:
    if listed.span is None:
        return None
    decimals = quote_decimals(listed.row.quote_mint, listed.row.quote_decimals)
    return InWindow(
        trades=listed.span.trades,
        quote_volume=whole(listed.span.volume_quote, decimals),
        quote_volume_units=str(listed.span.volume_quote),
        price_change=listed.span.change,
    )


def _filters(asked: TokensParameters, now_s: int | None) -> TokenFilters:
    clock = 0 if now_s is None else now_s
    return TokenFilters(
        text=asked.q,
        state=None if asked.state is UNSET else asked.state,
        venue=None if asked.venue is UNSET else asked.venue,
        quote_mint=None if asked.quote is UNSET else asked.quote,
        market_cap_min=lamports(asked.market_cap_min),
        market_cap_max=lamports(asked.market_cap_max),
        liquidity_min=lamports(asked.liquidity_min),
        liquidity_max=lamports(asked.liquidity_max),
        volume_min=lamports(asked.volume_min),
        volume_max=lamports(asked.volume_max),
        progress_min=None if asked.progress_min is UNSET else asked.progress_min,
        progress_max=None if asked.progress_max is UNSET else asked.progress_max,
        holders_min=None if asked.holders_min is UNSET else asked.holders_min,
        holders_max=None if asked.holders_max is UNSET else asked.holders_max,
        created_from_s=None if asked.age_max is UNSET else max(0, clock - asked.age_max),
        created_to_s=None if asked.age_min is UNSET else max(0, clock - asked.age_min + 1),
    )
