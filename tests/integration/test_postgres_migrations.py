"""A database is brought to the schema once, by whoever comes first, or not at all."""

import asyncio

import asyncpg
import pytest

from adapters.postgres.migrations import SCHEMA, SchemaError, migrate
from adapters.postgres.pool import open_pool

FILES = sorted(path.name for path in SCHEMA.iterdir())


async def test_a_second_migration_finds_nothing_to_do(database_dsn: str) -> None:
    first = await migrate(database_dsn)
    second = await migrate(database_dsn)
    assert (first.applied, second.applied) == (FILES, [])
    assert first.timescale == second.timescale


async def test_migrators_that_start_together_apply_each_file_once(postgres_dsn: str) -> None:
    results = await asyncio.gather(*(migrate(postgres_dsn) for _ in range(5)))
    assert sorted(len(result.applied) for result in results) == [0, 0, 0, 0, len(FILES)]


async def test_a_schema_from_a_newer_version_is_left_alone(postgres_dsn: str) -> None:
    await migrate(postgres_dsn)
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("insert into schema_files (name) values ('9999_later.sql')")
    await connection.close()
    with pytest.raises(SchemaError, match=r"9999_later\.sql"):
        await migrate(postgres_dsn)


async def test_tables_that_grow_with_time_are_chunked_where_timescale_is(
    timescale_dsn: str,
) -> None:
    migrated = await migrate(timescale_dsn)
    assert migrated.timescale is not None
    pool = await open_pool(timescale_dsn, connections_max=1)
    names = await pool.fetch("select hypertable_name from timescaledb_information.hypertables")
    await pool.close()
    assert sorted(row["hypertable_name"] for row in names) == [
        "candle_rows",
        "portfolio_trades",
        "trades",
    ]


async def test_plain_postgres_is_said_to_be_plain(postgres_dsn: str) -> None:
    assert (await migrate(postgres_dsn)).timescale is None
