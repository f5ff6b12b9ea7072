"""Launches, newest first."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.amounts import quote_decimals, whole
from api.dollars import CardCoins, card_coins
from api.operation import Operation
from api.representations import Ages, Count, Quote, Token, Tokens, Units, token
from domain.position import Position
from projections.feed_reads import LaunchRow, QueryReads
from projections.labels import Thresholds


class LaunchesParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What part of the list to show."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Launches at most, 1 to 100.")] = 50
    before: Annotated[
        Annotated[str, Meta(pattern="^[0-9]{1,19}$")] | UnsetType,
        Meta(description="The `next` of an answer, to list the launches before it."),
    ] = UNSET


class InitialBuy(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What who launched a token, or its creator, bought in the launch's own transaction."""

    buys: Count
    quote_amount: Quote | None
    quote_amount_units: Units
    token_amount: Tokens | None
    token_amount_units: Units


class Launch(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A launch, and what has become of the token."""

    slot: Count
    launched_by: Annotated[
        str | None, Meta(description="The wallet that launched it; mostly the creator.")
    ]
    initial_buy: Annotated[InitialBuy | None, Meta(description="Null where there was none.")]
    token: Annotated[Token, Meta(description="The card as it is now.")]


class LaunchList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of launches; `next` is null on the last one."""

    items: list[Launch]
    next: str | None


class LaunchesResource:
    """Every launch that the log holds."""

    operation: ClassVar = Operation(
        name="listLaunches",
        path="/api/v1/launches",
        tag="feeds",
        summary="Launches, newest first, with what their creators bought at once",
        description="Going back with `before` lists each launch exactly once, whatever is launched "
        "meanwhile.",
        parameters=LaunchesParameters,
        answer=LaunchList,
        read_models=("sol_prices", "tokens", "trades"),
        next_parameter="before",
    )

    def __init__(self, reads: QueryReads, thresholds: Thresholds) -> None:
        self._reads = reads
        self._thresholds = thresholds

    async def answer(self, asked: LaunchesParameters) -> LaunchList:
        """A page."""
        before = None if asked.before is UNSET else int(asked.before)
        rows = await self._reads.launches(limit=asked.limit + 1, before_pos=before)
        ages = Ages(self._thresholds, await self._reads.newest_time_s())
        shown = rows[: asked.limit]
        worth = await card_coins(self._reads, shown)
        return LaunchList(
            items=[launch(row, ages, coin) for row, coin in zip(shown, worth, strict=True)],
            next=str(shown[-1].created_pos) if len(rows) > len(shown) else None,
        )


def launch(row: LaunchRow, ages: Ages, coins: CardCoins) -> Launch:
    """A launch, with the dollars for a whole quote coin at the card's moments."""
    assert row.created_pos is not None, "it is a launch"
    quote = quote_decimals(row.quote_mint, row.quote_decimals)
    initial = InitialBuy(
        buys=row.initial_buys,
        quote_amount=whole(row.initial_buy_quote_amount, quote),
        quote_amount_units=str(row.initial_buy_quote_amount),
        token_amount=whole(row.initial_buy_token_amount, row.token_decimals),
        token_amount_units=str(row.initial_buy_token_amount),
    )
    return Launch(
        slot=Position.from_order_key(row.created_pos).slot,
        launched_by=row.created_user,
        initial_buy=initial if row.initial_buys else None,
        token=token(row, ages, coins),
    )
