"""Counts a token's windows from its trades, when they are asked for."""

from collections.abc import Sequence
from typing import TypeVar

from adapters.postgres.asking import INT64_MAX, asking, can_be_asked, int64, rows_of
from adapters.postgres.pool import Pool
from adapters.postgres.window_sums import (
    COUNTED,
    FIRST_PRICED,
    LAST_PRICED,
    OPENING,
    PRICED,
    WITH_WALLETS,
    Wallets,
    beyond,
    older,
    price_at,
)
from projections.window_reads import (
    LENGTHS_S,
    REACH_S,
    SumsRow,
    TokenSums,
    TokenWindows,
    WindowRow,
)

# ruff: noqa: S608  # the program's own text only

Row = TypeVar("Row", bound=SumsRow)

NEWEST = """
    select greatest((
        select last_trade_time_s from tokens
        order by coalesce(last_trade_pos, -1) desc, mint limit 1
    ), (
        select created_time_s from tokens
        order by coalesce(created_time_s, -1) desc, mint limit 1
    ))
"""
"""The time of the last trade on the chain or of the newest launch, whichever is later."""

_COUNTS = """
    mint = $1 and canonical and pos <= $4 and block_time_s <= (select as_of_s from clock)
"""


def _statement(wallets: Wallets) -> str:
    return f"""
    with clock as (select coalesce($2::bigint, ({NEWEST})) as as_of_s),
    -- What was let go of: nothing is known of windows that reach there, and of a token whose first
    -- trade is gone, nobody knows the price before a window.
    horizon as (
        select max(complete_from_s) as complete_from_s,
            coalesce(max(pos) > (select first_trade_pos from tokens where mint = $1), false)
                as first_is_gone
        from horizons where name = 'trades'
    ),
    -- Back by the key alone to the first trade that is older than any window.
    bound as (
        select pos from trades
        where {_COUNTS} and {older("$1", "(select as_of_s from clock)")}
        order by pos desc limit 1
    ),
    recent as (
        select side, trader, quote_amount, {PRICED},
            {beyond("(select as_of_s from clock) - block_time_s", "$3::bigint[]")}
        from trades where {_COUNTS} and pos >= coalesce((select pos from bound), 0)
    ),
    sums as materialized (
        select side, beyond, count(*) as trades, sum(quote_amount) as amount,
            min(priced) as first_priced, max(priced) as last_priced
        from recent group by side, beyond
    ){wallets.part}
    select as_of_s, length_s, counted.*{wallets.columns},
        coalesce(
            {price_at("$1", "opening_pos")},
            case when not first_is_gone then {price_at("$1", f"({FIRST_PRICED})")} end
        ) as opening_price,
        opening_pos is null and not first_is_gone as since_first_trade,
        {price_at("$1", f"({LAST_PRICED})")} as closing_price
    from clock cross join horizon
    cross join unnest($3::bigint[]) with ordinality as lengths (length_s, place)
    cross join lateral ({COUNTED}) as counted
    {wallets.join}
    cross join lateral ({OPENING}) as opening
    where as_of_s is not null
        and (complete_from_s is null or as_of_s - {REACH_S} >= complete_from_s)
    order by place
"""


SUMS, WINDOWS = _statement(Wallets()), _statement(WITH_WALLETS)
"""Without wallets, and with them. Each takes the mint, the time or null, the windows' lengths in
rising order, and a last position."""


class TimedSums(SumsRow, frozen=True, kw_only=True, gc=False):
    """A window with its end."""

    as_of_s: int


class TimedWindow(WindowRow, frozen=True, kw_only=True, gc=False):
    """The same with its wallets."""

    as_of_s: int


class PostgresWindows:
    """The port `projections.window_reads.WindowReads`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def windows(
        self, mint: str, *, as_of_s: int | None = None, pos: int | None = None
    ) -> TokenWindows | None:
        """What was traded in (as_of_s - length, as_of_s], counted when it is asked.

        With a position, of the trades up to there. Without a time it is the tokens read model's
        newest, None where that knows none, and where trades that it would need were let go of.
        """
        if not can_be_asked(mint):
            return None
        as_of = None if as_of_s is None else int64(as_of_s)
        last = INT64_MAX if pos is None else int64(pos)
        async with asking(self._pool) as connection:
            rows = await rows_of(connection, TimedWindow, WINDOWS, mint, as_of, LENGTHS_S, last)
        return token_windows(rows) if rows else None


def token_windows(rows: Sequence[TimedWindow]) -> TokenWindows:
    """A token's windows from their rows, of which there is one at least."""
    return TokenWindows(as_of_s=rows[0].as_of_s, rows=[_untimed(WindowRow, row) for row in rows])


def token_sums(rows: Sequence[TimedSums]) -> TokenSums:
    """The same without wallets."""
    return TokenSums(as_of_s=rows[0].as_of_s, rows=[_untimed(SumsRow, row) for row in rows])


def _untimed(kind: type[Row], timed: Row) -> Row:
    return kind(**{name: getattr(timed, name) for name in kind.__struct_fields__})
