"""Lets go of old rows on purpose, and notes up to where."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from adapters.postgres.compression import DAY_POS
from adapters.postgres.generations import LOCK_CLASS
from adapters.postgres.horizons import TRIMMED
from adapters.postgres.pool import Connection
from adapters.postgres.reaching import reach, reaching
from adapters.postgres.scratch import COMPARING_LOCK
from projections.horizon import Horizon

# ruff: noqa: S608  # the program's own names only

DAYS_MIN = 2
"""The last 24 hours are counted from trades, whenever a token's card is asked for."""
BATCH_PAGES = 4_096
"""Rows of so many pages, 32 MiB, are removed in one transaction."""

_NOTE = """
    insert into horizons as kept (name, pos, complete_from_s) values ($1, $2, $3)
    on conflict (name, interval_s) do update set pos = greatest(kept.pos, excluded.pos),
        complete_from_s = greatest(kept.complete_from_s, excluded.complete_from_s)
"""
_HYPERTABLE = """
    select exists (
        select from timescaledb_information.hypertables
        where format('%I.%I', hypertable_schema, hypertable_name)::regclass = $1::text::regclass
    )
"""


class Trimmed(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to a read model."""

    name: str
    rows: int
    """Removed now."""
    complete_from_s: int | None
    """The first second of which all rows are there; None where none was ever removed."""
    intervals_from_s: dict[str, int] = {}
    """The same by interval, where rows are removed by it."""


class Trimming(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is: first what will go, then one more for each batch of pages."""

    name: str
    rows: int | None
    """That are to go, as they were counted before; None where they are not."""
    before_s: int
    """All of them are older than this."""
    removed: int = 0
    pages: int = 0
    """Of the table; those that TimescaleDB drops with their part are not among them."""
    pages_done: int = 0


Told = Callable[[Trimming], None]


class TrimError(Exception):
    """Somebody else is at work on the rows."""


async def trim(
    dsn: str, name: str, *, older_than_days: int, told: Told = lambda _: None
) -> Trimmed:
    """Let go of a read model's rows that are so many days of slots older than its newest one.

    `told` is given how far it is, where anything is removed.

    Whole days of 216,000 slots go. Whoever reads or writes goes on. Raises `TrimError` while it is
    being compared or built anew, and `DatabaseUnreachableError`.
    """
    assert older_than_days >= DAYS_MIN, "windows are counted from them"
    async with alone(dsn, name) as connection:
        return await _trim(connection, name, older_than_days, told)


@asynccontextmanager
async def alone(dsn: str, name: str) -> AsyncIterator[Connection]:
    """A connection for whose life nobody builds the read model anew, or compares any.

    Raises `TrimError` where somebody does, and `DatabaseUnreachableError`, also for what happens
    within the block.
    """
    connection = await reach(
        dsn, application_name="curvetape projections trim", statement_timeout="0"
    )
    try:
        with reaching(dsn):
            await _claim(connection, name)
            yield connection
    finally:
        await connection.close()


async def _claim(connection: Connection, name: str) -> None:
    claim = "select pg_try_advisory_lock($1, hashtext($2)) and pg_try_advisory_lock($3)"
    if not await connection.fetchval(claim, LOCK_CLASS, name, COMPARING_LOCK):
        raise TrimError(f"{name} is being built anew, compared or trimmed just now; try again")


async def _trim(connection: Connection, name: str, days: int, told: Told) -> Trimmed:
    table = TRIMMED[name]
    newest: int | None = await connection.fetchval(f"select max(pos) from {table}")
    pos = 0 if newest is None else max(newest // DAY_POS - days, 0) * DAY_POS
    found = await connection.fetchrow(
        f"select count(*), max(block_time_s) from {table} where pos < $1", pos
    )
    assert found is not None, "it is a sum"
    rows, last_s = found
    if rows:
        begun = Trimming(name=name, rows=rows, before_s=last_s + 1)
        told(begun)
        # First the note: whoever looks in between takes nothing that goes for a hole.
        await connection.execute(_NOTE, name, pos, last_s + 1)
        if await is_hypertable(connection, table):
            await connection.execute(
                "select drop_chunks($1::text::regclass, older_than => $2::bigint)", table, pos
            )
        await _delete(connection, table, pos, begun, told)
    horizon = await _noted(connection, name)
    return Trimmed(
        name=name, rows=rows, complete_from_s=None if horizon is None else horizon.complete_from_s
    )


async def _delete(
    connection: Connection, table: str, pos: int, begun: Trimming, told: Told
) -> None:
    """Remove what is left, page by page: no index is by position alone."""
    pages = await pages_of(connection, table)
    removed = 0
    for start in range(0, pages, BATCH_PAGES):
        status = await connection.execute(
            f"delete from {table} where ctid >= '({start},0)'::tid"
            f" and ctid < '({start + BATCH_PAGES},0)'::tid and pos < $1",
            pos,
        )
        removed += int(status.removeprefix("DELETE "))
        done = min(start + BATCH_PAGES, pages)
        told(msgspec.structs.replace(begun, removed=removed, pages=pages, pages_done=done))


async def pages_of(connection: Connection, table: str) -> int:
    """How many blocks a table has; none for one that TimescaleDB keeps in parts."""
    found: int = await connection.fetchval(
        "select pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint", table
    )
    return found


async def is_hypertable(connection: Connection, table: str) -> bool:
    """Whether TimescaleDB keeps a table in parts."""
    if not await connection.fetchval("select to_regclass('timescaledb_information.hypertables')"):
        return False
    return bool(await connection.fetchval(_HYPERTABLE, table))


async def _noted(connection: Connection, name: str) -> Horizon | None:
    row = await connection.fetchrow(
        "select pos, complete_from_s from horizons where name = $1 and interval_s = 0", name
    )
    return None if row is None else Horizon(**row)
