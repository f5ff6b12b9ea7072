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
"""Columns of the same length: `mint`, a place in some array of mints, `start_s`, and a candle's.

A volume is two of them, its `_high` times 2^32 and its `_low`.
"""

VOLUMES = ("volume_quote", "volume_quote_buy", "volume_token")
_SUMS = (*(f"{name}{half}" for name in VOLUMES for half in ("_high", "_low")), "buys", "sells")
_INTEGERS = ("mint", "start_s", "open_pos", "close_pos", "high_pos", "low_pos", *_SUMS)
_PRICES = ("open", "close", "high", "low")
_HALF_BITS = 32
_HALF = (1 << _HALF_BITS) - 1
_LAST_POS = np.iinfo(np.int64).max


class Framed(msgspec.Struct, frozen=True):
    """Some candles of one interval, at most one of a mint and a start."""

    mints: pa.Array
    """Those that `mint` is a place in; more may be there."""
    columns: Columns

    def __len__(self) -> int:
        return len(self.columns["mint"])


class Closed(msgspec.Struct, frozen=True):
    """Candles of all intervals, each in the order of mint and start."""

    mints: pa.Array
    levels: Mapping[int, Columns]
    """By the interval's length in seconds."""
    late: Sequence[tuple[int, Framed]] = ()
    """Parts of candles that were handed out before, each with its interval's length in seconds."""

    def __len__(self) -> int:
        return sum(len(of["mint"]) for of in self.levels.values())


def nothing() -> Columns:
    """No candles."""
    integers = {name: np.empty(0, np.int64) for name in _INTEGERS}
    return {**integers, **{name: np.empty(0, np.float64) for name in _PRICES}}


def finest(trades: Columns, mints: pa.Array) -> Framed:
    """The candles of the shortest interval, of trades.

    `trades` has `mint`, `start_s`, which is its second, `pos`, `price`, `quote_amount`,
    `token_amount` and `bought`.
    """
    trades = _ordered(trades)
    quote, token, bought = trades["quote_amount"], trades["token_amount"], trades["bought"]
    buy = quote * bought
    one: Columns = {
        "mint": trades["mint"],
        "start_s": trades["start_s"],
        **{f"{price}_pos": trades["pos"] for price in _PRICES},
        **dict.fromkeys(_PRICES, trades["price"]),
        **_halved("volume_quote", quote),
        **_halved("volume_quote_buy", buy),
        **_halved("volume_token", token),
        "buys": bought.astype(np.int64),
        "sells": (~bought).astype(np.int64),
    }
    return Framed(mints, folded(one, LENGTHS_S[0]))


def framed(candles: Mapping[Key, Candle], length_s: int) -> Framed:
    """Those candles of an interval that the event-by-event core has made; see `fits`."""
    found = {key: candle for key, candle in candles.items() if key[1] == length_s}
    places = {mint: place for place, mint in enumerate(dict.fromkeys(key[0] for key in found))}
    columns: dict[str, Column] = {
        "mint": np.array([places[key[0]] for key in found], np.int64),
        "start_s": np.array([key[2] for key in found], np.int64),
    }
    for name in Candle.__struct_fields__:
        values = [getattr(candle, name) for candle in found.values()]
        if name in VOLUMES:
            columns[f"{name}_high"] = np.array([it >> _HALF_BITS for it in values], np.int64)
            columns[f"{name}_low"] = np.array([it & _HALF for it in values], np.int64)
        else:
            columns[name] = np.array(values, np.float64 if name in _PRICES else np.int64)
    return Framed(pa.array(places, pa.string()), columns)


def apart(candles: Mapping[Key, Candle]) -> Sequence[tuple[int, Framed]]:
    """Candles of all intervals as parts of candles; their times may be any."""
    levels = ((length_s, framed(candles, length_s)) for length_s in LENGTHS_S)
    return [(length_s, found) for length_s, found in levels if len(found)]


def fits(key: Key) -> bool:
    """Whether a candle's time can be folded in columns."""
    return 0 <= key[2] < SECONDS_MAX - LENGTHS_S[-1]


def unframed(mints: pa.Array, columns: Columns, length_s: int) -> dict[Key, Candle]:
    """Candles of an interval as the event-by-event core has them."""
    names = mints.take(pa.array(columns["mint"])).to_pylist()
    values = []
    for name in Candle.__struct_fields__:
        if name in VOLUMES:
            halves = columns[f"{name}_high"].tolist(), columns[f"{name}_low"].tolist()
            values.append([(high << _HALF_BITS) + low for high, low in zip(*halves, strict=True)])
        else:
            values.append(columns[name].tolist())
    starts = columns["start_s"].tolist()
    return {
        (mint, length_s, start_s): Candle(*row)
        for mint, start_s, *row in zip(names, starts, *values, strict=True)
    }


def unclosed(closed: Closed) -> dict[Key, Candle]:
    """All candles but for late parts, as the event-by-event core has them."""
    found: dict[Key, Candle] = {}
    for length_s, columns in closed.levels.items():
        found |= unframed(closed.mints, columns, length_s)
    return found


def volume(columns: Columns, name: str) -> tuple[Column, Column]:
    """A volume's values, and of each whether 64 bits hold it; where they do not it is wrong."""
    high, low = columns[f"{name}_high"], columns[f"{name}_low"]
    carried = high + (low >> _HALF_BITS)
    return (carried << _HALF_BITS) + (low & _HALF), carried < 1 << 31


def picked(columns: Columns, which: Column) -> Columns:
    """Those of which a condition holds, in their order."""
    if which.all():
        return columns
    rows = np.flatnonzero(which)
    return {name: of[rows] for name, of in columns.items()}


def folded(columns: Columns, length_s: int) -> Columns:
    """Candles of an interval from those of shorter ones, which are in the order of mint and start.

    What is to be one candle lies together, in any order.
    """
    mint, start_s = columns["mint"], columns["start_s"] - columns["start_s"] % length_s
    if not len(mint):
        return columns
    begins = np.ones(len(mint), bool)
    begins[1:] = (mint[1:] != mint[:-1]) | (start_s[1:] != start_s[:-1])
    firsts = np.flatnonzero(begins)
    if len(firsts) == len(mint):
        return {**columns, "start_s": start_s}
    made = {name: of[firsts] for name, of in columns.items()} | {"start_s": start_s[firsts]}
    # Most candles are those of the shorter interval: only what has several parts is put together.
    sizes = np.diff(firsts, append=len(mint))
    several = np.flatnonzero(sizes > 1)
    rows = np.flatnonzero(np.repeat(sizes > 1, sizes))
    sizes = sizes[several]
    group = np.repeat(np.arange(len(several)), sizes)
    begin = np.cumsum(sizes) - sizes
    parts = _Parts(columns, rows, group, begin)
    for price, choose in (("open", np.minimum), ("close", np.maximum)):
        at, worth = parts.at_the(choose, f"{price}_pos", price)
        made[f"{price}_pos"][several], made[price][several] = at, worth
    for price, choose in (("high", np.maximum), ("low", np.minimum)):
        worth, at = parts.reached(choose, price, f"{price}_pos")
        made[f"{price}_pos"][several], made[price][several] = at, worth
    for name in _SUMS:
        made[name][several] = np.add.reduceat(columns[name][rows], begin)
    return made


class _Parts:
    """Rows that are put together in groups, each group's in a row."""

    def __init__(self, columns: Columns, rows: Column, group: Column, begin: Column) -> None:
        self._columns = columns
        self._rows = rows
        self._group = group
        self._begin = begin

    def at_the(self, choose: np.ufunc, pos: str, price: str) -> tuple[Column, Column]:
        """Each group's first or last position, and the price there."""
        places, prices = self._columns[pos][self._rows], self._columns[price][self._rows]
        chosen = choose.reduceat(places, self._begin)
        found = np.flatnonzero(places == chosen[self._group])
        worth = np.empty(len(chosen), np.float64)
        worth[self._group[found]] = prices[found]
        return chosen, worth

    def reached(self, choose: np.ufunc, price: str, pos: str) -> tuple[Column, Column]:
        """Each group's extreme price, and the lowest position at which it was reached."""
        places, prices = self._columns[pos][self._rows], self._columns[price][self._rows]
        chosen = choose.reduceat(prices, self._begin)
        there = np.where(prices == chosen[self._group], places, _LAST_POS)
        return chosen, np.minimum.reduceat(there, self._begin)


class Gathering:
    """Gathers candles until nothing is likely to come to them any more.

    Hands each key out once. What comes too late is handed out as what it is, a part to be merged;
    none of it is kept here.
    """

    def __init__(self) -> None:
        self._mints = pa.array([], pa.string())
        self._open: dict[int, Columns] = dict.fromkeys(LENGTHS_S, nothing())
        self._closed_until_s = dict.fromkeys(LENGTHS_S, -(1 << 62))

    def take(self, fresh: Iterable[Framed], until_s: int) -> Closed:
        """Add candles of the shortest interval; those that end by `until_s` are handed out."""
        mints, shorter = self._known(fresh)
        levels: dict[int, Columns] = {}
        late: list[tuple[int, Framed]] = []
        for length_s in LENGTHS_S:
            shorter = folded(shorter, length_s)
            end_s = shorter["start_s"] + length_s
            is_late = end_s <= self._closed_until_s[length_s]
            every = shorter
            if is_late.any():
                late.append((length_s, Framed(mints, picked(shorter, is_late))))
                every = picked(shorter, ~is_late)
            every = folded(_ordered(_joined([self._open[length_s], every])), length_s)
            is_closed = every["start_s"] + length_s <= until_s
            levels[length_s] = picked(every, is_closed)
            self._open[length_s] = picked(every, ~is_closed)
            self._closed_until_s[length_s] = max(self._closed_until_s[length_s], until_s)
        self._forget(mints)
        return Closed(mints, levels, late)

    def rest(self) -> Closed:
        """What has not been handed out; nothing may be added afterwards."""
        return Closed(self._mints, self._open)

    def _known(self, fresh: Iterable[Framed]) -> tuple[pa.Array, Columns]:
        """All mints that are open or new, and the new candles in order; renames what is open."""
        frames = list(fresh)
        chunks = [self._mints, *(it.mints for it in frames)]
        encoded = pa.concat_arrays(chunks).dictionary_encode()
        places = encoded.indices.to_numpy().astype(np.int64)
        edges = np.cumsum([0, *map(len, chunks)])
        assert len(encoded.dictionary) >= len(self._mints), "those that are open come first"
        renamed: list[Columns] = [
            {**frame.columns, "mint": places[edge:][frame.columns["mint"]]}
            for frame, edge in zip(frames, edges[1:], strict=False)
        ]
        return encoded.dictionary, _ordered(_joined(renamed or [nothing()]))

    def _forget(self, mints: pa.Array) -> None:
        """Keep the mints of what is open."""
        used = np.zeros(len(mints), bool)
        for columns in self._open.values():
            used[columns["mint"]] = True
        place = np.cumsum(used) - 1
        self._mints = mints.filter(pa.array(used))
        self._open = {
            length_s: {**columns, "mint": place[columns["mint"]]}
            for length_s, columns in self._open.items()
        }


def _halved(name: str, values: Column) -> Columns:
    return {f"{name}_high": values >> _HALF_BITS, f"{name}_low": values & _HALF}


def _joined(parts: Sequence[Columns]) -> Columns:
    held = [it for it in parts if len(it["mint"])] or parts[:1]
    if len(held) == 1:
        return held[0]
    return {name: np.concatenate([it[name] for it in held]) for name in held[0]}


def _ordered(columns: Columns) -> Columns:
    """In the order of mint and start."""
    key = columns["mint"] * SECONDS_MAX + columns["start_s"]
    if len(key) < 2 or (key[1:] >= key[:-1]).all():
        return columns
    order = np.argsort(key, kind="stable")
    return {name: of[order] for name, of in columns.items()}
