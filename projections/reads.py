"""What the query side may ask of the read models, and the rows that it gets.

Units: `*_amount`, `*_reserves`, `supply` and `volume_quote` are integers in the smallest unit of
what they count. A `price` is quote units per token unit (multiply by
`10 ** (token_decimals - quote_decimals)` for whole tokens). `pos` is `Position.order_key`.
`None` means unknown, never zero.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from domain.events import Side
from projections.dollars import DollarReads, in_sol, unit_usd
from projections.holder_reads import HolderReads
from projections.horizon import CandleHorizons, Horizon
from projections.portfolio_reads import PortfolioReads
from projections.venue import Venue
from projections.window_reads import WindowReads

TokenState: TypeAlias = Literal["curve", "completed", "graduated"]
TokenSort: TypeAlias = Literal[
    "last_trade", "created", "market_cap", "volume", "liquidity", "trades"
]
TradingVenue: TypeAlias = Literal["curve", "pool"]
SearchSort: TypeAlias = Literal["relevance", "market_cap", "volume", "created", "last_trade"]
Facet: TypeAlias = Literal[
    "state", "venue", "quote_mint", "has_website", "has_twitter", "has_telegram"
]
"""Those of links count `true` and `false`, of the tokens that were described."""

INTERVALS_S: dict[str, int] = {
    "1s": 1,
    "5s": 5,
    "15s": 15,
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "1h": 3_600,
    "4h": 14_400,
    "24h": 86_400,
}
"""The candle intervals that are kept, and their length in seconds."""


class TokenRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A token's card. What was never seen (a launch before the log began) is `None`.

    The virtual reserves are those that price the token, on its curve or in its canonical pool.
    The real reserves are the bonding curve's, as it last reported them. Trades in other pools
    are listed but neither counted nor allowed to move the price. `high_…` is the highest price
    that a trade made, with the market cap at the supply of that moment.
    """

    mint: str
    name: str | None
    symbol: str | None
    uri: str | None
    creator: str | None
    bonding_curve: str | None
    pool: str | None
    quote_mint: str | None
    quote_decimals: int | None
    token_decimals: int | None
    state: TokenState
    created_pos: int | None
    created_time_s: int | None
    completed_time_s: int | None
    graduated_time_s: int | None
    supply: int | None
    price: float | None
    priced_pos: int | None
    """Since when the price and the reserves that make it are these."""
    virtual_quote_reserves: int | None
    virtual_token_reserves: int | None
    held_quote_reserves: int | None
    """What was really there of the virtual quote reserves."""
    real_quote_reserves: int | None
    real_token_reserves: int | None
    initial_real_token_reserves: int | None
    trades: int
    buys: int
    sells: int
    volume_quote: int
    first_trade_time_s: int | None
    last_trade_time_s: int | None
    last_trade_pos: int | None
    high_price: float | None
    high_market_cap: float | None
    high_time_s: int | None
    high_pos: int | None
    description: str | None = None
    image: str | None = None
    twitter: str | None = None
    telegram: str | None = None
    website: str | None = None


class TradeRow(msgspec.Struct, frozen=True, gc=False):
    """One trade, seen from the token; reserves are those that price it afterwards.

    `held_…` was really there then, of the token on its curve only; `supply` is the token's. Where a
    pool's base is wrapped SOL, side, amounts and reserves are turned around, so that a `buy` always
    gets tokens; only then there is `user_token_amount`, with fees. What was not kept yet is None.
    """

    id: str
    pos: int
    block_time_s: int
    mint: str
    venue: Venue
    pool: str | None
    canonical: bool
    side: Side
    user: str
    quote_mint: str
    quote_decimals: int | None
    token_decimals: int | None
    quote_amount: int
    token_amount: int
    price: float | None
    quote_reserves: int
    token_reserves: int
    held_quote_reserves: int | None
    held_token_reserves: int | None
    supply: int | None
    user_token_amount: int | None
    user_token_balance: int | None
    layout: str


class CandleRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An interval in which the token traded at least once."""

    start_s: int
    open_pos: int
    open: float
    high_pos: int | None
    """Where the high was reached first, as `low_pos` the low; None in rows of an older version."""
    high: float
    low_pos: int | None
    low: float
    close_pos: int
    close: float
    volume_quote: int
    volume_quote_buy: int | None
    """The part of it that went into buys; None where `high_pos` is."""
    volume_token: int
    buys: int
    sells: int


class TokenSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for among tokens; what is `None` leaves none out.

    Market caps and volumes are lamports: they are compared among the tokens that trade for SOL, and
    a limit for one of them leaves out all others.
    """

    text: str = ""
    """Parts of a name or symbol, or the beginning of a mint or of a creator; empty for all."""
    in_description: bool = False
    """Whether words may also stand in the description; such tokens come last."""
    sort: SearchSort = "relevance"
    has_website: bool | None = None
    has_twitter: bool | None = None
    has_telegram: bool | None = None
    """Whether the description has such a link; both leave out tokens that were not described."""
    state: TokenState | None = None
    venue: TradingVenue | None = None
    quote_mint: str | None = None
    creator: str | None = None
    market_cap_min: float | None = None
    market_cap_max: float | None = None
    volume_min: float | None = None
    volume_max: float | None = None
    created_from_s: int | None = None
    created_to_s: int | None = None
    """Times of launch, in [from, to)."""
    page: int = 1
    limit: int = 20


class FoundToken(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is shown of a token that was found; figures are refreshed in steps of time."""

    mint: str
    name: str | None
    symbol: str | None
    creator: str | None
    state: TokenState
    venue: TradingVenue
    quote_mint: str | None
    quote_decimals: int | None
    market_cap: float | None
    """In quote units."""
    volume_quote: int
    trades: int
    created_time_s: int | None
    last_trade_time_s: int | None
    description: str | None = None
    has_website: bool | None = None
    has_twitter: bool | None = None
    has_telegram: bool | None = None
    """None where the token was not described yet."""


SEARCH_TOTAL_MAX = 1_000
"""So many of what is found can be paged through and are counted."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what was found, and how many there are of each kind."""

    tokens: Sequence[FoundToken]
    total: int
    """At most `SEARCH_TOTAL_MAX`."""
    facets: Mapping[Facet, Mapping[str, int]]
    """How many of all that was found have each value; those without one are not counted."""


class ProjectionPosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far a read model has come."""

    name: str
    version: int
    sequence: int
    """It holds all that is decided up to this sequence of the log."""
    reread_after: int
    """What is not decided yet stands behind this sequence; never above `sequence`."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a list: at most `limit` rows behind the cursor `after`, newest first."""

    limit: int
    after: tuple[float | int, str] | None = None
    """The sort value (`sort_value`) and the key of the last row of the page before."""
    sol_usd: float | None = None
    """What a SOL is worth where amounts of different quotes are ranked with each other: the same
    for all pages of a list, so that they fit together. Without it only amounts of SOL are ranked.
    """


AMOUNT_SORTS: frozenset[TokenSort] = frozenset(("market_cap", "volume", "liquidity"))
"""Sorts by an amount of quote."""

SORT_VALUE_UNKNOWN = -1
"""Stands for a missing sort value in a cursor; every known one is 0 or more."""


def market_cap(row: TokenRow) -> float | None:
    """Price times current supply, in quote units."""
    return None if row.price is None or row.supply is None else row.price * float(row.supply)


def curve_progress(row: TokenRow) -> float | None:
    """How much of its curve is sold, 0 to 1; 1 for what has left its curve."""
    if row.state != "curve":
        return 1.0
    if row.real_token_reserves is None or not row.initial_real_token_reserves:
        return None
    # In float64 from the start, as the database reckons it.
    sold = 1 - float(row.real_token_reserves) / float(row.initial_real_token_reserves)
    return min(max(sold, 0.0), 1.0)


def quote_liquidity(row: TokenRow) -> int | None:
    """Quote units that sellers could take out: of the canonical pool, or else of the curve."""
    return row.held_quote_reserves if row.state == "graduated" else row.real_quote_reserves


def liquidity(row: TokenRow) -> int | None:
    """Both sides of the market in quote units, as the field tells it: twice the quote side."""
    quote = quote_liquidity(row)
    return None if quote is None else 2 * quote


def sort_value(row: TokenRow, sort: TokenSort, *, sol_usd: float | None = None) -> float | int:
    """What a list sorts the token by, for the cursor of the next page.

    Amounts are ranked in dollars, by what a SOL is worth; where that is not known, in lamports,
    and the value of all tokens that do not trade for SOL is not known either.
    """
    if sort in AMOUNT_SORTS:
        amount = _amount(row, sort)
        if sol_usd is not None:
            unit = unit_usd(row.quote_mint, sol_usd)
            if unit is None or amount is None or amount < 0:  # more was burned than the supply
                return SORT_VALUE_UNKNOWN
            return float(amount) * unit
        return amount if amount is not None and in_sol(row.quote_mint) else SORT_VALUE_UNKNOWN
    values: dict[TokenSort, float | int | None] = {
        "last_trade": row.last_trade_pos,
        "created": row.created_time_s,
        "trades": row.trades,
    }
    value = values[sort]
    return SORT_VALUE_UNKNOWN if value is None else value


def _amount(row: TokenRow, sort: TokenSort) -> float | int | None:
    """The quote units of a sort by an amount."""
    if sort == "volume":
        return row.volume_quote
    return market_cap(row) if sort == "market_cap" else liquidity(row)


class ReadsUnavailableError(Exception):
    """The read models cannot be asked right now, or did not answer in time; ask again later."""


class TokenReads(Protocol):
    """The tokens read model."""

    async def token(self, mint: str) -> TokenRow | None:
        """The token's card, None for a mint that the log does not know."""
        ...

    async def tokens(
        self, *, sort: TokenSort, state: TokenState | None, page: Page
    ) -> Sequence[TokenRow]:
        """Tokens by descending sort value, then by mint; those without a value come last.

        A mint that was seen only in pools that are not canonical has a card but is not listed.
        """
        ...

    async def newest_time_s(self) -> int | None:
        """The later time of the chain's last trade and newest launch, which ages are told by."""
        ...


class TradeReads(Protocol):
    """The trades read model."""

    async def trades_horizon(self) -> Horizon | None:
        """Where trades begin; None where all that the log has are there."""
        ...

    async def trades(
        self, mint: str, *, limit: int, before_pos: int | None = None
    ) -> Sequence[TradeRow]:
        """A token's trades, newest first, before a position if one is given."""
        ...


class CandleReads(CandleHorizons, Protocol):
    """The candles read model."""

    async def candles(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int, limit: int
    ) -> Sequence[CandleRow]:
        """Candles that start in [from_s, to_s), oldest first, at most the last `limit`."""
        ...

    async def traders(
        self, mint: str, *, interval_s: int, from_s: int, to_s: int
    ) -> Mapping[int, int]:
        """How many different wallets traded in each candle that starts in [from_s, to_s).

        By the candle's start; of the trades read model, where it has come as far as the candles.
        """
        ...


class SearchReads(Protocol):
    """The search read model."""

    async def search(self, asked: TokenSearch) -> Found:
        """Tokens by how well their texts fit, then by market cap, volume and launch, highest first.

        What fits exactly comes first, then what begins so, then what holds it, then what is nearly
        so. With a `sort` that comes before the texts; tokens without a value come last.
        """
        ...


class PositionReads(Protocol):
    """The read models' own checkpoints."""

    async def positions(self) -> Sequence[ProjectionPosition]:
        """Every read model's position, by name."""
        ...


class Reads(
    TokenReads,
    TradeReads,
    WindowReads,
    CandleReads,
    DollarReads,
    PortfolioReads,
    HolderReads,
    SearchReads,
    PositionReads,
    Protocol,
):
    """All that the query side may ask; everything may raise `ReadsUnavailableError`."""
