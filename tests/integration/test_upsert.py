"""Rows are the same however they travel, on plain PostgreSQL and on TimescaleDB alike."""

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.postgres import upsert
from adapters.postgres.pool import Connection
from adapters.postgres.upsert import Counted, Upsert, added

COLUMNS: Mapping[str, str] = {
    "key": "text",
    "whole": "bigint",
    "middle": "integer",
    "small": "smallint",
    "real": "double precision",
    "truth": "boolean",
    "amount": "numeric",
    "words": "text",
}
DEFINITION = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
ODD = Upsert("odd", COLUMNS, key=("key",), action="update set words = excluded.words")
SUMS = Upsert(
    "sums",
    {"key": "text", "amount": "numeric"},
    key=("key",),
    action=f"update set {added('amount')}",
)
OWED = Upsert(
    "owed",
    {"shop": "text", "guest": "text", "amount": "numeric"},
    key=("shop", "guest"),
    action=f"update set {added('amount')}",
    counted=Counted("debtors", "guests", by="shop", condition="{row}.amount > 0"),
)
WAYS = {"arrays": 1_000_000, "copied": 1}
"""From how many rows on they are copied."""

Row = tuple[Any, ...]


def either(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Or nothing known."""
    return st.none() | values


TEXTS = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])) | (
    st.sampled_from(
        ["null", "NULL", "", " ", "{}", '"', "\\", '\\"', "a,b", "\n\t\x01\x7f", "é\U0001f680"]
    )
)
ROWS = st.lists(
    st.tuples(
        TEXTS,
        either(st.integers(-(2**63), 2**63 - 1)),
        either(st.integers(-(2**31), 2**31 - 1)),
        either(st.integers(-(2**15), 2**15 - 1)),
        either(st.floats()),
        either(st.booleans()),
        either(st.integers(-(2**70), 2**70) | st.integers(0, 10**15)),
        either(TEXTS),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda row: row[0],
)


@pytest.fixture(params=WAYS)
def database(
    request: pytest.FixtureRequest, database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> str:
    """An empty database, to which rows go in one of the ways."""
    monkeypatch.setattr(upsert, "COPIED_ROWS_MIN", WAYS[request.param])
    return database_dsn


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Connection]:
    """A database with the tables of these tests."""
    opened = await asyncpg.connect(database)
    await opened.execute(f"create table odd ({DEFINITION}, primary key (key))")
    await opened.execute("create table sums (key text primary key, amount numeric not null)")
    yield opened
    await opened.close()


async def merged(
    connection: Connection, table: Upsert, rows: Sequence[Row], *, all_new: bool = False
) -> None:
    async with connection.transaction():
        await table.merge(connection, rows, all_new=all_new)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS)
async def test_every_value_arrives_as_it_was(connection: Connection, rows: Sequence[Row]) -> None:
    await connection.execute("truncate odd")
    await merged(connection, ODD, rows)
    found = {row["key"]: tuple(row) for row in await connection.fetch("select * from odd")}
    assert {key: comparable(row) for key, row in found.items()} == {
        row[0]: comparable(row) for row in rows
    }


def comparable(row: Row) -> list[object]:
    # Not a number is unlike itself, and there are two zeros.
    return [
        repr(value)
        if isinstance(value, float)
        else int(value)
        if isinstance(value, Decimal)
        else value
        for value in row
    ]


async def test_batches_of_one_transaction_are_each_merged_once(connection: Connection) -> None:
    async with connection.transaction():
        await merged(connection, SUMS, [("a", 1), ("b", 2)])
        await merged(connection, SUMS, [("a", 10), ("c", 2**70)])
    await merged(connection, SUMS, [("a", 100)])
    found = await connection.fetch("select * from sums order by key")
    assert list(map(tuple, found)) == [("a", 111), ("b", 2), ("c", 2**70)]


async def test_rows_that_were_wrongly_said_to_be_new_are_merged(connection: Connection) -> None:
    await merged(connection, SUMS, [("a", 1), ("b", 2)], all_new=True)
    await merged(connection, SUMS, [("b", 20), ("c", 30)], all_new=True)
    await merged(connection, SUMS, [("d", 40)], all_new=True)
    found = await connection.fetch("select * from sums order by key")
    assert list(map(tuple, found)) == [("a", 1), ("b", 22), ("c", 30), ("d", 40)]


async def test_of_rows_with_one_key_the_first_may_stay(connection: Connection) -> None:
    first = Upsert("sums", {"key": "text", "amount": "numeric"}, key=("key",), action="nothing")
    for amount in (1, 2):
        await merged(connection, first, [("a", amount), (f"{amount}", amount)])
    found = await connection.fetch("select * from sums order by key")
    assert list(map(tuple, found)) == [("1", 1), ("2", 2), ("a", 1)]


@pytest.mark.parametrize("tells_old_from", [upsert.TELLS_OLD_FROM, 99])
async def test_rows_that_meet_a_condition_are_counted_as_they_begin_and_cease_to(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, tells_old_from: int
) -> None:
    monkeypatch.setattr(upsert, "TELLS_OLD_FROM", tells_old_from)
    await connection.execute(
        """
        create table owed (shop text, guest text, amount numeric, primary key (shop, guest));
        create table debtors (shop text primary key, guests bigint not null);
        """
    )
    await merged(connection, OWED, [("a", "x", 1), ("a", "y", 2), ("b", "x", 0)], all_new=True)
    await merged(connection, OWED, [("a", "x", 5), ("a", "y", -2), ("b", "x", 3), ("c", "z", -1)])
    await merged(connection, OWED, [("a", "y", 0), ("a", "z", 1), ("b", "x", -3)], all_new=True)
    found = await connection.fetch("select * from debtors order by shop")
    counted = await connection.fetch(
        "select shop, count(*) filter (where amount > 0) from owed group by shop order by shop"
    )
    assert list(map(tuple, found)) == list(map(tuple, counted))
    assert dict(map(tuple, found)) == {"a": 2, "b": 0, "c": 0}


async def test_a_batch_that_was_taken_back_leaves_nothing_for_the_next(
    connection: Connection,
) -> None:
    await merged(connection, SUMS, [("a", 1)])
    with pytest.raises(asyncpg.NotNullViolationError):
        await merged(connection, SUMS, [("a", 10), ("b", None)])
    await merged(connection, SUMS, [("a", 100)])
    assert await connection.fetchval("select sum(amount) from sums") == 101


@pytest.mark.parametrize("plain_from", [upsert.PLAIN_FROM, 99])
async def test_a_row_that_is_too_long_for_a_page_is_merged(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, plain_from: int
) -> None:
    monkeypatch.setattr(upsert, "PLAIN_FROM", plain_from)
    limit = upsert.STAGED_ROW_BYTES_MAX
    lengths = (limit // 2 - 60, limit, 9_000)
    texts = ["".join(map(chr, range(200, 200 + length))) for length in lengths]
    for _ in range(2):
        rows = [(str(at), at, at, at, 0.5, True, 10**38, text) for at, text in enumerate(texts)]
        await merged(connection, ODD, rows[:1])
        await merged(connection, ODD, rows)
    found = await connection.fetch("select words from odd order by key")
    assert [row["words"] for row in found] == texts


async def test_rows_in_great_number_are_copied(database_dsn: str) -> None:
    count = upsert.COPIED_ROWS_MIN
    copied = "select count(*) from pg_class where relpersistence = 't' and relname like 'batch_%'"
    connection = await asyncpg.connect(database_dsn)
    try:
        await connection.execute("create table sums (key text primary key, amount numeric)")
        await merged(connection, SUMS, [(f"{number}", number) for number in range(count - 1)])
        assert await connection.fetchval(copied) == 0
        new = [(f"new {number}", number) for number in range(count)]
        await merged(connection, SUMS, new, all_new=True)
        assert await connection.fetchval(copied) == 0, "they went straight to their table"
        await merged(connection, SUMS, [(f"{number}", number) for number in range(count)])
        assert await connection.fetchval(copied) == 1
        beside = "select count(*) from pg_class where relpersistence = 't' and relkind <> 'r'"
        assert await connection.fetchval(beside) == 0, "each commit empties all that there is"
        total = await connection.fetchval("select sum(amount) from sums")
        assert total == 2 * sum(range(count)) + sum(range(count - 1))
    finally:
        await connection.close()
