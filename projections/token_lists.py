"""Lists of tokens as the query side asks for them: filtered, sorted, and whole over all pages."""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from projections.dollars import in_sol, unit_usd
from projections.reads import (
    SORT_VALUE_UNKNOWN,
    TokenRow,
    TokenState,
    TradingVenue,
    curve_progress,
    liquidity,
    market_cap,
)
from projections.windows import Span

ListSort: TypeAlias = Literal[
    "last_trade",
    "created",
    "market_cap",
    "volume",
    "liquidity",
    "trades",
    "progress",
    "change",
    "holders",
]
AMOUNTS: frozenset[ListSort] = frozenset(("market_cap", "volume", "liquidity"))
"""Sorts by an amount of quote."""


class TokenFilters(msgspec.Struct, frozen=True, kw_only=True):
    """What a list leaves out; None leaves nothing out.

    Amounts are lamports: a limit for one of them leaves out all tokens that do not trade for SOL.
    A limit also leaves out the tokens of which the figure is not known.
    """

    text: str = ""
    """Words that all stand in name or symbol, or the beginning of a mint or of a creator."""
    state: TokenState | None = None
    venue: TradingVenue | None = None
    quote_mint: str | None = None
    market_cap_min: float | None = None
    market_cap_max: float | None = None
    liquidity_min: float | None = None
    liquidity_max: float | None = None
    volume_min: float | None = None
    volume_max: float | None = None
    progress_min: float | None = None
    progress_max: float | None = None
    holders_min: int | None = None
    holders_max: int | None = None
    """Of holders as there are now, on every page."""
    created_from_s: int | None = None
    created_to_s: int | None = None
    """Times of launch, in [from, to)."""

    @property
    def held(self) -> bool:
        """Whether it asks how many hold a token."""
        return self.holders_min is not None or self.holders_max is not None


class ListPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page ended."""

    value: float | int
    mint: str
    pos: int
    """The moment that the whole list is of: each page shows it as it was at this position."""


class TokenQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list; all pages of one list ask the same but for `after`."""

    sort: ListSort
    limit: int
    filters: TokenFilters = TokenFilters()
    sol_usd: float | None = None
    """What a SOL is worth where amounts of different quotes are ranked with each other. Without it
    only amounts of SOL are ranked."""
    span: Span | None = None
    """Minutes that volume, trades and change are of, and in which a token has to have traded: the
    same for all pages. Without it they are of all time, and there is no change to sort by."""
    after: ListPlace | None = None


class SpanFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What a token traded in the minutes of a list, by the trades that made a price."""

    volume_quote: int
    trades: int
    change: float
    """The last price in them over the first, less one."""


class ListedToken(msgspec.Struct, frozen=True):
    """A token of the list, as it is now, and what it was ranked by."""

    row: TokenRow
    value: float | int
    holders: int
    """Wallets with a balance, as far as the log shows their moves."""
    span: SpanFigures | None = None


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A page; `pos` is the moment that the list is of."""

    tokens: Sequence[ListedToken]
    pos: int


class TokenLists(Protocol):
    """The tokens read model with the trades read model, as one moment shows them."""

    async def listed(self, asked: TokenQuery) -> Listed:
        """Tokens by descending value, then by mint; those without a value come last.

        The first page is of now. A later one is of the moment of the first: tokens that traded
        since are put where they were, by taking their later trades off. So every token of the list
        is met once, whatever is traded meanwhile. What moves a figure without a trade moves the
        token: a burn, new virtual reserves, a migration, an event that comes late. So do holders:
        each page has them as they are when it is asked for.
        """
        ...


def list_value(
    row: TokenRow,
    sort: ListSort,
    sol_usd: float | None,
    change: float | None = None,
    holders: int = 0,
) -> float | int:
    """What a list sorts the token by; amounts in dollars where a SOL's worth is given.

    Volume and trades are the row's, so those of the list's minutes have to be put there.
    """
    if sort in AMOUNTS:
        amounts = {
            "market_cap": market_cap(row),
            "volume": row.volume_quote,
            "liquidity": liquidity(row),
        }
        amount, unit = amounts[sort], _unit(row.quote_mint, sol_usd)
        if unit is None or amount is None or amount < 0:  # more was burned than the supply
            return SORT_VALUE_UNKNOWN
        return float(amount) * unit
    value = {
        "last_trade": row.last_trade_pos,
        "created": row.created_time_s,
        "trades": row.trades,
        "progress": curve_progress(row),
        "change": change,
        "holders": holders,
    }[sort]
    return SORT_VALUE_UNKNOWN if value is None else value


def passes(row: TokenRow, filters: TokenFilters, holders: int = 0) -> bool:
    """Whether a list with these filters, its text aside, has the token."""
    sol = in_sol(row.quote_mint)
    cap, held, progress = market_cap(row), liquidity(row), curve_progress(row)
    venue: TradingVenue = "curve" if row.pool is None else "pool"
    return (
        filters.state in {None, row.state}
        and filters.venue in {None, venue}
        and filters.quote_mint in {None, row.quote_mint}
        and _within(cap if sol else None, filters.market_cap_min, filters.market_cap_max)
        and _within(held if sol else None, filters.liquidity_min, filters.liquidity_max)
        and _within(row.volume_quote if sol else None, filters.volume_min, filters.volume_max)
        and _within(progress, filters.progress_min, filters.progress_max)
        and _within(holders, filters.holders_min, filters.holders_max)
        and _within(row.created_time_s, filters.created_from_s, None)
        and (
            filters.created_to_s is None
            or (row.created_time_s is not None and row.created_time_s < filters.created_to_s)
        )
    )


def _unit(quote_mint: str | None, sol_usd: float | None) -> float | None:
    if sol_usd is not None:
        return unit_usd(quote_mint, sol_usd)
    return 1.0 if in_sol(quote_mint) else None


def _within(value: float | None, lowest: float | None, highest: float | None) -> bool:
    if lowest is None and highest is None:
        return True
    if value is None:
        return False
    return (lowest is None or value >= lowest) and (highest is None or value <= highest)
