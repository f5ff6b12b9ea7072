"""Lists of tokens of one moment: what traded since is put where it was."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache

import msgspec

from adapters.postgres.asking import asking, can_be_asked, int64, rows_of
from adapters.postgres.card_rows import CARD
from adapters.postgres.moved_tokens import MOVED
from adapters.postgres.pool import Pool
from adapters.postgres.token_spans import (
    FIGURED,
    MOVED_SPAN,
    OF_USDC,
    POS,
    SETTINGS,
    span,
    with_change,
)
from projections.buckets import HOUR_S
from projections.dollars import LAMPORT_COINS, USDC_UNIT_COINS
from projections.reads import TokenRow
from projections.search import folded, is_address_like
from projections.token_lists import (
    AMOUNTS,
    Listed,
    ListedToken,
    ListSort,
    SpanFigures,
    TokenFilters,
    TokenQuery,
)
from projections.windows import Span

# ruff: noqa: S608  # statements are put together from the constants of this module only

BOUND_SLACK = 1e-9
"""By how much an index is read beyond a value that was divided back into quote units."""
_FLOAT_MAX = 1.7e308

_HELD = "(case when state = 'graduated' then held_quote_reserves else real_quote_reserves end * 2)"
_QUOTE_MINT = "coalesce(last_trade_quote_mint, created_quote_mint)"
_AMOUNT: dict[ListSort, tuple[str, str]] = {
    "market_cap": ("market_cap", "double precision"),
    "volume": ("volume_quote", "numeric"),
    "liquidity": (_HELD, "numeric"),
}
"""Amounts of quote, and their types."""
_PLAIN: dict[ListSort, tuple[str, str]] = {
    "last_trade": ("coalesce(last_trade_pos, -1)", "bigint"),
    "created": ("coalesce(created_time_s, -1)", "bigint"),
    "trades": ("trades", "bigint"),
    "progress": ("coalesce(progress, -1)", "double precision"),
    "change": ("change", "double precision"),
    "holders": ("holders", "bigint"),
}
"""What the other sorts compare, as the index has it where there is one, and its type."""
_COUNTED, _UNCOUNTED = "counted", "uncounted"
"""Tokens that wallets have moved, and the others: nobody holds them."""
_CURRENT = frozenset(("tokens", "windowed", "windowed_of_usdc", _COUNTED, _UNCOUNTED))
"""What is of now; the rest is of the list's moment."""
_FIGURES = ", since_volume, since_trades, last_price"
"""What to take off what a token traded in the window, and the price that it had."""

_FILTERS = f"""
    listed
    and ($2::text is null or state = $2)
    and ($3::text is null or case when pool_pos is null then 'curve' else 'pool' end = $3)
    and ($4::text is null or {_QUOTE_MINT} = $4)
    and ($5::float8 is null or (for_sol and market_cap >= $5))
    and ($6::float8 is null or (for_sol and market_cap <= $6))
    and ($7::float8 is null or (for_sol and {_HELD} >= $7))
    and ($8::float8 is null or (for_sol and {_HELD} <= $8))
    and ($9::float8 is null or (for_sol and volume_quote >= $9))
    and ($10::float8 is null or (for_sol and volume_quote <= $10))
    and ($11::float8 is null or progress >= $11)
    and ($12::float8 is null or progress <= $12)
    and ($13::bigint is null or created_time_s >= $13)
    and ($14::bigint is null or created_time_s < $14)
    and ($15::text[] is null or mint in (
        select mint from search_documents
        where words like all($15) or starts_with(mint, $16) or starts_with(creator, $16)
    ))
    and $17::float8 is not null
    and $18::bigint is not null and $19::bigint is not null
    and $20::bigint is not null and $21::bigint is not null
"""
"""Behind what is asked, what a lamport is worth, and the minutes of the list: from $18 to $21, of
which [$19, $20) are whole hours. Then the least and the most holders."""
_UNHELD = "and $22::bigint is null and $23::bigint is null"
_HOLDERS = """
    and ($22::bigint is null or holders >= $22)
    and ($23::bigint is null or holders <= $23)
"""
_LAMPORT = "$17"
_VALUE, _MINT, _POS, _SOL_BOUND, _USDC_BOUND = "$24", "$25", POS, "$27", "$28"
"""Behind those: where the page before ended, and the moment."""

_COUNTS = " left join holder_counts using (mint)"

NOW = """
    select greatest(
        (select last_trade_pos from tokens
            order by coalesce(last_trade_pos, -1) desc, mint limit 1),
        (select max(created_pos) from tokens where created_pos is not null),
        0
    )
"""
"""The last position that moved a token by a trade or made one."""

_STILL = f"coalesce(last_trade_pos, -1) <= {_POS} and coalesce(created_pos, 0) <= {_POS}"


class _Listed(TokenRow, frozen=True, kw_only=True, gc=False):
    value: float | int
    span_volume: int | None = None
    span_trades: int | None = None
    span_change: float | None = None
    holders: int

    @property
    def span(self) -> SpanFigures | None:
        """What was traded in the list's minutes, if it is of some."""
        if self.span_volume is None or self.span_trades is None or self.span_change is None:
            return None
        return SpanFigures(
            volume_quote=self.span_volume, trades=self.span_trades, change=self.span_change
        )


class _Branch(msgspec.Struct, frozen=True):
    """A part of the list that one index, or none, has in its order."""

    value: str
    order: str
    condition: str
    bound: str | None = None
    source: str = "tokens"
    last: bool = False
    """Whether it is behind all others, and not looked at where those fill the page."""


class PostgresTokenListing:
    """The port `projections.token_lists.TokenLists`."""

    _pool: Pool

    async def listed(self, asked: TokenQuery) -> Listed:
        """Tokens by descending value, then by mint, all as of the list's moment."""
        after, filters = asked.after, asked.filters
        if not can_be_asked(filters.text, "" if after is None else after.mint):
            return Listed(tokens=[], pos=0 if after is None else after.pos)
        words = folded(filters.text).split()
        if filters.text.strip() and not words:
            return Listed(tokens=[], pos=0 if after is None else after.pos)
        dollars = asked.sort in AMOUNTS and asked.sol_usd is not None
        lamport = asked.sol_usd * LAMPORT_COINS if dollars and asked.sol_usd is not None else 1.0
        arguments = [asked.limit, *_filtered(filters, words), lamport, *_cut(asked.span)]
        arguments += [_count(filters.holders_min), _count(filters.holders_max)]
        if after is not None:
            arguments += [_compared(asked.sort, after.value), after.mint, int64(after.pos)]
            if asked.sort in AMOUNTS and asked.span is None:
                bound = _BOUND[_AMOUNT[asked.sort][1]]
                units = (lamport, USDC_UNIT_COINS) if dollars else (lamport,)
                arguments += [bound(_beyond(after.value, unit)) for unit in units]
        sql = _statement(
            asked.sort,
            dollars=dollars,
            behind=after is not None,
            spanned=asked.span is not None,
            held=asked.sort == "holders" or filters.held,
        )
        async with (
            asking(self._pool) as connection,
            # The moment and the rows have to be of one state of the tables.
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            if asked.span is not None:
                await connection.execute(SETTINGS)
            pos = after.pos if after is not None else await connection.fetchval(NOW)
            found = await rows_of(connection, _Listed, sql, *arguments)
        fields = TokenRow.__struct_fields__
        return Listed(
            tokens=[
                ListedToken(
                    TokenRow(**{name: getattr(row, name) for name in fields}),
                    row.value,
                    row.holders,
                    row.span,
                )
                for row in found
            ],
            pos=pos,
        )


_BOUND: dict[str, Callable[[float], object]] = {"double precision": float, "numeric": Decimal}


def _compared(sort: ListSort, value: float) -> float:
    return int64(value) if sort not in AMOUNTS and _PLAIN[sort][1] == "bigint" else float(value)


def _beyond(value: float, unit: float) -> float:
    return min(max(value, 0.0) / unit * (1 + BOUND_SLACK), _FLOAT_MAX)


def _filtered(filters: TokenFilters, words: Sequence[str]) -> list[object]:
    address = filters.text.strip()
    return [
        filters.state,
        filters.venue,
        filters.quote_mint,
        filters.market_cap_min,
        filters.market_cap_max,
        filters.liquidity_min,
        filters.liquidity_max,
        filters.volume_min,
        filters.volume_max,
        filters.progress_min,
        filters.progress_max,
        None if filters.created_from_s is None else int64(filters.created_from_s),
        None if filters.created_to_s is None else int64(filters.created_to_s),
        # A folded text has no character that means anything in a pattern.
        [f"%{word}%" for word in words] or None,
        address if is_address_like(address) else None,
    ]


def _count(limit: int | None) -> int | None:
    return None if limit is None else int64(limit)


def _cut(span: Span | None) -> tuple[int, int, int, int]:
    """Where the minutes begin, where whole hours among them do and end, and where all end."""
    if span is None:
        return 0, 0, 0, 0
    hours = [it for it in span.stretches() if it.length_s == HOUR_S]
    from_s, to_s = (hours[0].from_s, hours[0].to_s) if hours else (span.to_s, span.to_s)
    return span.from_s, from_s, to_s, span.to_s


@cache
def _statement(sort: ListSort, *, dollars: bool, behind: bool, spanned: bool, held: bool) -> str:
    branches = _amount_branches(sort, dollars=dollars) if sort in AMOUNTS else _plain_branch(sort)
    if spanned:
        branches = _spanned(sort, branches, dollars=dollars)
    kind = "bigint" if sort not in AMOUNTS and _PLAIN[sort][1] == "bigint" else "float8"
    parts: list[str] = []
    last_parts: list[str] = []
    for branch in branches:
        if not behind and branch.source not in _CURRENT:
            continue
        conditions = [_FILTERS + (_HOLDERS if held else _UNHELD), branch.condition]
        conditions += _behind(branch, kind) if behind else []
        source = with_change(branch.source) if sort == "change" else branch.source
        if held:
            source = _with_holders(source)
        figures = _FIGURES if spanned else ""
        (last_parts if branch.last else parts).append(f"""(
            select mint, {branch.value} as value{figures} from {source} as tokens
            where {" and ".join(conditions)} order by {branch.order} limit $1
        )""")
    before = [MOVED] if behind else []
    if spanned:
        before += [_span(sort, behind=behind), *([MOVED_SPAN] if behind else [])]
    if last_parts:
        before.append(f"valued as materialized ({' union all '.join(parts)})")
        parts = ["select * from valued", *last_parts]
    every = " union all ".join(parts)
    picked = f"picked as (select * from ({every}) as parts order by value desc, mint limit $1)"
    told, shown = ", value, coalesce(holders, 0) as holders", "picked"
    if spanned:
        told, shown = f"{told}, span_volume, span_trades, span_change", "figured"
        picked += f", {FIGURED}"
    card = CARD.replace("from tokens", f"{told} from {shown} join tokens using (mint){_COUNTS}")
    return f"with {', '.join((*before, picked))} {card} order by value desc, mint"


def _behind(branch: _Branch, kind: str) -> list[str]:
    """What puts a row of the branch behind the page before."""
    value = branch.value
    found = [f"({value} < {_VALUE}::{kind} or ({value} = {_VALUE}::{kind} and mint > {_MINT}))"]
    if branch.bound is not None:
        found.append(branch.bound)  # this alone bounds the scan of the index
    if branch.source in _CURRENT:
        found.append(_STILL)
    return found


def _span(sort: ListSort, *, behind: bool) -> str:
    ordered_by = {"volume": "volume_quote", "trades": "trades"}.get(sort)
    return span(ordered_by=ordered_by, volume_alone=sort == "volume" and not behind)


def _spanned(sort: ListSort, branches: list[_Branch], *, dollars: bool) -> list[_Branch]:
    """Of the tokens that traded in a window, which no index has in the order of the list.

    By volume they are looked at in its order, those that trade for SOL and those that do for USDC
    by themselves, and the others where these do not fill the page.
    """
    value = branches[-1].value
    order = f"{value} desc, mint"
    moved = _Branch(value, order, "true", source="windowed_moved")
    if sort != "volume":
        order = "trades desc, mint" if sort == "trades" else order
        return [_Branch(value, order, "true", source="windowed"), moved]
    rest = f"not for_sol and ({OF_USDC}) is not true" if dollars else "not for_sol"
    found = [_Branch(value, "volume_quote desc, mint", "for_sol", source="windowed")]
    if dollars:
        found.append(_Branch(value, order, "true", source="windowed_of_usdc"))
    rest += " and (select count(*) from valued) < $1"
    return [*found, moved, _Branch(value, "mint", rest, source="windowed", last=True)]


def _with_holders(source: str) -> str:
    """The rows of a source with how many hold the token, as it is now."""
    if source == _COUNTED:  # in the order of its index
        return "(select tokens.*, holders from holder_counts join tokens using (mint))"
    if source == _UNCOUNTED:
        return """(
            select tokens.*, 0::bigint as holders from tokens
            where not exists (select from holder_counts where holder_counts.mint = tokens.mint)
        )"""
    return (
        "(select source.*, coalesce(holder_counts.holders, 0) as holders"
        f" from {source} as source left join holder_counts using (mint))"
    )


def _plain_branch(sort: ListSort) -> list[_Branch]:
    value, kind = _PLAIN[sort]
    order = f"{value} desc, mint"
    if sort == "holders":
        return [
            _Branch(value, order, "true", f"{value} <= {_VALUE}::{kind}", _COUNTED),
            _Branch("0::bigint", "mint", "true", source=_UNCOUNTED),
            _Branch(value, order, "true", source="moved"),
        ]
    return [
        _Branch(value, order, "true", f"{value} <= {_VALUE}::{kind}"),
        _Branch(value, order, "true", source="moved"),
    ]


def _amount_branches(sort: ListSort, *, dollars: bool) -> list[_Branch]:
    """What trades for SOL, what does for USDC, each by an index; the rest by mint."""
    amount, kind = _AMOUNT[sort]
    indexed = f"(case when for_sol then coalesce({amount}, -1) else -1 end)"
    if sort == "volume":
        indexed = f"(case when for_sol then {amount} else -1 end)"
    lamport = f"{_LAMPORT}::float8"
    in_sol = f"({indexed})::float8 * {lamport}"
    in_usdc = f"{amount}::float8 * {USDC_UNIT_COINS!r}::float8"
    of_usdc = f"{OF_USDC} and {amount} >= 0"
    known, rest = f"when for_sol and {amount} >= 0 then {amount}::float8 * {lamport}", "else -1 end"
    branches = [
        _Branch(
            in_sol,
            f"{indexed} desc, mint",
            f"{indexed} >= 0",
            f"{indexed} <= {_SOL_BOUND}::{kind}",
        )
    ]
    unvalued = f"{indexed} < 0"
    if dollars:
        branches.append(
            _Branch(in_usdc, f"{amount} desc, mint", of_usdc, f"{amount} <= {_USDC_BOUND}::{kind}")
        )
        unvalued += f" and ({of_usdc}) is not true"
        known += f" when {of_usdc} then {in_usdc}"
    moved = f"(case {known} {rest})"
    return [
        *branches,
        _Branch("(-1)::float8", "mint", unvalued),
        _Branch(moved, f"{moved} desc, mint", "true", source="moved"),
    ]
