"""Compresses what has become old in the largest read models, where the server can do that."""

from collections.abc import Sequence

import asyncpg
import msgspec

from adapters.postgres.candles import CandleStore
from adapters.postgres.pool import Connection
from adapters.postgres.reaching import reach, reaching
from adapters.postgres.trades import TradeStore

# ruff: noqa: S608  # the program's own names only

DAY_S = 86_400
DAY_POS = 216_000 << 31
"""A day of slots, as positions: 31 bits follow the slot."""


class _Kind(msgspec.Struct, frozen=True):
    """How a table is cut and compressed."""

    name: str
    table: str
    by: str
    """What it is cut by."""
    day: int
    order_by: str
    """The order of the key. Most tokens have too few rows in a part to be packed by themselves."""


_KINDS = (
    _Kind(
        CandleStore.tables[0].view,
        CandleStore.tables[0].table,
        "start_s",
        DAY_S,
        "mint, interval_s, start_s",
    ),
    _Kind(TradeStore.tables[0].view, TradeStore.tables[0].table, "pos", DAY_POS, "mint, pos"),
)


class Compressed(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to a table."""

    table: str
    chunks: int
    """All that are old enough, each compressed now or before."""
    bytes_before: int
    bytes_after: int
    """Of all chunks that are compressed, before they were and now."""


class CompressionError(Exception):
    """This server compresses no tables."""


async def compress(dsn: str, *, older_than_days: int) -> Sequence[Compressed]:
    """Compress the parts of candles and trades that end so many days before their newest row.

    Rows stay as they are for whoever reads or writes them, late ones included. Raises
    `CompressionError` where the server cannot, and `DatabaseUnreachableError`.
    """
    connection = await reach(dsn, application_name="curvetape projections")
    try:
        with reaching(dsn):
            return [await _compress(connection, kind, older_than_days) for kind in _KINDS]
    finally:
        await connection.close()


async def _compress(connection: Connection, kind: _Kind, days: int) -> Compressed:
    await _prepare(connection, kind)
    newest: int | None = await connection.fetchval(f"select max({kind.by}) from {kind.table}")
    chunks = []
    if newest is not None:
        chunks = await connection.fetch(
            "select chunk::text as name from show_chunks($1::text::regclass,"
            " older_than => $2::bigint) as chunk",
            kind.table,
            newest - days * kind.day,
        )
    for chunk in chunks:
        # One statement for each, so that nobody waits for more than one of them. What came late
        # for one that was compressed before is compressed, too.
        await connection.execute(
            "select compress_chunk($1::text::regclass, if_not_compressed => true)", chunk["name"]
        )
    before, after = await _sizes(connection, kind)
    return Compressed(table=kind.name, chunks=len(chunks), bytes_before=before, bytes_after=after)


async def _prepare(connection: Connection, kind: _Kind) -> None:
    """Declare how the table is compressed; only the server knows whether it can."""
    try:
        enabled = await connection.fetchval(
            "select compression_enabled from timescaledb_information.hypertables"
            " where format('%I.%I', hypertable_schema, hypertable_name)::regclass"
            " = $1::text::regclass",
            kind.table,
        )
        if enabled is None:
            raise CompressionError(f"{kind.table} is a plain table; compression needs TimescaleDB")
        if not enabled:
            await connection.execute(
                f"alter table {kind.table} set (timescaledb.compress,"
                f" timescaledb.compress_segmentby = '',"
                f" timescaledb.compress_orderby = '{kind.order_by}')"
            )
    except (
        asyncpg.UndefinedTableError,  # no TimescaleDB
        asyncpg.FeatureNotSupportedError,  # its Apache edition
    ) as error:
        raise CompressionError(f"this server compresses no tables: {error}") from error


async def _sizes(connection: Connection, kind: _Kind) -> tuple[int, int]:
    row = await connection.fetchrow(
        "select coalesce(sum(before_compression_total_bytes), 0)::bigint as before,"
        " coalesce(sum(after_compression_total_bytes), 0)::bigint as after"
        " from chunk_compression_stats($1::text::regclass)",
        kind.table,
    )
    assert row is not None, "it is a sum"
    return row["before"], row["after"]
