"""The whole market at a glance."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from api.dollars import newest_sol_usd
from api.leaderboards import Leader, leader
from api.operation import Operation
from api.parameters import NoParameters
from api.representations import Count, Time, Units, Usd
from domain.programs import SOL_DECIMALS, USDC_DECIMALS
from projections.feed_reads import QueryReads
from projections.leaderboard_reads import LeaderboardReads, NotKeptError
from projections.market_reads import MarketWindow
from projections.ranking import Ranking
from projections.windows import Window

MOVERS = 10
MOVERS_WINDOW: Window = "1h"


class TradedByAll(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What all tokens did in a window."""

    tokens: Annotated[
        int, Meta(ge=0, description="How many traded, also where no trade made a price.")
    ]
    trades: Count
    buys: Count
    sells: Count
    volume_sol: Annotated[
        float, Meta(ge=0, description="Of the tokens that trade for SOL, in SOL.")
    ]
    volume_sol_units: Units
    volume_usdc: Annotated[float, Meta(ge=0, description="Of those that trade for USDC, in USDC.")]
    volume_usdc_units: Units
    volume_usd: Annotated[
        Usd | None, Meta(description="Both at the newest price of SOL, in US dollars.")
    ]
    launches: Count
    graduations: Count


class MarketWindows(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"minutes_5": "5m", "minutes_15": "15m", "hour": "1h", "hours_6": "6h", "day": "24h"},
):
    """Windows that end with the same minute."""

    minutes_5: TradedByAll
    minutes_15: TradedByAll
    hour: TradedByAll
    hours_6: TradedByAll
    day: TradedByAll


class Market(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The market at the newest time that the chain told; nulls before the first trade."""

    time: Time | None
    sol_usd: Annotated[
        Usd | None, Meta(description="What a SOL is worth by the last price on the chain.")
    ]
    tokens: Count
    graduated_tokens: Count
    windows: MarketWindows | None
    gainers: Annotated[
        list[Leader] | None,
        Meta(
            description="Tokens whose price rose most in the last hour; null where no leaderboards "
            "are kept."
        ),
    ]
    most_traded: Annotated[
        list[Leader] | None,
        Meta(description="Tokens with the highest volume of the last hour; null as before."),
    ]


class MarketResource:
    """All tokens together."""

    operation: ClassVar = Operation(
        name="getMarket",
        path="/api/v1/market",
        tag="feeds",
        summary="What all tokens traded in the last 5 minutes to 24 hours, launches, graduations, "
        "SOL's price and the top movers",
        description="Windows are those of the leaderboards: the minute under way and those before "
        "it. Trades that move no chart are not in them.",
        parameters=NoParameters,
        answer=Market,
        read_models=("candles", "leaderboards", "sol_prices", "tokens"),
    )

    def __init__(self, reads: QueryReads, leaderboards: LeaderboardReads) -> None:
        self._reads = reads
        self._leaderboards = leaderboards

    async def answer(self, _asked: NoParameters) -> Market:
        """The market as it is now."""
        found, sol_usd = await self._reads.market(), await newest_sol_usd(self._reads)
        if found is None:
            return Market(
                time=None,
                sol_usd=sol_usd,
                tokens=0,
                graduated_tokens=0,
                windows=None,
                gainers=None,
                most_traded=None,
            )
        told = {row.window: _told(row, sol_usd) for row in found.windows}
        return Market(
            time=found.at_s,
            sol_usd=sol_usd,
            tokens=found.tokens,
            graduated_tokens=found.graduated,
            windows=MarketWindows(
                minutes_5=told["5m"],
                minutes_15=told["15m"],
                hour=told["1h"],
                hours_6=told["6h"],
                day=told["24h"],
            ),
            gainers=await self._movers("change", found.at_s),
            most_traded=await self._movers("volume", found.at_s),
        )

    async def _movers(self, ranking: Ranking, at_s: int) -> list[Leader] | None:
        try:
            found = await self._leaderboards.board(ranking, MOVERS_WINDOW, at_s=at_s, limit=MOVERS)
            cards = await self._leaderboards.snapshots([each.mint for each in found])
        except NotKeptError:
            return None
        return [leader(place, each, cards.get(each.mint)) for place, each in enumerate(found, 1)]


def _told(row: MarketWindow, sol_usd: float | None) -> TradedByAll:
    sol = row.volume_lamports / 10**SOL_DECIMALS
    usdc = row.volume_usdc_amount / 10**USDC_DECIMALS
    return TradedByAll(
        tokens=row.tokens,
        trades=row.buys + row.sells,
        buys=row.buys,
        sells=row.sells,
        volume_sol=sol,
        volume_sol_units=str(row.volume_lamports),
        volume_usdc=usdc,
        volume_usdc_units=str(row.volume_usdc_amount),
        volume_usd=None if sol_usd is None else sol * sol_usd + usdc,
        launches=row.launches,
        graduations=row.graduations,
    )
