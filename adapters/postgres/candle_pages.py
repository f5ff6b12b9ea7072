"""Pages of candles: many candles of a token in one row, which is how a load keeps them.

A candle that is its longer neighbour, too, as where a token traded in one second of a minute only,
is there once, with all the lengths that it stands for. Whoever reads sees rows: `candles` is a view
of plain rows and pages. What is to be changed is taken out of its page first.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import pyarrow as pa

from adapters.postgres.binary_copy import fixed, rows_of, sliced, texts
from adapters.postgres.pool import Connection
from adapters.postgres.upsert import Upsert
from projections.candle_columns import (
    LENGTHS_S,
    SECONDS_MAX,
    VOLUMES,
    Closed,
    Column,
    Rows,
    is_held,
    volume,
)
from projections.candles import Key

# ruff: noqa: S608  # the program's own names only

PAGE_CANDLES_MAX = 70
"""So a page fits in a block of the table."""
PAGES_TOGETHER = 2_048
"""So many are encoded at a time."""

_NUMBERS = ("", "open_pos", "close_pos", "high_pos", "low_pos", *VOLUMES, "")
"""What stands for a candle in `numbers`: first when and how long, last its buys and sells."""
_PRICES = ("open", "close", "high", "low")
WIDTH, PRICES = len(_NUMBERS), len(_PRICES)
"""So many numbers and prices stand for a candle."""
COLUMNS = (
    *("mint", "from_s", "until_s", "shortest_s", "longest_s", "number", "numbers", "prices"),
)
"""A page's columns, as they are copied."""

PAGES = Upsert(
    "candle_pages",
    {
        "mint": "text",
        "from_s": "bigint",
        "until_s": "bigint",
        "shortest_s": "integer",
        "longest_s": "integer",
        "number": "bigint",
    },
    key=("mint", "until_s", "from_s", "shortest_s", "longest_s", "number"),
    action="nothing",
)
ENDS = Upsert(
    "candle_page_ends",
    {"interval_s": "integer", "until_s": "bigint"},
    key=("interval_s",),
    action="update set until_s = greatest(kept.until_s, excluded.until_s)",
)

_LEVELS = ", ".join(f"({number}, {length_s})" for number, length_s in enumerate(LENGTHS_S))


def _rows_of(pages: str) -> str:
    """The candles of some pages, in the order of the columns of `candle_rows`."""

    def number(place: int) -> str:
        return f"page.numbers[{WIDTH} * place + {place + 1}]"

    at = {name: number(place) for place, name in enumerate(_NUMBERS) if name}
    at |= {
        name: f"page.prices[{PRICES} * place + {place + 1}]" for place, name in enumerate(_PRICES)
    }
    head, counts = number(0), number(WIDTH - 1)
    return f"""
    select page.mint, level.interval_s,
        ({head} >> 8) - ({head} >> 8) % level.interval_s as start_s,
        {at["open_pos"]} as open_pos, {at["open"]} as open,
        {at["close_pos"]} as close_pos, {at["close"]} as close,
        {at["high"]} as high, {at["low"]} as low,
        {at["volume_quote"]}::numeric as volume_quote,
        {at["volume_token"]}::numeric as volume_token,
        {counts} >> 32 as buys, {counts} & 4294967295 as sells,
        {at["high_pos"]} as high_pos, {at["low_pos"]} as low_pos,
        {at["volume_quote_buy"]}::numeric as volume_quote_buy
    from {pages} as page
    cross join generate_series(0, cardinality(page.prices) / {PRICES} - 1) as place
    join (values {_LEVELS}) as level (number, interval_s)
        on level.number between ({head} >> 4) & 15 and {head} & 15
    """


VIEW = f"select * from candle_rows union all {_rows_of('candle_pages')}"
"""All candles, as rows; the migration that makes the first view says the same."""


def starting_in(interval_s: str, from_s: str, to_s: str, *, mint: str | None = None) -> str:
    """A source of the candles of an interval that start in [from_s, to_s), of one token or all.

    The same as `candles` with these conditions, from no other pages than those that may hold such
    candles. What is given is text of the statement.
    """
    started = f"interval_s = {interval_s} and start_s >= {from_s} and start_s < {to_s}"
    pages = f"""(
        select * from candle_pages where until_s > {from_s}
            and from_s < least({to_s}, {SECONDS_MAX}) + {interval_s}
            and {interval_s} between shortest_s and longest_s{_of(mint)}
    )"""
    return f"""(
        select * from candle_rows where {started}{_of(mint)}
        union all select * from ({_rows_of(pages)}) as paged where {started}
    )"""


def _of(mint: str | None) -> str:
    return "" if mint is None else f" and mint = {mint}"


_ENDS = "select interval_s, until_s - interval_s as last_start_s from candle_page_ends"
_ASKED = """
    select distinct mint, interval_s, start_s
    from unnest($1::text[], $2::integer[], $3::bigint[]) as asked (mint, interval_s, start_s)
"""
_TAKE_APART = f"""
    page as (
        delete from candle_pages as kept using asked
        where kept.mint = asked.mint and kept.until_s > asked.start_s
            and kept.from_s < asked.start_s + asked.interval_s
            and asked.interval_s between kept.shortest_s and kept.longest_s
        returning kept.*
    )
    insert into candle_rows (
        mint, interval_s, start_s, open_pos, open, close_pos, close, high, low, volume_quote,
        volume_token, buys, sells, high_pos, low_pos, volume_quote_buy
    )
    {_rows_of("page")}
"""


async def take_apart(connection: Connection, keys: Sequence[Key]) -> None:
    """Make plain rows of the pages that may hold any of these candles.

    Costs one short question unless a candle is as old as the pages are. Runs inside the caller's
    transaction.
    """
    last = dict(map(tuple, await connection.fetch(_ENDS)))
    if not last:
        return
    old = [key for key in keys if key[2] <= last.get(key[1], -1)]
    if old:
        await connection.execute(
            f"with asked as ({_ASKED}), {_TAKE_APART}", *map(list, zip(*old, strict=True))
        )


async def take_apart_for(connection: Connection, keys: str) -> None:
    """The same for all candles whose keys a query gives, wherever the pages end."""
    await connection.execute(f"with asked as ({keys}), {_TAKE_APART}")


class Paged(msgspec.Struct, frozen=True):
    """Candles as pages, and those that are left."""

    pages: int
    candles: int
    """In the pages."""
    ends: dict[int, int]
    """The end of each interval's last candle, in seconds."""
    chunks: Sequence[bytes]
    """Some pages each, as `binary_copy.copied` sends them."""
    held: Closed
    """All that are in the pages."""
    left: Closed
    """Candles of which 64 bits do not hold a volume."""


def paged(closed: Closed, *, number: int) -> Paged:
    """Candles as pages, numbered from `number` on."""
    bodies, held, left = _bodies(closed), closed, msgspec.structs.replace(closed, levels={})
    if not _fits(bodies.rows).all():
        fits = _fits(closed.rows)
        held, left = _divided(closed, fits), _divided(closed, ~fits)
        bodies = _bodies(held)
    ends = {}
    for length_s, places in held.levels.items():
        if len(places):
            last_s = int(closed.rows["start_s"].take(places).max())
            ends[length_s] = last_s - last_s % length_s + length_s
    made = list(_encoded(closed.mints, bodies, number)) if len(held) else []
    pages = sum(count for count, _ in made)
    return Paged(pages, len(held), ends, [it for _, it in made], held, left)


def _fits(rows: Rows) -> Column:
    """Of each candle whether 64 bits hold its volumes, and 32 its counts."""
    found: Column = (rows["buys"] | rows["sells"]) < 1 << 31
    for name in VOLUMES:
        found &= is_held(rows, name)
    return found


def _divided(closed: Closed, which: Column) -> Closed:
    """Those candles of which a condition holds."""
    levels = {it: of.compress(which.take(of)) for it, of in closed.levels.items()}
    return msgspec.structs.replace(closed, levels=levels)


class _Bodies(msgspec.Struct, frozen=True):
    """Candles, each once, by mint, with the first and the last interval that they stand for.

    Intervals are places among all.
    """

    rows: Rows
    shortest: Column
    longest: Column


def _bodies(held: Closed) -> _Bodies:
    # Of each row the last interval in which it was met, and its place among all bodies.
    met = np.full(len(held.rows), -2)
    body = np.empty(len(held.rows), np.int64)
    longest = np.empty(len(held), np.int64)
    fresh: list[Column] = []
    count = 0
    for level, length_s in enumerate(LENGTHS_S):
        places = held.levels[length_s]
        # What was let go of may be missing between a shorter interval and a longer one.
        fresh.append(places.compress(met.take(places) != level - 1))
        body[fresh[-1]] = np.arange(count, count + len(fresh[-1]))
        count += len(fresh[-1])
        met[places] = level
        longest[body.take(places)] = level
    every, shortest = np.concatenate(fresh), np.repeat(np.arange(len(fresh)), list(map(len, fresh)))
    order = np.argsort(held.rows["mint"].take(every), kind="stable")
    rows, shortest = held.rows.take(every.take(order)), shortest.take(order)
    rows["start_s"] -= rows["start_s"] % np.array(LENGTHS_S).take(shortest)
    return _Bodies(rows, shortest, longest.take(order))


_INT8, _FLOAT8 = 20, 701
"""OIDs of the arrays' elements."""
_NUMBER = np.dtype([("length", ">i4"), ("value", ">i8")])
_PRICE = np.dtype([("length", ">i4"), ("value", ">f8")])
_SPAN = np.dtype(
    [
        *(("from_length", ">i4"), ("from_s", ">i8"), ("until_length", ">i4"), ("until_s", ">i8")),
        *(("shortest_length", ">i4"), ("shortest_s", ">i4")),
        *(("longest_length", ">i4"), ("longest_s", ">i4")),
        *(("number_length", ">i4"), ("number", ">i8")),
    ]
)
_ARRAY = np.dtype(
    [
        *(("length", ">i4"), ("dimensions", ">i4"), ("nulls", ">i4"), ("kind", ">i4")),
        *(("count", ">i4"), ("lower", ">i4")),
    ]
)


def _encoded(mints: pa.Array, bodies: _Bodies, number: int) -> Iterator[tuple[int, bytes]]:
    """Some pages at a time: how many, and as a binary COPY has them."""
    rows, count = bodies.rows, len(bodies.rows)
    mint, start_s = np.ascontiguousarray(rows["mint"]), np.ascontiguousarray(rows["start_s"])
    begins = np.ones(count, bool)
    begins[1:] = mint[1:] != mint[:-1]
    firsts = np.flatnonzero(begins)
    place = np.arange(count) - np.repeat(firsts, np.diff(firsts, append=count))
    firsts = np.flatnonzero(place % PAGE_CANDLES_MAX == 0)
    sizes = np.diff(firsts, append=count)
    lengths = np.array(LENGTHS_S, np.int64)
    # All that a candle traded lies in the shortest of the times that it stands for.
    until_s = start_s + lengths[bodies.shortest]
    span = np.empty(len(firsts), _SPAN)
    for name, values in (
        ("from", np.minimum.reduceat(start_s, firsts)),
        ("until", np.maximum.reduceat(until_s, firsts)),
        ("shortest", lengths[np.minimum.reduceat(bodies.shortest, firsts)]),
        ("longest", lengths[np.maximum.reduceat(bodies.longest, firsts)]),
        ("number", np.arange(number, number + len(firsts))),
    ):
        field = name if name == "number" else f"{name}_s"
        span[f"{name}_length"] = span.dtype[field].itemsize
        span[field] = values
    lengths_of, names = texts(mints.take(pa.array(mint[firsts])))
    for at in range(0, len(firsts), PAGES_TOGETHER):
        some = slice(at, at + PAGES_TOGETHER)
        first, last = int(firsts[at]), int(firsts[some][-1] + sizes[some][-1])
        begin, sent = firsts[some] - first, slice(first, last)
        yield (
            len(begin),
            rows_of(
                len(COLUMNS),
                lengths_of[some],
                names[some],
                fixed(span[some]),
                fixed(_array_head(sizes[some] * len(_NUMBERS), _INT8, _NUMBER)),
                sliced(_numbers(bodies, sent), begin, last - first),
                fixed(_array_head(sizes[some] * len(_PRICES), _FLOAT8, _PRICE)),
                sliced(_prices(rows[sent]), begin, last - first),
            ),
        )


def _numbers(bodies: _Bodies, some: slice) -> Column:
    rows, shortest, longest = bodies.rows[some], bodies.shortest[some], bodies.longest[some]
    made = np.empty((len(rows), len(_NUMBERS)), _NUMBER)
    made["length"], values = 8, made["value"]
    values[:, 0] = (rows["start_s"] << 8) + (shortest << 4) + longest
    values[:, -1] = (rows["buys"] << 32) + rows["sells"]
    for place, name in enumerate(_NUMBERS):
        if name:
            values[:, place] = volume(rows, name) if name in VOLUMES else rows[name]
    return made


def _prices(rows: Rows) -> Column:
    made = np.empty((len(rows), len(_PRICES)), _PRICE)
    made["length"] = 8
    for place, name in enumerate(_PRICES):
        made["value"][:, place] = rows[name]
    return made


def _array_head(counts: Column, kind: int, element: np.dtype[np.void]) -> Column:
    """What comes before the elements of arrays, lengths included."""
    head = np.empty(len(counts), _ARRAY)
    head["length"] = counts * element.itemsize + _ARRAY.itemsize - 4
    head["dimensions"], head["nulls"], head["kind"] = 1, 0, kind
    head["count"], head["lower"] = counts, 1
    return head
