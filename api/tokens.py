"""The list of tokens, in the order that the reader wants."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.cursors import After, CursorError, cursor, priced_after
from api.dollars import card_coins, newest_sol_usd
from api.operation import Operation
from api.problems import PARAMETER_INVALID, ProblemError
from api.representations import Ages, Token, token
from projections.labels import Thresholds
from projections.reads import AMOUNT_SORTS, Page, Reads, TokenSort, TokenState


class TokensParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What part of the list to show."""

    sort: Annotated[
        TokenSort,
        Meta(description="What comes first: the highest of this; tokens without it come last."),
    ] = "last_trade"
    state: Annotated[TokenState | UnsetType, Meta(description="Only tokens in this state.")] = UNSET
    limit: Annotated[int, Meta(ge=1, le=100, description="Tokens to list at most, 1 to 100.")] = 50
    cursor: Annotated[
        Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,200}$")] | UnsetType,
        Meta(
            description="The `next` of an answer with the same sort, to go on behind it.",
        ),
    ] = UNSET


class TokenList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of tokens; `next` is null on the last one."""

    items: list[Token]
    next: str | None


class TokensResource:
    """All tokens that the log knows."""

    operation: ClassVar = Operation(
        name="listTokens",
        path="/api/v1/tokens",
        tag="tokens",
        summary="Tokens by last trade, launch, market cap, volume, liquidity or number of trades",
        description="Pages hold while data moves: a token that moves meanwhile may be met again or "
        "be missed, one that does not move is listed exactly once. Amounts are ranked in dollars "
        "at one price of SOL, the newest when the first page was asked for. Tokens whose quote is "
        "neither SOL nor USDC come last.",
        parameters=TokensParameters,
        answer=TokenList,
        read_models=("sol_prices", "tokens"),
        next_parameter="cursor",
    )

    def __init__(self, reads: Reads, thresholds: Thresholds) -> None:
        self._reads = reads
        self._thresholds = thresholds

    async def answer(self, asked: TokensParameters) -> TokenList:
        """A page; a cursor of another list is a problem."""
        after, sol_usd = await self._place(asked)
        page = Page(limit=asked.limit + 1, after=after, sol_usd=sol_usd)
        state = None if asked.state is UNSET else asked.state
        rows = await self._reads.tokens(sort=asked.sort, state=state, page=page)
        shown = rows[: asked.limit]
        ages = Ages(self._thresholds, await self._reads.newest_time_s())
        worth = await card_coins(self._reads, shown)
        return TokenList(
            items=[token(row, ages, coin) for row, coin in zip(shown, worth, strict=True)],
            next=cursor(asked.sort, shown[-1], sol_usd=sol_usd) if len(rows) > len(shown) else None,
        )

    async def _place(self, asked: TokensParameters) -> tuple[After | None, float | None]:
        """Behind which row the page begins, and the price of a SOL that all pages share."""
        if asked.cursor is UNSET:
            ranked = asked.sort in AMOUNT_SORTS
            return None, await newest_sol_usd(self._reads) if ranked else None
        try:
            return priced_after(asked.cursor, asked.sort)
        except CursorError as error:
            raise ProblemError(
                PARAMETER_INVALID, f"cursor was {asked.cursor!r}: {error}", parameter="cursor"
            ) from error
