"""A token's candles."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.amounts import quote_symbol
from api.operation import Operation
from api.parameters import TIME_S_MAX, Interval, Mint, Time, seconds
from api.problems import MINT_UNKNOWN, PARAMETER_INVALID, ProblemError
from api.representations import Candle, QuoteMint, QuoteSymbol, candle
from api.token import known
from projections.reads import INTERVALS_S, Reads


class ChartParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which candles."""

    mint: Mint
    interval: Annotated[Interval, Meta(description="How long each candle is.")] = "1m"
    from_: Annotated[
        Time | UnsetType,
        Meta(
            description="Begin with the candle that holds this time: Unix seconds or RFC 3339, "
            "such as 2026-09-01T12:00:00Z. Without it, as far back as `limit` reaches."
        ),
    ] = msgspec.field(default=UNSET, name="from")
    to: Annotated[
        Time | UnsetType,
        Meta(
            description="End before the first candle that starts at this time or later: Unix "
            "seconds or RFC 3339. Without it, with the newest candle."
        ),
    ] = UNSET
    limit: Annotated[
        int,
        Meta(ge=1, le=1_000, description="Candles to list at most, the newest ones, 1 to 1000."),
    ] = 300


class Chart(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Candles, oldest first; `next` is the `to` of the page before them in time, if any."""

    mint: str
    interval: Interval
    quote_mint: QuoteMint | None
    quote_symbol: QuoteSymbol | None
    items: list[Candle]
    next: str | None


class ChartResource:
    """The chart of a token's canonical trades."""

    operation: ClassVar = Operation(
        name="getChart",
        path="/api/v1/tokens/{mint}/chart",
        tag="tokens",
        summary="A token's candles, oldest first",
        description="An interval without a trade has no candle: gaps are left to the reader, who "
        "may draw the last close. A known token that did not trade has an empty list. The newest "
        "candle may still change.",
        parameters=ChartParameters,
        answer=Chart,
        problems=(MINT_UNKNOWN,),
        read_models=("candles", "tokens"),
        next_parameter="to",
    )

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def answer(self, asked: ChartParameters) -> Chart:
        """The chart, or the problem that the mint is not known or the range is none."""
        interval_s = INTERVALS_S[asked.interval]
        from_s = 0 if asked.from_ is UNSET else seconds(asked.from_)
        to_s = TIME_S_MAX if asked.to is UNSET else seconds(asked.to)
        if UNSET not in (asked.from_, asked.to) and from_s > to_s:
            raise ProblemError(
                PARAMETER_INVALID,
                f"from was after to by {from_s - to_s} s; exchange them",
                parameter="from",
            )
        of = await known(self._reads, asked.mint)
        rows = await self._reads.candles(
            asked.mint,
            interval_s=interval_s,
            from_s=from_s - from_s % interval_s,
            to_s=to_s,
            limit=asked.limit + 1,
        )
        shown = rows[-asked.limit :]
        return Chart(
            mint=asked.mint,
            interval=asked.interval,
            quote_mint=of.quote_mint,
            quote_symbol=quote_symbol(of.quote_mint),
            items=[candle(row, of) for row in shown],
            next=str(shown[0].start_s) if len(rows) > len(shown) else None,
        )
