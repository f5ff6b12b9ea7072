"""Which tokens lead, and in which window."""

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.amounts import quote_decimals, quote_symbol, whole, whole_price
from api.operation import Operation
from api.parameters import Time, seconds
from api.problems import NOT_KEPT, PAST_NOT_KEPT, ProblemError
from api.representations import Count, Price, Quote, QuoteMint, QuoteSymbol, Units, Usd
from api.representations import Time as TimeS
from projections.buckets import HOUR_S, MINUTE_S
from projections.feed_reads import QueryReads
from projections.leaderboard_reads import LeaderboardReads, NotKeptError
from projections.ranking import Ranking, Standing
from projections.reads import TokenRow, TokenState
from projections.windows import Window, span_at

PAST_S_MAX = HOUR_S
"""A board can be asked for a time so far behind the newest one."""
OF_THE_PAST: frozenset[Ranking] = frozenset(("volume", "trades", "change", "age"))
"""Rankings by what was traded in the window, at SOL's price of then, and by when tokens were
created: nothing of it is another thing now."""
PAGE_MAX = 1_000


class LeaderboardsParameters(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """Which board, and what part of it."""

    ranking: Annotated[
        Ranking, Meta(description="What leads: the highest of this, of `age` the newest.")
    ] = "volume"
    window: Annotated[
        Window, Meta(description="Tokens that traded in this time, by what they traded in it.")
    ] = "24h"
    as_of: Annotated[
        Time | UnsetType,
        Meta(
            description="The board as it was at the end of the minute that holds this time: a slot "
            "for the time of its block, Unix seconds or RFC 3339, at most an hour before the "
            "newest time that is known. Rankings by `volume`, `trades`, `change` and `age` have a "
            "past. A number up to the last certified slot is a slot."
        ),
    ] = UNSET
    page: Annotated[int, Meta(ge=1, le=PAGE_MAX, description="The page, from 1.")] = 1
    limit: Annotated[int, Meta(ge=1, le=100, description="Tokens to a page, 1 to 100.")] = 50


class Leader(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A token on the board. Volume, trades and change are the window's, the rest is current.

    What is current is null on a board of the past.
    """

    rank: Annotated[int, Meta(ge=1)]
    mint: str
    name: str | None
    symbol: str | None
    image: str | None
    state: TokenState | None
    quote_mint: QuoteMint | None
    quote_symbol: QuoteSymbol | None
    quote_volume: Quote | None
    quote_volume_units: Units
    volume_usd: Annotated[
        Usd | None, Meta(description="The window's volume at the board's one price of SOL.")
    ]
    trades: Count
    buys: Count
    sells: Count
    price_change: Annotated[
        float | None,
        Meta(
            description="The window's last price over the first that a trade made in it, less one."
        ),
    ]
    price: Price | None
    market_cap: Quote | None
    market_cap_usd: Usd | None
    liquidity: Annotated[
        Quote | None,
        Meta(description="Both sides of the market in whole quote coins: twice the quote side."),
    ]
    liquidity_usd: Usd | None
    curve_progress: Annotated[float, Meta(ge=0, le=1)] | None
    created_time: TimeS | None
    score: Annotated[
        Annotated[float, Meta(ge=0, le=100)] | None,
        Meta(description="0 to 100: volume 40, momentum 30, liquidity 20 and activity 10 at most."),
    ]


class Leaderboard(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of a board; `next` is the number of the page after it, null on the last one."""

    ranking: Ranking
    window: Window
    from_time: Annotated[TimeS, Meta(description="The window begins with this second.")]
    to_time: Annotated[TimeS, Meta(description="The window ends before this second.")]
    items: list[Leader]
    next: str | None


class LeaderboardsResource:
    """Every ranking of every window."""

    operation: ClassVar = Operation(
        name="getLeaderboard",
        path="/api/v1/leaderboards",
        tag="feeds",
        summary="The leading tokens of the last 5 minutes to 24 hours, by any of eight rankings",
        description="A window holds the minute under way at the newest time that the chain told, "
        "and those before it. Equal tokens come by mint. A token of which the value is not known "
        "is left out of that ranking. Pages may shift while figures move.",
        parameters=LeaderboardsParameters,
        answer=Leaderboard,
        problems=(NOT_KEPT, PAST_NOT_KEPT),
        read_models=("leaderboards", "tokens"),
        next_parameter="page",
    )

    def __init__(self, reads: QueryReads, leaderboards: LeaderboardReads) -> None:
        self._reads = reads
        self._leaderboards = leaderboards

    async def answer(self, asked: LeaderboardsParameters) -> Leaderboard:
        """A page, or the problem that there are no boards, or none of that time."""
        past = asked.as_of is not UNSET
        newest_s = await self._reads.newest_time_s()
        at_s = newest_s or 0
        if asked.as_of is not UNSET:
            at_s = _kept(asked.ranking, await self._time_s(asked.as_of), newest_s)
        skipped = asked.limit * (asked.page - 1)
        try:
            found = await self._leaderboards.board(
                asked.ranking, asked.window, at_s=at_s, limit=asked.limit + 1, offset=skipped
            )
            shown = found[: asked.limit]
            cards = await self._leaderboards.snapshots([each.mint for each in shown])
        except NotKeptError as error:
            raise ProblemError(
                NOT_KEPT, "no Redis or Valkey is set here, so there are no leaderboards"
            ) from error
        span = span_at(asked.window, at_s)
        more = len(found) > len(shown) and asked.page < PAGE_MAX
        return Leaderboard(
            ranking=asked.ranking,
            window=asked.window,
            from_time=span.from_s,
            to_time=span.to_s,
            items=[
                leader(skipped + place, each, cards.get(each.mint), past=past)
                for place, each in enumerate(shown, 1)
            ],
            next=str(asked.page + 1) if more else None,
        )

    async def _time_s(self, as_of: int | datetime) -> int:
        """The time that is asked for: of a slot that of its block, or of the last one before it."""
        newest = await self._reads.newest_slot() if isinstance(as_of, int) else None
        if newest is None or not isinstance(as_of, int) or as_of > newest.slot:
            return seconds(as_of)
        until = await self._reads.certified_until(as_of)
        if until is None or until.block_time_s is None:
            raise ProblemError(
                PAST_NOT_KEPT,
                f"asOf was {as_of}, a slot of which no time is known; give a time",
                parameter="asOf",
            )
        return until.block_time_s


def leader(rank: int, of: Standing, card: TokenRow | None, *, past: bool = False) -> Leader:
    """A token at its rank; `card` says what it is called and how its amounts are told."""
    quote_mint = None if card is None else card.quote_mint
    quote = None if card is None else quote_decimals(quote_mint, card.quote_decimals)
    own = None if card is None else card.token_decimals
    return Leader(
        rank=rank,
        mint=of.mint,
        name=None if card is None else card.name,
        symbol=None if card is None else card.symbol,
        image=None if card is None else card.image,
        state=None if card is None or past else card.state,
        quote_mint=quote_mint,
        quote_symbol=quote_symbol(quote_mint),
        quote_volume=whole(of.volume_quote, quote),
        quote_volume_units=str(of.volume_quote),
        volume_usd=of.volume_usd,
        trades=of.trades,
        buys=of.buys,
        sells=of.sells,
        price_change=of.change,
        price=None if past else whole_price(of.price, own, quote),
        market_cap=None if past else whole(of.market_cap, quote),
        market_cap_usd=None if past else of.market_cap_usd,
        liquidity=None if past or of.liquidity is None else whole(2 * of.liquidity, quote),
        liquidity_usd=None if past or of.liquidity_usd is None else 2 * of.liquidity_usd,
        curve_progress=None if past else of.progress,
        created_time=of.created_time_s,
        score=None if past else of.score,
    )


def _kept(ranking: Ranking, as_of_s: int, newest_s: int | None) -> int:
    if ranking not in OF_THE_PAST:
        raise ProblemError(
            PAST_NOT_KEPT,
            f"{ranking} ranks by what is current too; of the past there are boards by "
            f"{', '.join(sorted(OF_THE_PAST))}",
            parameter="ranking",
        )
    if newest_s is None or as_of_s > newest_s or as_of_s < newest_s - PAST_S_MAX + MINUTE_S:
        raise ProblemError(
            PAST_NOT_KEPT,
            f"asOf stands for the time {as_of_s}, and boards are kept from an hour before the "
            f"newest time on, which is {newest_s}; a slot has to be certified",
            parameter="asOf",
        )
    return as_of_s
