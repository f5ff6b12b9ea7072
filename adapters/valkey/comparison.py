"""Two generations of leaderboards beside each other, row by row."""

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

from adapters.valkey.client import Valkey
from adapters.valkey.keys import GenerationKeys
from adapters.valkey.values import change, cut, placed, priced_minute
from projections.audit.model_report import Difference, RowDifference, TableReport

NAMES_MAX = 500
"""Keys, or fields of one, that are read at a time from each generation."""
SCAN_MAX = 1_000

Row: TypeAlias = tuple[Any, ...]
Rows: TypeAlias = dict[Row, dict[str, object]]
"""Columns by key."""


class _Table(msgspec.Struct, frozen=True):
    """Rows of one kind, and how they are found."""

    name: str
    key: tuple[str, ...]
    names: Callable[[Valkey, GenerationKeys], Awaitable[set[str]]]
    rows: Callable[[Valkey, GenerationKeys, Sequence[str]], Awaitable[Rows]]


async def compared(
    valkey: Valkey,
    kept: GenerationKeys,
    replayed: GenerationKeys,
    *,
    rows_max: int,
) -> Sequence[TableReport]:
    """What is kept beside what a replay gives, with the first rows that differ.

    Both have to stay as they are meanwhile.
    """
    return [await _compared(valkey, table, kept, replayed, rows_max=rows_max) for table in _TABLES]


async def _compared(
    valkey: Valkey,
    table: _Table,
    kept: GenerationKeys,
    replayed: GenerationKeys,
    *,
    rows_max: int,
) -> TableReport:
    sides = (kept, replayed)
    counts, digests = [0, 0], [hashlib.sha256(), hashlib.sha256()]
    differences: dict[Difference, int] = {}
    first: list[RowDifference] = []
    names = sorted(set().union(*[await table.names(valkey, side) for side in sides]))
    for some in cut(names, NAMES_MAX):
        found = [await table.rows(valkey, side, some) for side in sides]
        for number, rows in enumerate(found):
            counts[number] += len(rows)
            for key in sorted(rows):
                line = msgspec.json.encode([key, rows[key]], order="deterministic")
                digests[number].update(line + b"\n")
        for difference in _differing(table, *found):
            differences[difference.what] = differences.get(difference.what, 0) + 1
            if len(first) < rows_max:
                first.append(difference)
    return TableReport(
        name=table.name,
        rows=counts[0],
        digest=digests[0].hexdigest(),
        rows_replayed=counts[1],
        digest_replayed=digests[1].hexdigest(),
        differences=differences,
        first=tuple(first),
    )


def _differing(table: _Table, kept: Rows, replayed: Rows) -> Iterator[RowDifference]:
    for key in sorted(kept.keys() | replayed.keys()):
        of = dict(zip(table.key, key, strict=True))
        there, made = kept.get(key), replayed.get(key)
        if there is None:
            yield RowDifference(what="missing", key=of, replayed=made)
        elif made is None:
            yield RowDifference(what="extra", key=of, kept=there)
        elif there != made:
            columns = [column for column in made if there[column] != made[column]]
            yield RowDifference(
                what="other values",
                key=of,
                kept={column: there[column] for column in columns},
                replayed={column: made[column] for column in columns},
            )


async def _mints(valkey: Valkey, keys: GenerationKeys) -> set[str]:
    found: set[str] = set()
    cursor = "0"
    while True:
        cursor, pairs = await valkey.one("HSCAN", keys.cards, cursor, "COUNT", str(SCAN_MAX))
        found.update(pairs[::2])
        if cursor == "0":
            return found


async def _cards(valkey: Valkey, keys: GenerationKeys, mints: Sequence[str]) -> Rows:
    found = await valkey.one("HMGET", keys.cards, *mints)
    return {
        (mint,): msgspec.to_builtins(change(said), str_keys=True)
        for mint, said in zip(mints, found, strict=True)
        if said
    }


def _keys_of(kind: str) -> Callable[[Valkey, GenerationKeys], Awaitable[set[str]]]:
    async def names(valkey: Valkey, keys: GenerationKeys) -> set[str]:
        """What stands behind the kind in the names of its keys."""
        root, cursor = f"{keys.root}:{kind}:", "0"
        found: set[str] = set()
        while True:
            cursor, page = await valkey.one(
                "SCAN", cursor, "MATCH", f"{root}*", "COUNT", str(SCAN_MAX)
            )
            found.update(key.removeprefix(root) for key in page)
            if cursor == "0":
                return found

    return names


async def _buckets(valkey: Valkey, keys: GenerationKeys, names: Sequence[str]) -> Rows:
    found = await valkey.ask([("ZRANGE", f"{keys.root}:buckets:{it}", "0", "-1") for it in names])
    rows: Rows = {}
    for name, members in zip(names, found, strict=True):
        length_s, _, mint = name.partition(":")
        for each in map(placed, members):
            rows[mint, int(length_s), each.start_s] = msgspec.structs.asdict(each.bucket)
    return rows


async def _minutes(valkey: Valkey, keys: GenerationKeys) -> set[str]:
    found = await valkey.one("ZRANGE", keys.prices, "0", "-1")
    return {str(priced_minute(each).start_s) for each in found}


async def _prices(valkey: Valkey, keys: GenerationKeys, names: Sequence[str]) -> Rows:
    found = await valkey.ask([("ZRANGEBYSCORE", keys.prices, name, name) for name in names])
    return {
        (int(name),): msgspec.structs.asdict(priced_minute(there[0]).price)
        for name, there in zip(names, found, strict=True)
        if there
    }


async def _traded(valkey: Valkey, keys: GenerationKeys, names: Sequence[str]) -> Rows:
    found = await valkey.ask([("SMEMBERS", f"{keys.root}:traded:{it}") for it in names])
    rows: Rows = {}
    for name, mints in zip(names, found, strict=True):
        length_s, _, start_s = name.partition(":")
        rows.update({(int(length_s), int(start_s), mint): {} for mint in mints})
    return rows


_TABLES: Sequence[_Table] = (
    _Table("cards", ("mint",), _mints, _cards),
    _Table("buckets", ("mint", "length_s", "start_s"), _keys_of("buckets"), _buckets),
    _Table("prices", ("start_s",), _minutes, _prices),
    _Table("traded", ("length_s", "start_s", "mint"), _keys_of("traded"), _traded),
)
