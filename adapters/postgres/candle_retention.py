"""Lets go of old candles of short intervals on purpose, and notes up to where.

Plain rows are deleted. A page is written anew without what goes: a candle that stands for several
lengths stays as long as one of them is kept.
"""

import asyncio
from collections.abc import Mapping

import msgspec

from adapters.postgres.candle_pages import PAGES, PRICES, WIDTH
from adapters.postgres.candles import CandleStore
from adapters.postgres.compression import DAY_S
from adapters.postgres.horizons import candles_from, let_go
from adapters.postgres.pool import Connection
from adapters.postgres.retention import (
    BATCH_PAGES,
    Told,
    Trimmed,
    Trimming,
    alone,
    is_hypertable,
    pages_of,
)
from projections.candle_columns import LENGTHS_S
from projections.reads import INTERVALS_S
from projections.retention import Keeping

# ruff: noqa: S608  # the program's own names and numbers only

NOTED_WAIT_S = 5.0
"""From the note to the first row that goes: who asked before the note has read its rows by then."""

_ROWS = CandleStore.tables[0].table
_NEWEST = "select least(max(start_s), extract(epoch from now())::bigint) from candle_hours"
"""A block whose time is wrong lets nothing go."""
_ALONE = (
    "select from checkpoint_parts where name = $1 order by part for update",
    "select from checkpoints where name = $1 for update",
)
_NOTE = """
    insert into horizons as kept (name, pos, complete_from_s, interval_s)
    select $1, 0, from_s, interval_s
    from unnest($2::integer[], $3::bigint[]) as asked (interval_s, from_s)
    on conflict (name, interval_s) do update
        set complete_from_s = greatest(kept.complete_from_s, excluded.complete_from_s)
"""


async def trim_candles(dsn: str, keep: Keeping, *, told: Told = lambda _: None) -> Trimmed:
    """Let go of candles that are so many days older than the newest one, by their interval.

    Whole days in UTC go. `told` is given how far it is, where anything may be removed. Whoever
    reads or writes goes on. Who is interrupted goes on when called again. Raises `TrimError` while
    candles are being compared or built anew, and `DatabaseUnreachableError`.
    """
    name = CandleStore.name
    async with alone(dsn, name) as connection:
        newest_s: int | None = await connection.fetchval(_NEWEST)
        removed = 0
        if newest_s is not None and keep:
            today_s = newest_s - newest_s % DAY_S
            since = {length_s: today_s - days * DAY_S for length_s, days in keep.items()}
            noted = await candles_from(connection)
            since = {
                it: max(since.get(it, 0), noted.get(it, 0)) for it in since.keys() | noted.keys()
            }
            if await _any(connection, since):
                await _note(connection, name, since)
                # Whoever noted the same before may have been stopped just now.
                await asyncio.sleep(NOTED_WAIT_S)
                removed = await _Removing(connection, since, told).run()
        horizons = await candles_from(connection)
    names = {length_s: interval for interval, length_s in INTERVALS_S.items()}
    return Trimmed(
        name=name,
        rows=removed,
        complete_from_s=max(horizons.values(), default=None),
        intervals_from_s={names[it]: from_s for it, from_s in sorted(horizons.items())},
    )


async def _any(connection: Connection, since: Mapping[int, int]) -> bool:
    """Whether anything may have to go."""
    found: bool = await connection.fetchval(
        f"select exists (select from {_ROWS} where {let_go(since)})"
        f" or exists (select from {PAGES.table} as page where {_may_hold(since)})"
    )
    return found


async def _note(connection: Connection, name: str, since: Mapping[int, int]) -> None:
    """Say what is let go of, once no save is under way that had not been told."""
    async with connection.transaction():
        for lock in _ALONE:
            await connection.execute(lock, name)
        await connection.execute(_NOTE, name, list(since), list(since.values()))


def _may_hold(since: Mapping[int, int]) -> str:
    """The condition of a page in which something may be let go of."""
    each = (
        f"page.shortest_s <= {length_s} and page.from_s < {from_s}"
        for length_s, from_s in since.items()
    )
    return f"({' or '.join(each)})"


def _page_bodies(place: str, cut: str) -> str:
    """What stands at a place in a page: from which to which level it is kept, of what was."""
    return f"""
        cross join lateral (select page.numbers[{WIDTH} * ({place}) + 1] as head) as first
        cross join lateral (
            select (head >> 4) & 15 as was, head & 15 as longest,
                greatest((head >> 4) & 15, {cut}) as shortest
        ) as body
    """


def _rewriting(since: Mapping[int, int]) -> str:
    """The statement that writes the pages of some blocks anew; gives how many candles went.

    A page that is being taken apart just now is left alone: its candles become plain rows.
    """
    # What goes of a candle is its shortest lengths, since none is kept longer than a longer one.
    cut = " + ".join(f"((head >> 8) < {from_s})::integer" for from_s in since.values())
    seconds = f"(array[{', '.join(map(str, LENGTHS_S))}])"
    head = "((head >> 8) << 8) + (shortest << 4) + longest"
    numbers, prices = f"number / {WIDTH}", f"price / {PRICES}"
    return f"""
    with page as materialized (
        select ctid as at, numbers, prices from {PAGES.table} as page
        where ctid >= $1::text::tid and ctid < $2::text::tid and {_may_hold(since)}
        for update skip locked
    ), made as materialized (
        select page.at, counted.*,
            array(
                select case when number % {WIDTH} = 0 then {head} else page.numbers[number + 1] end
                from generate_series(0, cardinality(page.numbers) - 1) as number
                {_page_bodies(numbers, cut)}
                where shortest <= longest order by number
            ) as numbers,
            array(
                select page.prices[price + 1]
                from generate_series(0, cardinality(page.prices) - 1) as price
                {_page_bodies(prices, cut)}
                where shortest <= longest order by price
            ) as prices
        from page cross join lateral (
            select sum(least(shortest, longest + 1) - was) as removed,
                {seconds}[min(shortest) filter (where shortest <= longest) + 1] as shortest_s,
                {seconds}[max(longest) filter (where shortest <= longest) + 1] as longest_s
            from generate_series(0, cardinality(page.prices) / {PRICES} - 1) as place
            {_page_bodies("place", cut)}
        ) as counted
        where removed > 0
    ), emptied as (
        delete from {PAGES.table} as kept using made
        where kept.ctid >= $1::text::tid and kept.ctid < $2::text::tid
            and kept.ctid = made.at and made.shortest_s is null
    ), written as (
        update {PAGES.table} as kept set numbers = made.numbers, prices = made.prices,
            shortest_s = made.shortest_s, longest_s = made.longest_s
        from made
        where kept.ctid >= $1::text::tid and kept.ctid < $2::text::tid
            and kept.ctid = made.at and made.shortest_s is not null
    )
    select coalesce(sum(removed), 0)::bigint from made
    """


_UNLIMITED = """
    select set_config(name, '0', false) from pg_settings
    where name = 'timescaledb.max_tuples_decompressed_per_dml_transaction'
"""
"""Who deletes of a compressed part unpacks what it touches; older servers have no limit on that."""


class _Removing:
    """Removes what is noted to be let go of, in transactions of some blocks."""

    def __init__(self, connection: Connection, since: Mapping[int, int], told: Told) -> None:
        self._connection = connection
        # By level, which is the order in which lengths of a candle go.
        self._since = dict(sorted(since.items()))
        self._told = told
        self._at = Trimming(
            name=CandleStore.name, rows=None, before_s=max(since.values()), removed=0
        )

    async def run(self) -> int:
        """How many candles went."""
        self._told(self._at)
        pages = await pages_of(self._connection, PAGES.table)
        rows = await pages_of(self._connection, _ROWS)
        self._at = msgspec.structs.replace(self._at, pages=pages + rows)
        await self._rewrite(pages)
        # What was taken out of pages meanwhile is among the rows.
        rows = await pages_of(self._connection, _ROWS)
        self._at = msgspec.structs.replace(self._at, pages=pages + rows)
        if await is_hypertable(self._connection, _ROWS):
            await self._delete_by_days()
        else:
            await self._delete(rows)
        return self._at.removed

    async def _rewrite(self, pages: int) -> None:
        statement = _rewriting(self._since)
        for start in range(0, pages, BATCH_PAGES):
            end = min(start + BATCH_PAGES, pages)
            gone = await self._connection.fetchval(statement, f"({start},0)", f"({end},0)")
            self._tell(gone, end - start)

    async def _delete(self, pages: int) -> None:
        for start in range(0, pages, BATCH_PAGES):
            end = min(start + BATCH_PAGES, pages)
            status = await self._connection.execute(
                f"delete from {_ROWS} where ctid >= '({start},0)'::tid"
                f" and ctid < '({end},0)'::tid and {let_go(self._since)}"
            )
            self._tell(_count(status), end - start)

    async def _delete_by_days(self) -> None:
        """Of parts that hold all intervals, of which some may be compressed."""
        await self._connection.execute(_UNLIMITED)
        first_s: int | None = await self._connection.fetchval(
            f"select min(start_s) from {_ROWS} where {let_go(self._since)}"
        )
        if first_s is None:
            return
        for day_s in range(first_s - first_s % DAY_S, max(self._since.values()), DAY_S):
            status = await self._connection.execute(
                f"delete from {_ROWS} where start_s >= $1 and start_s < $2"
                f" and {let_go(self._since)}",
                day_s,
                day_s + DAY_S,
            )
            self._tell(_count(status), 0)

    def _tell(self, removed: int, pages: int) -> None:
        at = self._at
        self._at = msgspec.structs.replace(
            at, removed=at.removed + removed, pages_done=at.pages_done + pages
        )
        self._told(self._at)


def _count(status: str) -> int:
    return int(status.removeprefix("DELETE "))
