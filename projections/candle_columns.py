"""Candles as columns of numbers, folded a hundred times faster than one after the other.

For rebuilds from the archive. The rows are those of the event-by-event core to the last bit: see
`fill_columns` for prices; volumes are added up in two halves of 32 bits, which no sum overflows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from projections.candles import Candle, Key
from projections.reads import INTERVALS_S

LENGTHS_S: Sequence[int] = sorted(INTERVALS_S.values())
SECONDS_MAX = 1 << 33
"""Seconds since 1970 are below this in columns, so that mint and second are one number."""

Column: TypeAlias = npt.NDArray[Any]
Columns: TypeAlias = Mapping[str, Column]
"""Columns of the same length."""
Rows: TypeAlias = npt.NDArray[np.void]
"""Candles, as `ROW` has them: all of one lies together, since rows are picked and put in order far
more often than columns are looked at."""

VOLUMES = ("volume_quote", "volume_quote_buy", "volume_token")
_SUMS = (*(f"{name}{half}" for name in VOLUMES for half in ("_high", "_low")), "buys", "sells")
_INTEGERS = ("mint", "start_s", "open_pos", "close_pos", "high_pos", "low_pos", *_SUMS)
_PRICES = ("open", "close", "high", "low")
ROW = np.dtype(
    [*((name, np.int64) for name in _INTEGERS), *((name, np.float64) for name in _PRICES)]
)
"""`mint`, a place in some array of mints, `start_s`, and a candle's fields.

A volume is two of them, its `_high` times 2^32 and its `_low`.
"""
_HALF_BITS = 32
_HALF = (1 << _HALF_BITS) - 1
_EVER_S = 1 << 62
_BYTES = np.dtype((np.void, ROW.itemsize))
_LAST_POS = np.iinfo(np.int64).max


class Framed(msgspec.Struct, frozen=True):
    """Some candles of one interval, at most one of a mint and a start."""

    mints: pa.Array
    """Those that `mint` is a place in; more may be there."""
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)


class Closed(msgspec.Struct, frozen=True):
    """Candles of all intervals."""

    mints: pa.Array
    rows: Rows
    """Those of any interval; a candle that is its longer neighbour, too, is there once."""
    levels: Mapping[int, Column]
    """By the interval's length in seconds, places in `rows`, in the order of mint and start."""
    late: Sequence[tuple[int, Framed]] = ()
    """Parts of candles that were handed out before, each with its interval's length in seconds."""

    def __len__(self) -> int:
        return sum(map(len, self.levels.values()))

    def of(self, length_s: int) -> Framed:
        """The candles of an interval."""
        return Framed(self.mints, _of_interval(self.rows.take(self.levels[length_s]), length_s))


def finest(trades: Columns, mints: pa.Array) -> Framed:
    """The candles of the shortest interval, of trades.

    `trades` has `mint`, `start_s`, which is its second, `pos`, `price`, `quote_amount`,
    `token_amount` and `bought`.
    """
    pos, start_s = trades["pos"], trades["start_s"] - trades["start_s"] % LENGTHS_S[0]
    key = trades["mint"] * SECONDS_MAX + start_s
    rising = (pos[1:] > pos[:-1]).all()
    order = np.argsort(key, kind="stable") if rising else np.lexsort((pos, key))
    firsts, sizes = _groups(key.take(order))
    made = np.empty(len(firsts), ROW)
    if not len(made):
        return Framed(mints, made)
    pos, price, bought = (trades[name].take(order) for name in ("pos", "price", "bought"))
    lasts = firsts + sizes - 1
    made["mint"], made["start_s"] = trades["mint"][order[firsts]], start_s[order[firsts]]
    for name, places in (("open", firsts), ("close", lasts)):
        made[f"{name}_pos"], made[name] = pos[places], price[places]
    for name, choose in (("high", np.maximum), ("low", np.minimum)):
        made[name] = choose.reduceat(price, firsts)
        there = price == np.repeat(made[name], sizes)
        made[f"{name}_pos"] = np.minimum.reduceat(np.where(there, pos, _LAST_POS), firsts)
    quote, token = trades["quote_amount"].take(order), trades["token_amount"].take(order)
    for name, values in zip(VOLUMES, (quote, quote * bought, token), strict=True):
        made[f"{name}_high"] = np.add.reduceat(values >> _HALF_BITS, firsts)
        made[f"{name}_low"] = np.add.reduceat(values & _HALF, firsts)
    made["buys"] = np.add.reduceat(bought.astype(np.int64), firsts)
    made["sells"] = sizes - made["buys"]
    return Framed(mints, made)


def framed(candles: Mapping[Key, Candle], length_s: int) -> Framed:
    """Those candles of an interval that the event-by-event core has made; see `fits`."""
    found = {key: candle for key, candle in candles.items() if key[1] == length_s}
    places = {mint: place for place, mint in enumerate(dict.fromkeys(key[0] for key in found))}
    rows = np.empty(len(found), ROW)
    rows["mint"] = [places[key[0]] for key in found]
    rows["start_s"] = [key[2] for key in found]
    for name in Candle.__struct_fields__:
        values = [getattr(candle, name) for candle in found.values()]
        if name in VOLUMES:
            rows[f"{name}_high"] = [it >> _HALF_BITS for it in values]
            rows[f"{name}_low"] = [it & _HALF for it in values]
        else:
            rows[name] = values
    return Framed(pa.array(places, pa.string()), rows)


def apart(candles: Mapping[Key, Candle]) -> Sequence[tuple[int, Framed]]:
    """Candles of all intervals as parts of candles; their times may be any."""
    if not candles:
        return []
    levels = ((length_s, framed(candles, length_s)) for length_s in LENGTHS_S)
    return [(length_s, found) for length_s, found in levels if len(found)]


def fits(key: Key) -> bool:
    """Whether a candle's time can be folded in columns."""
    return 0 <= key[2] < SECONDS_MAX - LENGTHS_S[-1]


def unframed(mints: pa.Array, rows: Rows, length_s: int) -> dict[Key, Candle]:
    """Candles of an interval as the event-by-event core has them."""
    values = []
    for name in Candle.__struct_fields__:
        if name in VOLUMES:
            halves = rows[f"{name}_high"].tolist(), rows[f"{name}_low"].tolist()
            values.append([(high << _HALF_BITS) + low for high, low in zip(*halves, strict=True)])
        else:
            values.append(rows[name].tolist())
    starts = rows["start_s"].tolist()
    return {
        (mint, length_s, start_s): Candle(*row)
        for mint, start_s, *row in zip(named(mints, rows).to_pylist(), starts, *values, strict=True)
    }


def named(mints: pa.Array, rows: Rows) -> pa.Array:
    """Each row's mint."""
    return mints.take(pa.array(np.ascontiguousarray(rows["mint"])))


def unclosed(closed: Closed) -> dict[Key, Candle]:
    """All candles but for late parts, as the event-by-event core has them."""
    found: dict[Key, Candle] = {}
    for length_s in closed.levels:
        found |= unframed(closed.mints, closed.of(length_s).rows, length_s)
    return found


def volume(rows: Rows, name: str) -> Column:
    """A volume's values, each wrong where 64 bits do not hold it."""
    found: Column = (rows[f"{name}_high"] << _HALF_BITS) + rows[f"{name}_low"]
    return found


def is_held(rows: Rows, name: str) -> Column:
    """Of each of a volume's values whether 64 bits hold it."""
    found: Column = rows[f"{name}_high"] + (rows[f"{name}_low"] >> _HALF_BITS) < 1 << 31
    return found


def picked(rows: Rows, which: Column) -> Rows:
    """Those of which a condition holds, in their order."""
    return rows if which.all() else rows.take(np.flatnonzero(which))


def _merged(rows: Rows, sizes: Column) -> Rows:
    """Some rows at a time put together, in the order of neither; starts are the first one's."""
    parts = _Parts(rows, sizes)
    made = parts.firsts()
    for price, choose in (("open", np.minimum), ("close", np.maximum)):
        made[f"{price}_pos"], made[price] = parts.at_the(choose, f"{price}_pos", price)
    for price, choose in (("high", np.maximum), ("low", np.minimum)):
        made[price], made[f"{price}_pos"] = parts.reached(choose, price, f"{price}_pos")
    for name in _SUMS:
        made[name] = parts.sum(name)
    return made


class _Parts:
    """Rows that are put together in groups, each group's in a row."""

    def __init__(self, rows: Rows, sizes: Column) -> None:
        self._rows = rows
        self._group = np.repeat(np.arange(len(sizes)), sizes)
        self._begin = np.cumsum(sizes) - sizes

    def firsts(self) -> Rows:
        """Each group's first row."""
        return self._rows.take(self._begin)

    def at_the(self, choose: np.ufunc, pos: str, price: str) -> tuple[Column, Column]:
        """Each group's first or last position, and the price there."""
        places = self._rows[pos]
        chosen = choose.reduceat(places, self._begin)
        found = np.flatnonzero(places == chosen[self._group])
        worth = np.empty(len(chosen), np.float64)
        worth[self._group[found]] = self._rows[price][found]
        return chosen, worth

    def reached(self, choose: np.ufunc, price: str, pos: str) -> tuple[Column, Column]:
        """Each group's extreme price, and the lowest position at which it was reached."""
        prices = self._rows[price]
        chosen = choose.reduceat(prices, self._begin)
        there = np.where(prices == chosen[self._group], self._rows[pos], _LAST_POS)
        return chosen, np.minimum.reduceat(there, self._begin)

    def sum(self, name: str) -> Column:
        """Each group's sum of a field."""
        found: Column = np.add.reduceat(self._rows[name], self._begin)
        return found


class _Folding:
    """Rows, and those that are made of them."""

    def __init__(self, rows: Sequence[Rows], renamed: Column) -> None:
        """`renamed` has the mints of the last rows, whichever they name."""
        self._count = sum(map(len, rows))
        # As plain bytes, which need not be copied field by field.
        self._held = np.empty(2 * self._count, _BYTES)
        np.concatenate([it.view(_BYTES) for it in rows], out=self._held[: self._count])
        self.rows["mint"][self._count - len(renamed) :] = renamed
        self._mint, self._start_s = (self._held.view(ROW)[it].copy() for it in ("mint", "start_s"))

    @property
    def rows(self) -> Rows:
        """All rows."""
        return self._held[: self._count].view(ROW)

    def start_s(self, places: Column, length_s: int) -> Column:
        """The starts of an interval's candles."""
        found = self._start_s.take(places)
        found -= found % length_s
        return found

    def folded(self, places: Column, length_s: int) -> Column:
        """Candles of an interval from those of shorter ones, in the order of mint and start."""
        key = self._mint.take(places) * SECONDS_MAX + self.start_s(places, length_s)
        if not (key[1:] >= key[:-1]).all():
            order = np.argsort(key, kind="stable")
            key, places = key.take(order), places.take(order)
        firsts, sizes = _groups(key)
        found = places.take(firsts)
        if len(found) == len(places):
            return found
        # Most candles are those of the shorter interval: only what has several parts is put
        # together.
        several = np.flatnonzero(sizes > 1)
        parts = self._held.take(places.compress(np.repeat(sizes > 1, sizes))).view(ROW)
        merged = _merged(parts, sizes.take(several))
        merged["start_s"] = key.take(firsts.take(several)) % SECONDS_MAX
        found[several] = self._added(merged)
        return found

    def _added(self, rows: Rows) -> Column:
        first, self._count = self._count, self._count + len(rows)
        if self._count > len(self._held):
            self._held = np.resize(self._held, 2 * self._count)
            self._mint, self._start_s = (
                np.resize(it, 2 * self._count) for it in (self._mint, self._start_s)
            )
        added = slice(first, self._count)
        self._held[added] = rows.view(_BYTES)
        self._mint[added], self._start_s[added] = rows["mint"], rows["start_s"]
        return np.arange(first, self._count)


class Gathering:
    """Gathers candles until nothing is likely to come to them any more.

    Hands each key out once. What comes too late is handed out as what it is, a part to be merged;
    none of it is kept here.
    """

    def __init__(self) -> None:
        self._mints = pa.array([], pa.string())
        # Of an interval, what the candles that have ended make of the next shorter one.
        self._open: dict[int, Rows] = dict.fromkeys(LENGTHS_S, np.empty(0, ROW))
        self._closed_until_s = -_EVER_S

    def take(self, fresh: Iterable[Framed], until_s: int) -> Closed:
        """Add candles of the shortest interval; those that end by `until_s` are handed out."""
        frames = list(fresh)
        mints, renamed = self._known(frames)
        folding = _Folding([*self._open.values(), *(it.rows for it in frames)], renamed)
        edges = np.cumsum([0, *map(len, self._open.values())])
        waiting = dict(zip(LENGTHS_S, map(np.arange, edges, edges[1:]), strict=False))
        parts = np.arange(edges[-1], len(folding.rows))
        levels: dict[int, Column] = {}
        late: dict[int, Column] = {}
        for length_s in LENGTHS_S:
            is_late = folding.start_s(parts, length_s) + length_s <= self._closed_until_s
            late[length_s] = folding.folded(parts.compress(is_late), length_s)
            parts = np.concatenate([waiting[length_s], parts.compress(~is_late)])
            every = folding.folded(parts, length_s)
            is_closed = folding.start_s(every, length_s) + length_s <= until_s
            levels[length_s] = every.compress(is_closed)
            waiting[length_s] = every.compress(~is_closed)
            # A candle that goes on may get what was too late for a shorter one.
            parts = np.concatenate([levels[length_s], late[length_s]])
        self._closed_until_s = max(self._closed_until_s, until_s)
        self._open = {length_s: folding.rows.take(it) for length_s, it in waiting.items()}
        self._forget(mints)
        late_parts = Closed(mints, folding.rows, {it: of for it, of in late.items() if len(of)})
        return Closed(
            mints, folding.rows, levels, [(it, late_parts.of(it)) for it in late_parts.levels]
        )

    def rest(self) -> Closed:
        """What has not been handed out; nothing may be added afterwards."""
        return self.take([], _EVER_S)

    def _known(self, frames: Sequence[Framed]) -> tuple[pa.Array, Column]:
        """All mints that are open or new, those that are open first, and the new candles' ones."""
        chunks = [self._mints, *(it.mints for it in frames)]
        encoded = pa.concat_arrays(chunks).dictionary_encode()
        places = encoded.indices.to_numpy().astype(np.int64)
        edges = np.cumsum([0, *map(len, chunks)])
        assert len(encoded.dictionary) >= len(self._mints), "those that are open come first"
        fresh = [
            places[edge:][it.rows["mint"]] for it, edge in zip(frames, edges[1:], strict=False)
        ]
        return encoded.dictionary, np.concatenate([np.empty(0, np.int64), *fresh])

    def _forget(self, mints: pa.Array) -> None:
        """Keep the mints of what is open."""
        used = np.zeros(len(mints), bool)
        for rows in self._open.values():
            used[rows["mint"]] = True
        place = np.cumsum(used) - 1
        self._mints = mints.filter(pa.array(used))
        for rows in self._open.values():
            rows["mint"] = place[rows["mint"]]


def _of_interval(rows: Rows, length_s: int) -> Rows:
    rows["start_s"] -= rows["start_s"] % length_s
    return rows


def _groups(key: Column) -> tuple[Column, Column]:
    """Where each of those that lie together begins, and how many there are."""
    begins = np.ones(len(key), bool)
    np.not_equal(key[1:], key[:-1], out=begins[1:])
    firsts = np.flatnonzero(begins)
    return firsts, np.diff(firsts, append=len(key))
