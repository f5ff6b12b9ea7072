"""A token's trades, newest first."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.completeness import Complete, complete_since
from api.dollars import coins
from api.operation import Operation
from api.parameters import Mint
from api.problems import MINT_UNKNOWN
from api.representations import Time, Trade, trade
from api.token import known
from projections.feed_reads import QueryReads


class TradesParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which trades."""

    mint: Mint
    limit: Annotated[int, Meta(ge=1, le=500, description="Trades to list at most, 1 to 500.")] = 100
    before: Annotated[
        Annotated[str, Meta(pattern="^[0-9]{1,19}$")] | UnsetType,
        Meta(description="The `next` of an answer, to list the trades before it."),
    ] = UNSET


class TradeList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of trades; `next` is null on the last one."""

    items: list[Trade]
    next: str | None
    complete_from: Annotated[
        Time | None,
        Meta(
            description="Trades from before this time were let go of on purpose; null where all "
            "that the log has are there."
        ),
    ]
    complete: Complete


class TradesResource:
    """The trades of a token in every venue."""

    operation: ClassVar = Operation(
        name="listTrades",
        path="/api/v1/tokens/{mint}/trades",
        tag="tokens",
        summary="A token's trades on its curve and in every pool, newest first",
        description="A known token without trades has an empty list. Going back with `before` "
        "lists each trade exactly once, whatever is traded meanwhile.",
        parameters=TradesParameters,
        answer=TradeList,
        problems=(MINT_UNKNOWN,),
        read_models=("slots", "sol_prices", "tokens", "trades"),
        next_parameter="before",
    )

    def __init__(self, reads: QueryReads) -> None:
        self._reads = reads

    async def answer(self, asked: TradesParameters) -> TradeList:
        """A page, or the problem that the mint is not known."""
        before = None if asked.before is UNSET else int(asked.before)
        rows = await self._reads.trades(asked.mint, limit=asked.limit + 1, before_pos=before)
        horizon = await self._reads.trades_horizon()
        of = await known(self._reads, asked.mint)
        shown = rows[: asked.limit]
        worth = await coins(self._reads, [(row.quote_mint, row.pos) for row in shown])
        return TradeList(
            items=[trade(row, coin) for row, coin in zip(shown, worth, strict=True)],
            next=str(shown[-1].pos) if len(rows) > len(shown) else None,
            complete_from=None if horizon is None else horizon.complete_from_s,
            complete=await complete_since(
                self._reads,
                shown[-1].pos if len(rows) > len(shown) else of.created_pos,
                before,
            ),
        )
