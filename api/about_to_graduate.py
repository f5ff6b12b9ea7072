"""Tokens that are about to graduate."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.cursors import After, CursorError, after, cursor_at
from api.dollars import card_coins
from api.operation import Operation
from api.problems import PARAMETER_INVALID, ProblemError
from api.representations import Ages, token
from api.tokens import TokenList
from projections.feed_reads import QueryReads
from projections.labels import Thresholds
from projections.reads import Page, curve_progress

ORDER = "progress"
"""What its cursors say that they are of."""


class AboutToGraduateParameters(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """What part of the list to show."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Tokens to list at most, 1 to 100.")] = 50
    cursor: Annotated[
        Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,200}$")] | UnsetType,
        Meta(description="The `next` of an answer, to go on behind it."),
    ] = UNSET


class AboutToGraduateResource:
    """Tokens whose curve is nearly or wholly sold, and that have not graduated."""

    operation: ClassVar = Operation(
        name="listAboutToGraduate",
        path="/api/v1/about-to-graduate",
        tag="feeds",
        summary="Tokens about to graduate, those with the most of their curve sold first",
        description="Those with the label `about_to_graduate`. Pages hold while data moves: a "
        "token that moves meanwhile may be met again or be missed, any other is listed once.",
        parameters=AboutToGraduateParameters,
        answer=TokenList,
        read_models=("sol_prices", "tokens"),
        next_parameter="cursor",
    )

    def __init__(self, reads: QueryReads, thresholds: Thresholds) -> None:
        self._reads = reads
        self._thresholds = thresholds

    async def answer(self, asked: AboutToGraduateParameters) -> TokenList:
        """A page; a cursor of another list is a problem."""
        behind = None if asked.cursor is UNSET else _after(asked.cursor)
        rows = await self._reads.about_to_graduate(
            progress_min=self._thresholds.about_to_graduate,
            page=Page(limit=asked.limit + 1, after=behind),
        )
        ages = Ages(self._thresholds, await self._reads.newest_time_s())
        shown, following = rows[: asked.limit], None
        if len(rows) > len(shown):
            following = cursor_at(ORDER, curve_progress(shown[-1]) or 0.0, shown[-1].mint)
        worth = await card_coins(self._reads, shown)
        return TokenList(
            items=[token(row, ages, coin) for row, coin in zip(shown, worth, strict=True)],
            next=following,
        )


def _after(text: str) -> After:
    try:
        return after(text, ORDER)
    except CursorError as error:
        raise ProblemError(
            PARAMETER_INVALID, f"cursor was {text!r}: {error}", parameter="cursor"
        ) from error
