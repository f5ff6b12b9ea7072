"""A wallet's realised profit, day by day."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.amounts import quote_symbol
from api.operation import Operation
from api.parameters import TIME_S_MAX, Time, Wallet, seconds
from api.portfolio import traded
from api.problems import PARAMETER_INVALID, WALLET_UNKNOWN, ProblemError
from api.representations import QuoteMint, QuoteSymbol
from api.wallet_representations import RealisedDay, realised_day
from domain.programs import NATIVE_SOL
from projections.portfolio_reads import PortfolioReads, plain_quote
from projections.wallet_position import DAY_S


class RealisedParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which days."""

    address: Wallet
    quote: Annotated[
        str,
        Meta(
            pattern="^[1-9A-HJ-NP-Za-km-z]{32,44}$",
            description="The mint that was traded for; 32 times `1`, or left out, is SOL in both "
            "its kinds.",
        ),
    ] = NATIVE_SOL
    from_: Annotated[
        Time | UnsetType,
        Meta(
            description="Begin with the day that holds this time: Unix seconds or RFC 3339, "
            "such as 2026-09-01T12:00:00Z. Without it, as far back as `limit` reaches."
        ),
    ] = msgspec.field(default=UNSET, name="from")
    to: Annotated[
        Time | UnsetType,
        Meta(
            description="End before the first day that starts at this time or later: Unix seconds "
            "or RFC 3339. Without it, with the newest day."
        ),
    ] = UNSET
    limit: Annotated[
        int, Meta(ge=1, le=1_000, description="Days to list at most, the newest ones, 1 to 1000.")
    ] = 100


class RealisedList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Days of UTC, oldest first; `next` is the `to` of the page before them in time, if any."""

    quote_mint: QuoteMint
    quote_symbol: QuoteSymbol | None
    items: list[RealisedDay]
    next: str | None


class RealisedResource:
    """What a wallet's sales brought over what had been paid."""

    operation: ClassVar = Operation(
        name="listRealised",
        path="/api/v1/wallets/{address}/realised",
        tag="wallets",
        summary="A wallet's realised profit by day, oldest first",
        description="A day without a sale for this quote mint is left out. A trade that came late "
        "may change days that were listed before.",
        parameters=RealisedParameters,
        answer=RealisedList,
        problems=(WALLET_UNKNOWN,),
        read_models=("portfolios",),
        next_parameter="to",
    )

    def __init__(self, reads: PortfolioReads) -> None:
        self._reads = reads

    async def answer(self, asked: RealisedParameters) -> RealisedList:
        """The days, or the problem that the wallet is not known or the range is none."""
        from_s = 0 if asked.from_ is UNSET else seconds(asked.from_)
        to_s = TIME_S_MAX if asked.to is UNSET else seconds(asked.to)
        if UNSET not in (asked.from_, asked.to) and from_s > to_s:
            raise ProblemError(
                PARAMETER_INVALID,
                f"from was after to by {from_s - to_s} s; exchange them",
                parameter="from",
            )
        quote_mint = plain_quote(asked.quote)
        rows = await self._reads.realised(
            asked.address,
            quote_mint=quote_mint,
            from_s=from_s - from_s % DAY_S,
            to_s=to_s,
            limit=asked.limit + 1,
        )
        if not rows:
            await traded(self._reads, asked.address)
        shown = rows[-asked.limit :]
        return RealisedList(
            quote_mint=quote_mint,
            quote_symbol=quote_symbol(quote_mint),
            items=[realised_day(row, quote_mint) for row in shown],
            next=str(shown[0].start_s) if len(rows) > len(shown) else None,
        )
