"""Brings a database to the schema that this version reads and writes."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from adapters.postgres.pool import Connection
from adapters.postgres.reaching import reach

SCHEMA = Path(__file__).parent / "schema"
LOCK_KEY = 0x6375727665
"""Advisory lock that only one migrator at a time holds ("curve" in ASCII)."""
LOCK_TIMEOUT_S = 60.0

_NAME = re.compile(r"(\d{4})_[a-z_]+\.sql")


class SchemaError(Exception):
    """The database's schema is not one that this version can go on from."""


class Migrated(msgspec.Struct, frozen=True, kw_only=True):
    """What a migration found and did."""

    applied: Sequence[str]
    """Files applied just now, in order."""
    timescale: str | None
    """The version of TimescaleDB in use, None for plain PostgreSQL."""


async def migrate(dsn: str) -> Migrated:
    """Apply what is missing of `schema/`, in order, all of it or nothing.

    Uses TimescaleDB where the server has it loaded; safe to call from many processes at once.
    Raises `SchemaError` for a database that a newer version has written, and
    `DatabaseUnreachableError`.
    """
    connection = await reach(dsn)
    try:
        timescale = await _timescale(connection)
        async with connection.transaction():
            await connection.execute(f"set local lock_timeout = '{LOCK_TIMEOUT_S:g}s'")
            await connection.execute("select pg_advisory_xact_lock($1)", LOCK_KEY)
            return Migrated(applied=await _apply(connection), timescale=timescale)
    finally:
        await connection.close()


async def _timescale(connection: Connection) -> str | None:
    loaded = await connection.fetchval(
        "select true from pg_available_extensions where name = 'timescaledb'"
        " and current_setting('shared_preload_libraries') like '%timescaledb%'"
    )
    if loaded:
        await connection.execute("create extension if not exists timescaledb")
    version: str | None = await connection.fetchval(
        "select extversion from pg_extension where extname = 'timescaledb'"
    )
    return version


async def _apply(connection: Connection) -> list[str]:
    await connection.execute(
        "create table if not exists schema_files"
        " (name text primary key, applied_at timestamptz not null default now())"
    )
    present = {row["name"] for row in await connection.fetch("select name from schema_files")}
    known = {path.name: path for path in sorted(SCHEMA.iterdir()) if _NAME.fullmatch(path.name)}
    if unknown := present - set(known):
        raise SchemaError(
            f"the database has {', '.join(sorted(unknown))}, which this version does not know;"
            " run the version that wrote it, or a newer one"
        )
    applied = []
    for name, path in known.items():
        if name not in present:
            await connection.execute(path.read_text(encoding="utf-8"))
            await connection.execute("insert into schema_files (name) values ($1)", name)
            applied.append(name)
    return applied
