"""What else a token's developer has launched."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.dollars import card_coins
from api.operation import Operation
from api.parameters import Wallet
from api.representations import Ages, Count, Token, token
from projections.feed_reads import QueryReads
from projections.labels import Thresholds


class CreatorParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose tokens, and what part of the list to show."""

    address: Wallet
    limit: Annotated[int, Meta(ge=1, le=100, description="Tokens to list at most, 1 to 100.")] = 50
    before: Annotated[
        Annotated[str, Meta(pattern="^[0-9]{1,19}$")] | UnsetType,
        Meta(description="The `next` of an answer, to list the tokens before it."),
    ] = UNSET


class CreatorTokens(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of a creator's tokens, and how many there are; `next` is null on the last page."""

    address: str
    launches: Annotated[int, Meta(ge=0, description="Tokens that name it as their creator.")]
    graduations: Annotated[Count, Meta(description="How many of them have graduated.")]
    items: list[Token]
    next: str | None


class CreatorTokensResource:
    """The tokens that name an address as their creator."""

    operation: ClassVar = Operation(
        name="listCreatorTokens",
        path="/api/v1/creators/{address}/tokens",
        tag="feeds",
        summary="A creator's tokens, newest first, and how many of them graduated",
        description="An address that no token names as its creator has none. Going back with "
        "`before` lists each token exactly once, whatever is launched meanwhile.",
        parameters=CreatorParameters,
        answer=CreatorTokens,
        read_models=("sol_prices", "tokens"),
        next_parameter="before",
    )

    def __init__(self, reads: QueryReads, thresholds: Thresholds) -> None:
        self._reads = reads
        self._thresholds = thresholds

    async def answer(self, asked: CreatorParameters) -> CreatorTokens:
        """A page."""
        before = None if asked.before is UNSET else int(asked.before)
        made = await self._reads.creator(asked.address)
        rows = await self._reads.created_by(asked.address, limit=asked.limit + 1, before_pos=before)
        ages = Ages(self._thresholds, await self._reads.newest_time_s())
        shown = rows[: asked.limit]
        worth = await card_coins(self._reads, shown)
        return CreatorTokens(
            address=asked.address,
            launches=made.launches,
            graduations=made.graduations,
            items=[token(row, ages, coin) for row, coin in zip(shown, worth, strict=True)],
            next=str(shown[-1].created_pos) if len(rows) > len(shown) else None,
        )
