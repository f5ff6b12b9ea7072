"""How the query side's questions are put to the database, and rows made of what it answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TypeVar

import asyncpg
import msgspec

from adapters.postgres.errors import PERMANENT, TRANSIENT, is_transient
from adapters.postgres.pool import Connection, Pool
from projections.reads import ReadsUnavailableError

ACQUIRE_TIMEOUT_S = 5.0
INT64_MAX = (1 << 63) - 1

Row = TypeVar("Row", bound=msgspec.Struct)


def int64(value: float) -> int:
    """A bound for a `bigint`: nothing lies beyond either end, so one there is as good."""
    return max(-INT64_MAX, min(int(value), INT64_MAX))


def can_be_asked(*arguments: object) -> bool:
    """Whether rows may have such keys; some texts cannot even be sent."""
    return all(not isinstance(each, str) or each.isprintable() for each in arguments)


@asynccontextmanager
async def asking(pool: Pool) -> AsyncIterator[Connection]:
    """A connection; raises `ReadsUnavailableError` where there is none or it is lost meanwhile."""
    try:
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            yield connection
    except (*TRANSIENT, *PERMANENT) as error:
        if is_transient(error) or isinstance(error, asyncpg.UndefinedTableError):
            raise ReadsUnavailableError(f"the read models cannot be asked: {error}") from error
        raise


async def rows_of(
    connection: Connection, row: type[Row], sql: str, *arguments: object
) -> list[Row]:
    """What the database answers, as rows."""
    return [
        msgspec.convert(integers(record), row) for record in await connection.fetch(sql, *arguments)
    ]


async def rows_by_mint(
    connection: Connection, row: type[Row], sql: str, *arguments: object
) -> dict[str, list[Row]]:
    """What the database answers, as rows by the column `asked_mint`, in the order given."""
    found: dict[str, list[Row]] = {}
    for record in await connection.fetch(sql, *arguments):
        of_mint = found.setdefault(record["asked_mint"], [])
        of_mint.append(msgspec.convert(integers(record), row))
    return found


def integers(record: asyncpg.Record) -> dict[str, object]:
    """A record by name, its decimals as what they are: every `numeric` of the schema is whole."""
    return {
        name: int(value) if isinstance(value, Decimal) else value for name, value in record.items()
    }
