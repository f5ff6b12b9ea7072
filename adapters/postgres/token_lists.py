"""Lists tokens in any order, a page at a time, each by an index of its own."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache

from adapters.postgres.asking import asking, can_be_asked, int64, rows_of
from adapters.postgres.card_rows import CARD
from adapters.postgres.pool import Connection, Pool
from projections.dollars import LAMPORT_COINS, USDC_UNIT_COINS
from projections.reads import (
    AMOUNT_SORTS,
    SORT_VALUE_UNKNOWN,
    Page,
    TokenRow,
    TokenSort,
    TokenState,
)

# ruff: noqa: S608  # statements are put together from the constants of this module only

BOUND_SLACK = 1e-9
"""By how much an index is read beyond a value that was divided back into quote units."""
_FLOAT_MAX = 1.7e308

_HELD = "case when state = 'graduated' then held_quote_reserves else real_quote_reserves end"
_AMOUNTS: dict[TokenSort, tuple[str, str]] = {
    "market_cap": ("market_cap", "double precision"),
    "volume": ("volume_quote", "numeric"),
    "liquidity": (f"({_HELD} * 2)", "numeric"),
}
"""Amounts of quote, and their types."""
_SOL_AMOUNTS: dict[TokenSort, str] = {
    "market_cap": "case when for_sol then coalesce(market_cap, -1) else -1 end",
    "volume": "case when for_sol then volume_quote else -1 end",
    "liquidity": f"case when for_sol then coalesce({_HELD} * 2, -1) else -1 end",
}
_SORTED_BY: dict[TokenSort, tuple[str, str]] = {
    "last_trade": ("coalesce(last_trade_pos, -1)", "bigint"),
    "created": ("coalesce(created_time_s, -1)", "bigint"),
    "trades": ("trades", "bigint"),
    **{sort: (value, _AMOUNTS[sort][1]) for sort, value in _SOL_AMOUNTS.items()},
}
"""What each sort order compares, written exactly as its index has it, and its type."""
_OF_USDC = (
    "coalesce(last_trade_quote_mint, created_quote_mint) ="
    " 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v'"
)

_BOUND: dict[str, Callable[[float | int], object]] = {
    "bigint": int64,
    "double precision": float,
    "numeric": Decimal,
}
"""How a cursor's value becomes an argument of each type."""


class PostgresTokenLists:
    """What `projections.reads.TokenReads` lists."""

    _pool: Pool

    async def tokens(
        self, *, sort: TokenSort, state: TokenState | None, page: Page
    ) -> Sequence[TokenRow]:
        """Tokens by descending sort value, then by mint; those without a value come last.

        A mint that was seen only in pools that are not canonical has a card but is not listed.
        """
        if page.after is not None and not can_be_asked(page.after[1]):
            return []
        async with asking(self._pool) as connection:
            if sort in AMOUNT_SORTS and page.sol_usd is not None:
                return await _in_dollars(connection, sort, state, page, page.sol_usd)
            behind: Sequence[object] = ()
            if page.after is not None:
                value, mint = page.after
                behind = (_BOUND[_SORTED_BY[sort][1]](value), mint)
            sql = _plain(sort, behind=bool(behind))
            return await rows_of(connection, TokenRow, sql, state, page.limit, *behind)


@cache
def _plain(sort: TokenSort, *, behind: bool) -> str:
    # `<=` alone bounds the scan of the index; the rest settles equal values.
    value, kind = _SORTED_BY[sort]
    after = f"and {value} <= $3::{kind} and ({value} < $3::{kind} or mint > $4)"
    return f"""
        {CARD} where listed and ($1::text is null or state = $1) {after if behind else ""}
        order by {value} desc, mint limit $2
    """


async def _in_dollars(
    connection: Connection, sort: TokenSort, state: TokenState | None, page: Page, sol_usd: float
) -> Sequence[TokenRow]:
    """What trades for SOL and what does for USDC, each read by an index, merged; then the rest."""
    lamport = sol_usd * LAMPORT_COINS
    arguments: list[object] = [state, page.limit, lamport]
    value: float = SORT_VALUE_UNKNOWN
    if page.after is not None:
        value, mint = float(page.after[0]), page.after[1]
        bound = _BOUND[_AMOUNTS[sort][1]]
        for unit in (lamport, USDC_UNIT_COINS):
            beyond = max(value, 0.0) / unit * (1 + BOUND_SLACK)
            arguments.append(bound(min(beyond, _FLOAT_MAX)))
        arguments += (value, mint)
    if page.after is not None and value < 0:
        last = page.after[1]
        return await rows_of(connection, TokenRow, _unvalued(sort), state, page.limit, last)
    sql = _valued(sort, behind=page.after is not None)
    found = await rows_of(connection, TokenRow, sql, *arguments)
    if len(found) == page.limit:
        return found
    # The page that both are on is read again, of one moment: a token whose value changes between
    # two statements would be in neither, or in both.
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        found = await rows_of(connection, TokenRow, sql, *arguments)
        missing = page.limit - len(found)
        return found + await rows_of(connection, TokenRow, _unvalued(sort), state, missing, "")


@cache
def _valued(sort: TokenSort, *, behind: bool) -> str:
    amount, kind = _AMOUNTS[sort]
    branches = (
        (_SOL_AMOUNTS[sort], "$3::float8", f"{_SOL_AMOUNTS[sort]} >= 0", "$4"),
        (amount, f"{USDC_UNIT_COINS!r}::float8", f"{_OF_USDC} and {amount} >= 0", "$5"),
    )
    parts = []
    for indexed, unit, of_it, bound in branches:
        value = f"({indexed})::float8 * {unit}"
        after = (
            f"and {indexed} <= {bound}::{kind}"
            f" and ({value} < $6::float8 or ({value} = $6::float8 and mint > $7))"
        )
        parts.append(f"""(
            select {value} as value, * from tokens
            where listed and ($1::text is null or state = $1) and {of_it} {after if behind else ""}
            order by {indexed} desc, mint limit $2
        )""")
    card = CARD.replace("from tokens", f"from ({' union all '.join(parts)}) as tokens")
    return f"{card} order by value desc, mint limit $2"


@cache
def _unvalued(sort: TokenSort) -> str:
    return f"""
        {CARD} where listed and ($1::text is null or state = $1)
            and {_SOL_AMOUNTS[sort]} < 0
            and ({_OF_USDC} and {_AMOUNTS[sort][0]} >= 0) is not true and mint > $3
        order by mint limit $2
    """
