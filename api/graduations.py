"""Graduations, newest first."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.amounts import quote_decimals, whole
from api.dollars import CardCoins, card_coins
from api.operation import Operation
from api.representations import Ages, Count, Quote, Time, Token, Tokens, Units, token
from domain.position import Position
from projections.feed_reads import GraduationRow, QueryReads
from projections.labels import Thresholds


class GraduationsParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What part of the list to show."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Graduations at most, 1 to 100.")] = 50
    before: Annotated[
        Annotated[str, Meta(pattern="^[0-9]{1,19}$")] | UnsetType,
        Meta(description="The `next` of an answer, to list the graduations before it."),
    ] = UNSET


class Graduation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A migration from the curve to the canonical pool, and what it moved there."""

    slot: Count
    time: Time | None
    seconds_to_graduation: Annotated[
        int | None,
        Meta(description="From launch to migration; null where the launch is not in the log."),
    ]
    pool: str
    quote_amount: Quote | None
    quote_amount_units: Units
    token_amount: Tokens | None
    token_amount_units: Units
    fee_units: Annotated[
        str, Meta(pattern="^[0-9]+$", description="What the migration kept, in quote units.")
    ]
    token: Annotated[Token, Meta(description="The card as it is now.")]


class GraduationList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of graduations; `next` is null on the last one."""

    items: list[Graduation]
    next: str | None


class GraduationsResource:
    """Every migration that the log holds."""

    operation: ClassVar = Operation(
        name="listGraduations",
        path="/api/v1/graduations",
        tag="feeds",
        summary="Graduations, newest first, with the time they took and what moved",
        description="Going back with `before` lists each graduation exactly once, whatever "
        "graduates meanwhile. A token whose migration is not in the log is not listed, even if its "
        "pool is known.",
        parameters=GraduationsParameters,
        answer=GraduationList,
        read_models=("sol_prices", "tokens"),
        next_parameter="before",
    )

    def __init__(self, reads: QueryReads, thresholds: Thresholds) -> None:
        self._reads = reads
        self._thresholds = thresholds

    async def answer(self, asked: GraduationsParameters) -> GraduationList:
        """A page."""
        before = None if asked.before is UNSET else int(asked.before)
        rows = await self._reads.graduations(limit=asked.limit + 1, before_pos=before)
        ages = Ages(self._thresholds, await self._reads.newest_time_s())
        shown = rows[: asked.limit]
        worth = await card_coins(self._reads, shown)
        return GraduationList(
            items=[graduation(row, ages, coin) for row, coin in zip(shown, worth, strict=True)],
            next=str(shown[-1].graduated_pos) if len(rows) > len(shown) else None,
        )


def graduation(row: GraduationRow, ages: Ages, coins: CardCoins) -> Graduation:
    """A graduation, with the dollars for a whole quote coin at the card's moments."""
    quote = quote_decimals(row.quote_mint, row.quote_decimals)
    return Graduation(
        slot=Position.from_order_key(row.graduated_pos).slot,
        time=row.graduated_time_s,
        seconds_to_graduation=row.seconds_to_graduation,
        pool=row.graduated_pool,
        quote_amount=whole(row.graduated_quote_amount, quote),
        quote_amount_units=str(row.graduated_quote_amount),
        token_amount=whole(row.graduated_token_amount, row.token_decimals),
        token_amount_units=str(row.graduated_token_amount),
        fee_units=str(row.graduated_fee_amount),
        token=token(row, ages, coins),
    )
