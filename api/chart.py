"""A token's candles."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.amounts import quote_symbol
from api.candle import Candle, candle
from api.completeness import Complete, complete_between, ended
from api.dollars import candle_dollars
from api.kept import check_kept
from api.operation import Operation
from api.parameters import TIME_S_MAX, Interval, Mint, Time, seconds
from api.past import (
    AS_OF,
    NOWHERE,
    Reached,
    check_horizon,
    end_of,
    end_s_of,
    has_all,
    last_slot,
    reached,
)
from api.problems import MINT_UNKNOWN, PARAMETER_INVALID, PAST_NOT_KEPT, ProblemError
from api.representations import QuoteMint, QuoteSymbol
from api.token import known
from projections.dollars import MINUTE_S
from projections.feed_reads import QueryReads
from projections.reads import INTERVALS_S, CandleRow, TokenRow

Currency: TypeAlias = Literal["quote", "usd"]
USD_MINUTES_MAX = 200_000
"""What a page in dollars may span: dollars of longer candles are added up from their minutes."""


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
    currency: Annotated[
        Currency,
        Meta(
            description="What prices and volumes are in. `quote`: whole quote coins. `usd`: US "
            "dollars, null where none are known; pages of longer intervals hold fewer candles then."
        ),
    ] = "quote"
    as_of: Annotated[
        Annotated[str, Meta(pattern=AS_OF)] | UnsetType,
        Meta(
            description="The chart as it was when this slot was the last: a slot, or an RFC 3339 "
            "time for the last slot up to it. Of the past there are no dollars and no traders."
        ),
    ] = msgspec.field(default=UNSET, name="asOf")
    traders: Annotated[
        Literal["yes", "no"], Meta(description="Whether to count each candle's different wallets.")
    ] = "no"


class Chart(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Candles, oldest first; `next` is the `to` of the page before them in time, if any."""

    mint: str
    interval: Interval
    currency: Currency
    quote_mint: QuoteMint | None
    quote_symbol: QuoteSymbol | None
    items: list[Candle]
    next: str | None
    complete_from: Annotated[
        Time | None,
        Meta(
            description="Candles of this interval from before this time were let go of on purpose; "
            "null where all that the log has are there."
        ),
    ]
    complete: Complete
    final: Annotated[
        bool,
        Meta(
            description="Whether its last candle ends before the last certificate, it is complete "
            "and the read models have all of it, so that only a correction could change it."
        ),
    ]


class ChartResource:
    """The chart of a token's canonical trades."""

    operation: ClassVar = Operation(
        name="getChart",
        path="/api/v1/tokens/{mint}/chart",
        tag="tokens",
        summary="A token's candles, oldest first",
        description="An interval without a trade has no candle: gaps are left to the reader, who "
        "may draw the last close. A known token that did not trade has an empty list. The newest "
        "candle may still change. Where candles of a short interval were let go of, a page that "
        "would be of that time is refused, and not empty.",
        parameters=ChartParameters,
        answer=Chart,
        problems=(MINT_UNKNOWN, PAST_NOT_KEPT),
        read_models=("candles", "slots", "sol_prices", "tokens", "trades"),
        next_parameter="to",
    )

    def __init__(self, reads: QueryReads) -> None:
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
        limit = asked.limit
        if asked.currency == "usd":
            limit = min(limit, USD_MINUTES_MAX * MINUTE_S // interval_s)
        # A chart up to now is never final: it does not have to wait for this.
        at = NOWHERE
        if asked.to is not UNSET or asked.as_of is not UNSET:
            at = await reached(self._reads, asked.mint)
        of = await known(self._reads, asked.mint)
        begin_s = from_s - from_s % interval_s
        asked_for = {"interval_s": interval_s, "from_s": begin_s, "to_s": to_s, "limit": limit + 1}
        past = None if asked.as_of is UNSET else await last_slot(self._reads, asked.as_of)
        last = None if past is None else past.slot
        rows, kept_from_s = await self._candles(asked, of, last, **asked_for)
        shown = rows[-limit:]
        dollars = traders = None
        if asked.currency == "usd":
            dollars = await candle_dollars(self._reads, shown, of, interval_s=interval_s)
        if asked.traders == "yes" and shown:
            traders = await self._traders(asked.mint, shown, interval_s)
        # The last candle starts before `to`, and goes on behind it.
        end_s = -(-to_s // interval_s) * interval_s
        first_s = max(from_s, of.created_time_s or 0, kept_from_s or 0)
        complete = await complete_between(
            self._reads,
            shown[0].start_s if len(rows) > len(shown) else first_s,
            end_s,
            launch_pos=of.created_pos,
            last=last,
        )
        return Chart(
            mint=asked.mint,
            interval=asked.interval,
            currency=asked.currency,
            quote_mint=of.quote_mint,
            quote_symbol=quote_symbol(of.quote_mint),
            items=[
                candle(
                    row,
                    of,
                    None if dollars is None else dollars[place],
                    UNSET if traders is None else traders[place],
                )
                for place, row in enumerate(shown)
            ],
            next=str(shown[0].start_s) if len(rows) > len(shown) else None,
            complete_from=kept_from_s,
            complete=complete,
            final=complete is True
            and (past is None or past.stands)
            and await ended(self._reads, end_s, last)
            and await self._has_all(at, end_s, last, of.created_pos),
        )

    async def _candles(
        self,
        asked: ChartParameters,
        of: TokenRow,
        last: int | None,
        *,
        interval_s: int,
        from_s: int,
        to_s: int,
        limit: int,
    ) -> tuple[Sequence[CandleRow], int | None]:
        """Candles, of the past where a last slot is given, and from when on they are kept."""
        asked_for = {"interval_s": interval_s, "from_s": from_s, "to_s": to_s, "limit": limit}
        if last is None:
            rows = await self._reads.candles(asked.mint, **asked_for)
        else:
            _check_past(asked)
            rows = await self._reads.candles_until(asked.mint, **asked_for, pos=end_of(last))
            # What begins behind the past was not there then: no beginning there would help.
            to_s = min(to_s, await end_s_of(self._reads, last))
            await check_horizon(self._reads, rows, end_s=to_s)
        kept_for = asked_for | {"to_s": to_s}
        begins = asked.from_ is not UNSET
        return rows, await check_kept(self._reads, of, rows, begins=begins, **kept_for)

    async def _has_all(
        self,
        at: Reached,
        end_s: int,
        last: int | None,
        launch_pos: int | None,
    ) -> bool:
        """Whether the read models have come as far as the certificates that say it is complete."""
        if last is None:
            within = await self._reads.slots_around(end_s, end_s)
            if within is None:
                return False
            last = within.to_slot
        until = await self._reads.certified_until(last)
        return await has_all(self._reads, at, self.operation.read_models, until, launch_pos)

    async def _traders(
        self, mint: str, shown: Sequence[CandleRow], interval_s: int
    ) -> list[int | None]:
        """Of each candle; None where trades of it were let go of."""
        found = await self._reads.traders(
            mint,
            interval_s=interval_s,
            from_s=shown[0].start_s,
            to_s=shown[-1].start_s + interval_s,
        )
        horizon = await self._reads.trades_horizon()
        from_s = 0 if horizon is None else horizon.complete_from_s
        return [None if row.start_s < from_s else found.get(row.start_s, 0) for row in shown]


def _check_past(asked: ChartParameters) -> None:
    for name, usual in (("currency", "quote"), ("traders", "no")):
        if getattr(asked, name) != usual:
            raise ProblemError(
                PAST_NOT_KEPT,
                f"{name} was {getattr(asked, name)}; a chart of the past is told in quote coins, "
                "and without traders",
                parameter=name,
            )
