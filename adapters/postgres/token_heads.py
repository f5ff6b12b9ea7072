"""The head of a list of a window: what stands first anyway, and what of it traded.

Most orders of a list are a token's own, and an index has them. There the first few are looked at,
each by its own candles, instead of all that traded in a day. Of the changes of price, bounds are
had in passing: of the lowest and the highest opening and closing. And no token traded more in a
window than in all its life. Where the few do not make a page for sure, that is told.
"""

from adapters.postgres.moved_tokens import MOVED
from adapters.postgres.token_branches import (
    ANY_VOLUME,
    FIGURES,
    FIRST_LEADING,
    HOLDERS,
    LEADING,
    NEAR,
    OWN_FILTERS,
    STILL,
    UNHELD,
    VALUE,
    VOLUMES,
    Branch,
    behind_page,
    behind_place,
    branches_of,
    kind_of,
    with_holders,
)
from adapters.postgres.token_spans import MOVED_SPAN, PARTS, of_token
from projections.token_lists import ListSort

# ruff: noqa: S608  # statements are put together from the constants of this module only

WALKED_MAX = 400
"""Tokens by a bound whose own candles are looked at. Most trade in one hour only, and there the
bounds are the change."""
LOOKED_AT = 5
"""Times as many tokens are looked at in the order of an index, with their cards alone."""
_FLOORS: dict[ListSort, str] = {
    "last_trade": "-2",
    "created": "-2",
    "market_cap": "-1",
    "liquidity": "-1",
    "holders": "0",
    "progress": NEAR,
    "change": "'-infinity'",
    "volume": "-1",
    "trades": "-1",
}
"""What is worth more than this is on a walk: what has no value is not, nor what nobody holds, nor
what is far from the end of its curve."""
HEADED = frozenset(_FLOORS)
"""The sorts that have a head."""
SUMMED: frozenset[ListSort] = frozenset(("volume", "trades"))
"""Of these the walk is in the order of a token's whole life, a bound of what it did lately."""

_CARD = """
    tokens.mint, listed, state, pool_pos, for_sol, market_cap, held_quote_reserves,
    real_quote_reserves, progress, created_time_s, created_quote_mint, created_pos,
    last_trade_quote_mint, last_trade_pos, last_trade_time_s
"""
_UNMOVED = "0::numeric as since_volume, 0::bigint as since_trades, null::float8 as last_price"
_LATE = "last_trade_time_s >= $18"
"""The chain's clock does not go back, so a token whose last trade is older is not asked."""
_LAST = "value desc, mint limit $1"
_BOUNDS = f"""
    parts as ({PARTS}),
    bounded as (
        select mint, sum(volume_quote) as volume_quote, sum(trades)::bigint as trades,
            max(close) / min(open) - 1 as most, min(close) / max(open) - 1 as least
        from parts group by mint, one
    )
"""
"""Bounds are had without a look at which opening was the first, and which closing the last."""
_BEHIND = f"least <= {VALUE}::float8"
"""What may not have changed more than the last of the page before, and was on none for sure."""


def head(
    sort: ListSort, *, dollars: bool, behind: bool, held: bool, filtered: bool, walked_max: int
) -> tuple[list[str], str]:
    """Parts of a statement, and what is picked for a page, each with whether it is `certain`.

    What comes behind a walk that ended at its limit is worth no more than the last of the walk, so
    what is worth more than that is certain.
    """
    own = OWN_FILTERS + (HOLDERS if held else UNHELD)
    branches = branches_of(sort, dollars=dollars)
    before: list[str] = []
    alive: list[str] = []
    if sort == "change":
        before.append(_BOUNDS)
        parts = [_changed("walked_0" if filtered else "alive_0", behind=behind)]
        if filtered:
            walks = [(_bounded(own + VOLUMES, behind=behind, held=held), walked_max)]
        else:
            walks = [(_by_bound(behind=behind), LOOKED_AT * walked_max)]
            alive = [_listed(own + ANY_VOLUME, behind=behind)]
    else:
        of_index = [it for it in branches if it.key is not None]
        most = LOOKED_AT * walked_max
        walks = [(_walk(it, sort, behind=behind, held=held), most) for it in of_index]
        parts = [_traded(number, own + VOLUMES, behind=behind) for number in range(len(walks))]
    if sort in SUMMED:
        parts = [
            _summed(number, branches[-1].value, sort, own, behind=behind)
            for number in range(len(walks))
        ]
        alive = [_alive(number, own, behind=behind) for number in range(len(walks))]
    ends: list[str] = []
    for number, (walk, most) in enumerate(walks):
        before.append(f"walked_{number} as materialized ({walk} limit {most})")
        ends.append(_ahead(f"walked_{number}", most, sort))
        if alive:
            before.append(f"alive_{number} as materialized ({alive[number]} limit {walked_max})")
            ends[-1] += f" and {_ahead(f'alive_{number}', walked_max, sort)}"
    if behind:
        before = [MOVED, MOVED_SPAN, *before]
        parts.append(_moved(branches[-1], sort, own + VOLUMES, held=held))
    picked = f"""
        select *, value > {_FLOORS[sort]} and {" and ".join(ends)} as certain
        from ({" union all ".join(parts)}) as parts order by {_LAST}
    """
    return before, picked


def leaders(sort: ListSort, *, dollars: bool, behind: bool) -> str:
    """The mints that have done as much in all their life as the last of a page in the window."""
    places = LEADING if behind else FIRST_LEADING
    of_index = [it for it in branches_of(sort, dollars=dollars) if it.key is not None]
    return " union all ".join(
        f"select mint from tokens where {branch.down_to(place)}"
        for branch, place in zip(of_index, places, strict=False)
    )


def _ahead(walked: str, most: int, sort: ListSort) -> str:
    """Whether something is ahead of all that a walk has not reached, if it ended at its limit."""
    if sort != "progress":
        end = f"select case when count(*) = {most} then min(value) end from {walked}"
        return f"coalesce(value > ({end}), true)"
    # All that graduated have as much. A walk by one index, in its very order, tells them apart.
    end = f"select -value, mint from {walked} order by value desc, mint limit 1 offset {most - 1}"
    return f"coalesce((-value, mint) <= ({end}), true)"


def _walk(branch: Branch, sort: ListSort, *, behind: bool, held: bool) -> str:
    """Tokens in the order of an index, those that moved since among them.

    To leave them out here would have the planner expect few, and sort instead.
    """
    source = with_holders(branch.source) if held else branch.source
    conditions = [branch.condition]
    if behind and sort not in SUMMED:  # who traded most of all may have traded less lately
        conditions.append(behind_place(branch.value, kind_of(sort)))
        conditions += [] if branch.bound is None else [branch.bound]
    return f"""
        select {branch.value} as value, {_CARD}{", holders" if held else ""}
        from {source} as tokens
        where {" and ".join(conditions)} order by {branch.order}
    """


def _traded(number: int, filters: str, *, behind: bool) -> str:
    """Of the tokens of a walk, those of the list; each is asked for what it traded in its turn."""
    return f"""(
        select mint, value{FIGURES} from (
            select tokens.*, sums.*, {_UNMOVED}
            from (
                select * from walked_{number} where {_LATE}{f" and {STILL}" if behind else ""}
                order by value desc, mint
            ) as tokens
            cross join lateral {of_token("tokens.mint")} as sums where sums.trades > 0
        ) as tokens where {filters} order by {_LAST}
    )"""


def _alive(number: int, own: str, *, behind: bool) -> str:
    return f"""
        select * from walked_{number} as tokens
        where {_LATE}{f" and {STILL}" if behind else ""} and {own}
        order by value desc, mint
    """


def _summed(number: int, value: str, sort: ListSort, own: str, *, behind: bool) -> str:
    place = behind_place(value, kind_of(sort)) if behind else "true"
    return f"""(
        select mint, {value} as value{FIGURES} from (
            select tokens.*, sums.*, {_UNMOVED} from alive_{number} as tokens
            cross join lateral {of_token("tokens.mint")} as sums where sums.trades > 0
        ) as tokens where {own + VOLUMES} and {place} order by {_LAST}
    )"""


def _by_bound(*, behind: bool) -> str:
    """The tokens whose price may have changed most, of whatever list they are.

    Nothing but bounds is looked at: the cards of all that traded cost as much again.
    """
    return f"""
        select mint, most as value from bounded {f"where {_BEHIND}" if behind else ""}
        order by most desc, mint
    """


def _listed(filters: str, *, behind: bool) -> str:
    conditions = [filters, *([STILL] if behind else [])]
    return f"""
        select mint, value from (
            select tokens.*, value from walked_0 join tokens on tokens.mint = walked_0.mint
        ) as tokens where {" and ".join(conditions)} order by value desc, mint
    """


def _bounded(filters: str, *, behind: bool, held: bool) -> str:
    """Those of the list: there may be few among all that traded, so all their cards are read."""
    source = f"""(
        select {_CARD}, bounded.volume_quote, bounded.trades, most, least
        from bounded join tokens on tokens.mint = bounded.mint
    )"""
    if held:
        source = with_holders(source)
    conditions = [filters, *([_BEHIND, STILL] if behind else [])]
    return f"""
        select mint, most as value from {source} as tokens
        where {" and ".join(conditions)} order by most desc, mint
    """


def _changed(walked: str, *, behind: bool) -> str:
    return f"""(
        select mint, change as value{FIGURES} from (
            select tokens.mint, sums.close / sums.open - 1 as change, {_UNMOVED}
            from {walked} as tokens cross join lateral {of_token("tokens.mint")} as sums
        ) as tokens where {behind_place("change", "float8") if behind else "true"} order by {_LAST}
    )"""


def _moved(branch: Branch, sort: ListSort, filters: str, *, held: bool) -> str:
    source = "windowed_moved"
    if sort == "change":
        source = f"""(
            select moved.*, coalesce(moved.last_price, sums.close) / sums.open - 1 as change
            from windowed_moved as moved cross join lateral {of_token("moved.mint")} as sums
        )"""
    if held:
        source = with_holders(source)
    conditions = [filters, *behind_page(branch, kind_of(sort))]
    return f"""(
        select mint, {branch.value} as value{FIGURES} from {source} as tokens
        where {" and ".join(conditions)} order by {_LAST}
    )"""
