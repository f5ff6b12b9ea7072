"""Lists of tokens of one moment: what traded since is put where it was."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import ClassVar, Literal, TypeAlias

from adapters.postgres.asking import asking, can_be_asked, int64, rows_of
from adapters.postgres.card_rows import CARD
from adapters.postgres.hour_under_way import whole_hours
from adapters.postgres.moved_tokens import MOVED
from adapters.postgres.pool import Connection, Pool
from adapters.postgres.token_branches import (
    AMOUNT,
    CURRENT,
    FIGURES,
    FILTERS,
    HOLDERS,
    PLAIN,
    UNHELD,
    WORDED,
    Branch,
    behind_page,
    branches_of,
    kind_of,
    with_holders,
)
from adapters.postgres.token_heads import HEADED, SUMMED, WALKED_MAX, head, leaders
from adapters.postgres.token_spans import (
    FIGURED,
    MOVED_SPAN,
    OF_USDC,
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


_Among: TypeAlias = Literal["leaders", "worded"]
"""The mints that alone can be of a page: those that did as much, or those that a text names."""


class _Listed(TokenRow, frozen=True, kw_only=True, gc=False):
    value: float | int
    span_volume: int | None = None
    span_trades: int | None = None
    span_change: float | None = None
    holders: int
    certain: bool = True

    @property
    def span(self) -> SpanFigures | None:
        """What was traded in the list's minutes, if it is of some."""
        if self.span_volume is None or self.span_trades is None or self.span_change is None:
            return None
        return SpanFigures(
            volume_quote=self.span_volume, trades=self.span_trades, change=self.span_change
        )


class PostgresTokenListing:
    """The port `projections.token_lists.TokenLists`."""

    walked_max: ClassVar = WALKED_MAX
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
        arguments = [asked.limit, *_filtered(filters, words), lamport, 0, 0, 0, 0]
        arguments += [_count(filters.holders_min), _count(filters.holders_max)]
        units = (lamport, USDC_UNIT_COINS) if dollars else (lamport,)
        bounds: list[object] = []
        if after is not None:
            arguments += [_compared(asked.sort, after.value), after.mint, int64(after.pos)]
            if asked.sort in AMOUNTS:
                bounds = [_native(asked.sort, after.value, it, 1 + BOUND_SLACK) for it in units]
        like = {
            "dollars": dollars,
            "behind": after is not None,
            "held": asked.sort == "holders" or filters.held,
        }
        async with (
            asking(self._pool) as connection,
            # The moment and the rows have to be of one state of the tables.
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            pos = after.pos if after is not None else await connection.fetchval(NOW)
            found: Sequence[_Listed]
            if asked.span is None:
                sql = _statement(asked.sort, spanned=False, **like)
                found = await rows_of(connection, _Listed, sql, *arguments, *bounds)
            else:
                await connection.execute(SETTINGS)
                arguments[_MINUTES] = _cut(asked.span, *await whole_hours(connection, asked.span))
                found = await self._spanned(connection, asked, arguments, bounds, units, like)
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

    async def _spanned(
        self,
        connection: Connection,
        asked: TokenQuery,
        arguments: Sequence[object],
        bounds: Sequence[object],
        units: Sequence[float],
        like: Mapping[str, bool],
    ) -> Sequence[_Listed]:
        """A page of a window, from the head of its order if it is there, or of all that traded."""
        sort, span = asked.sort, asked.span
        if asked.filters.text.strip():
            sql = _statement(sort, spanned=True, among="worded", **like)
            return await rows_of(connection, _Listed, sql, *arguments)
        if span is None or span.length_s <= HOUR_S or sort not in HEADED:
            sql = _statement(sort, spanned=True, **like)
            return await rows_of(connection, _Listed, sql, *arguments)
        sql = _head_statement(
            sort, filtered=asked.filters != TokenFilters(), walked_max=self.walked_max, **like
        )
        of_key = () if sort in SUMMED else bounds
        found = await rows_of(connection, _Listed, sql, *arguments, *of_key)
        full = len(found) == asked.limit
        if full and found[-1].certain:
            return found
        leading = full and sort in SUMMED and found[-1].value >= 0
        least: list[object] = []
        if leading and sort in AMOUNTS:
            least = [_native(sort, found[-1].value, it, 1 - BOUND_SLACK) for it in units]
        elif leading:
            least = [found[-1].value]
        among: _Among | None = "leaders" if leading else None
        sql = _statement(sort, spanned=True, among=among, **like)
        return await rows_of(connection, _Listed, sql, *arguments, *least)


_BOUND: dict[str, Callable[[float], object]] = {"double precision": float, "numeric": Decimal}


def _compared(sort: ListSort, value: float) -> float:
    return int64(value) if sort not in AMOUNTS and PLAIN[sort][1] == "bigint" else float(value)


def _native(sort: ListSort, value: float, unit: float, slack: float) -> object:
    """A value as its index has it, a little beyond."""
    return _BOUND[AMOUNT[sort][1]](min(max(value, 0.0) / unit * slack, _FLOAT_MAX))


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


_MINUTES = slice(17, 21)
"""From $18 to $21."""


def _cut(span: Span, whole: Span) -> tuple[int, int, int, int]:
    """Where the minutes begin, where whole hours among them do and end, and where all end."""
    hours = [it for it in whole.stretches() if it.length_s == HOUR_S]
    from_s, to_s = (hours[0].from_s, hours[0].to_s) if hours else (span.to_s, span.to_s)
    return span.from_s, from_s, to_s, span.to_s


@cache
def _statement(
    sort: ListSort,
    *,
    dollars: bool,
    behind: bool,
    held: bool,
    spanned: bool,
    among: _Among | None = None,
) -> str:
    branches = branches_of(sort, dollars=dollars)
    if spanned:
        branches = _spanned(sort, branches, dollars=dollars)
    parts: list[str] = []
    last_parts: list[str] = []
    for branch in branches:
        if not behind and branch.source not in CURRENT:
            continue
        conditions = [FILTERS + (HOLDERS if held else UNHELD), branch.condition]
        conditions += behind_page(branch, kind_of(sort)) if behind else []
        source = with_change(branch.source) if sort == "change" else branch.source
        if held:
            source = with_holders(source)
        figures = FIGURES if spanned else ""
        (last_parts if branch.last else parts).append(f"""(
            select mint, {branch.value} as value{figures} from {source} as tokens
            where {" and ".join(conditions)} order by {branch.order} limit $1
        )""")
    before = [MOVED] if behind else []
    mints = WORDED if among == "worded" else None
    if among == "leaders":
        mints = leaders(sort, dollars=dollars, behind=behind)
    if spanned:
        before += [_span(sort, dollars=dollars, among=mints), *([MOVED_SPAN] if behind else [])]
    if last_parts:
        before.append(f"valued as materialized ({' union all '.join(parts)})")
        parts = ["select * from valued", *last_parts]
    every = " union all ".join(parts)
    picked = f"select * from ({every}) as parts order by value desc, mint limit $1"
    return _told(before, picked, spanned=spanned)


@cache
def _head_statement(
    sort: ListSort, *, dollars: bool, behind: bool, held: bool, filtered: bool, walked_max: int
) -> str:
    before, picked = head(
        sort, dollars=dollars, behind=behind, held=held, filtered=filtered, walked_max=walked_max
    )
    return _told(before, picked, spanned=True, told=", certain")


def _told(before: Sequence[str], picked: str, *, spanned: bool, told: str = "") -> str:
    """The statement that tells what is picked, with all that is told of it."""
    picked = f"picked as ({picked})"
    told, shown = f"{told}, value, coalesce(holders, 0) as holders", "picked"
    if spanned:
        told, shown = f"{told}, span_volume, span_trades, span_change", "figured"
        picked += f", {FIGURED}"
    card = CARD.replace("from tokens", f"{told} from {shown} join tokens using (mint){_COUNTS}")
    return f"with {', '.join((*before, picked))} {card} order by value desc, mint"


def _span(sort: ListSort, *, dollars: bool, among: str | None) -> str:
    return span(
        ordered_by={"volume": "volume_quote", "trades": "trades"}.get(sort),
        volume_alone=sort == "volume",
        of_usdc=sort == "volume" and dollars,
        among=among,
    )


def _spanned(sort: ListSort, branches: list[Branch], *, dollars: bool) -> list[Branch]:
    """Of the tokens that traded in a window, which no index has in the order of the list.

    By volume they are looked at in its order, those that trade for SOL and those that do for USDC
    by themselves, and the others where these do not fill the page.
    """
    value = branches[-1].value
    order = f"{value} desc, mint"
    moved = Branch(value, order, "true", source="windowed_moved")
    if sort != "volume":
        order = "trades desc, mint" if sort == "trades" else order
        return [Branch(value, order, "true", source="windowed"), moved]
    rest = f"not for_sol and ({OF_USDC}) is not true" if dollars else "not for_sol"
    found = [Branch(value, "volume_quote desc, mint", "for_sol", source="windowed")]
    if dollars:
        found.append(Branch(value, order, "true", source="windowed_of_usdc"))
    rest += " and (select count(*) from valued where value >= 0) < $1"
    return [*found, moved, Branch(value, "mint", rest, source="windowed", last=True)]
