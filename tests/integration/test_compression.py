"""Compressed read models hold what they held, take what comes late, and can be rebuilt."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence

import pytest

from adapters.postgres.candles import CandleStore
from adapters.postgres.compression import CompressionError, compress
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.trades import TradeStore
from curvetape.testing.events import curve_traded, recorded
from domain.events import AnyEvent
from domain.log import Recorded
from projections.candles import Candles
from projections.trades import Trades

DAY_SLOTS = 216_000
EARLY: Sequence[AnyEvent] = [
    curve_traded(1 + day * DAY_SLOTS + number, mint)
    for day in range(40)
    for number, mint in enumerate(("m", "n", "m"))
]
LATE: Sequence[AnyEvent] = [
    curve_traded(7 + 3 * DAY_SLOTS, "m", virtual_quote_reserves=10**12),
    curve_traded(8 + 3 * DAY_SLOTS, "new"),
]


async def save(pool: Pool, events: Sequence[Recorded]) -> None:
    seen, reached = events[0].sequence - 1, events[-1].sequence
    await CandleStore(pool).checkpoint()
    await TradeStore(pool).checkpoint()
    await CandleStore(pool).save(Candles().apply(events), seen=seen, reached=reached)
    await TradeStore(pool).save(Trades().apply(events), seen=seen, reached=reached)


async def rows(dsn: str) -> list[list[tuple[object, ...]]]:
    pool = await open_pool(dsn, connections_max=1)
    try:
        return [
            [tuple(row) for row in await pool.fetch(f"select * from {table} order by 1, 2, 3")]
            for table in ("candles", "trades")
        ]
    finally:
        await pool.close()


async def saved(dsn: str, events: Sequence[Recorded]) -> None:
    pool = await open_pool(dsn, connections_max=1)
    try:
        await save(pool, events)
    finally:
        await pool.close()


async def test_compressed_tables_hold_the_same_rows_and_take_late_ones(timescale_dsn: str) -> None:
    await migrate(timescale_dsn)
    await saved(timescale_dsn, recorded(EARLY))
    before = await rows(timescale_dsn)
    candles, trades = await compress(timescale_dsn, older_than_days=7)
    assert (candles.table, candles.chunks, trades.table) == ("candles", 1, "trades")
    assert trades.chunks > 30
    assert 0 < trades.bytes_after < trades.bytes_before
    assert await rows(timescale_dsn) == before

    await saved(timescale_dsn, recorded(LATE, after=len(EARLY)))
    late = await rows(timescale_dsn)
    assert len(late[1]) == len(EARLY) + len(LATE)
    again = await compress(timescale_dsn, older_than_days=7)
    assert again[1].chunks == trades.chunks
    assert await rows(timescale_dsn) == late

    pool = await open_pool(timescale_dsn, connections_max=1)
    await pool.execute("truncate candle_rows, candle_hours, trades, checkpoints")
    await pool.close()
    await saved(timescale_dsn, recorded([*EARLY, *LATE]))
    assert await rows(timescale_dsn) == late, "as if nothing had been compressed or come late"


async def test_compressed_tables_move_from_schema_to_schema_as_a_rebuild_moves_them(
    timescale_dsn: str,
) -> None:
    await migrate(timescale_dsn)
    await saved(timescale_dsn, recorded(EARLY))
    before = await rows(timescale_dsn)
    await compress(timescale_dsn, older_than_days=1)
    pool = await open_pool(timescale_dsn, connections_max=1)
    await pool.execute("create schema trades_previous")
    await pool.execute("alter table trades set schema trades_previous")
    kept = await pool.fetchval("select count(*) from trades_previous.trades")
    await pool.execute("alter table trades_previous.trades set schema public")
    await pool.close()
    assert kept == len(EARLY)
    assert await rows(timescale_dsn) == before


async def command(dsn: str, *arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "curvetape", "projections", "compress", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "CURVETAPE_POSTGRES_DSN": dsn},
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_command_tells_what_each_table_takes_now(timescale_dsn: str) -> None:
    await migrate(timescale_dsn)
    await saved(timescale_dsn, recorded(EARLY))
    code, out, err = await command(timescale_dsn, "--older-than-days", "1", "--json")
    assert code == 0, err
    assert [(it["table"], it["chunks"] > 0) for it in json.loads(out)] == [
        ("candles", True),
        ("trades", True),
    ]
    code, out, _ = await command(timescale_dsn)
    assert code == 0
    assert out.startswith("candles: 1 parts are compressed, from ")


async def test_the_command_ends_with_3_where_nothing_can_be_compressed(postgres_dsn: str) -> None:
    await migrate(postgres_dsn)
    code, _, err = await command(postgres_dsn)
    assert (code, "compresses no tables" in err) == (3, True)


async def test_a_server_without_timescale_says_that_it_compresses_nothing(
    postgres_dsn: str,
) -> None:
    await migrate(postgres_dsn)
    with pytest.raises(CompressionError, match="compresses no tables"):
        await compress(postgres_dsn, older_than_days=7)
