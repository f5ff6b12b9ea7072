"""Loads by columns on databases that are otherwise than a plain one of ours."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import polars as pl
import pytest

from adapters.archive.folder import FolderStore
from adapters.archive.log import ArchivedLog
from adapters.postgres import portfolio_load
from adapters.postgres.candles import CandleStore
from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import open_pool
from adapters.postgres.portfolios import PortfolioStore
from adapters.postgres.trades import TradeStore
from curvetape.bootstrap import read_models
from curvetape.loading import load_by_columns
from curvetape.testing.archives import MemoryStream, sealed, stored
from curvetape.testing.certified import certified
from curvetape.testing.events import GENESIS_S, curve_traded
from curvetape.testing.loads import digest
from domain.events import AnyEvent
from projections.position_frames import Folded, folded
from projections.runner import Runner
from projections.wallet_position import DAY_S

DAYS = 3
FAR: Sequence[AnyEvent] = [
    curve_traded(
        day * 216_000 + number,
        f"mint{number % 3}",
        user=f"wallet{number % 4}",
        side="sell" if number % 5 == 4 else "buy",
        block_time_s=GENESIS_S + day * 30 * DAY_S + number,
    )
    for day in range(DAYS)
    for number in range(1, 40)
]
"""Trades so far apart that TimescaleDB keeps them in parts of their own."""


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (CandleStore, "candle_rows"),
        (TradeStore, "trades"),
        (PortfolioStore, "portfolio_trades"),
    ],
)
async def test_tables_that_timescaledb_cuts_are_loaded_as_a_replay_makes_them(
    timescale_dsn: str, tmp_path: Path, kind: type[CheckpointedStore[Any]], table: str
) -> None:
    messages, store = stored(certified(FAR)), FolderStore(tmp_path)
    last = sealed(store, messages, events_max=50)[-1].last_sequence
    await migrate(timescale_dsn)
    pool = await open_pool(timescale_dsn, connections_max=1)
    hosted = [it for it in read_models(pool) if it.projection.name == kind.name]
    await Runner(ArchivedLog(store, MemoryStream(messages)), hosted).run(follow=False)
    chunks = await pool.fetchval(
        "select count(*) from timescaledb_information.chunks where hypertable_name = $1", table
    )
    await pool.close()
    tables = {it.view for it in kind.tables}
    before = {it: await digest(timescale_dsn, "public", it) for it in tables}
    assert await load_by_columns(
        kind.name, store, timescale_dsn, "public", until=last, say=print, lanes=1
    )
    assert {it: await digest(timescale_dsn, "public", it) for it in tables} == before
    assert chunks == DAYS, chunks


async def test_who_folds_for_long_is_not_taken_for_idle(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some databases end a transaction in which nothing is asked for a while."""

    def slowly(trades: pl.DataFrame) -> Folded:
        time.sleep(0.3)
        return folded(trades)

    monkeypatch.setattr(portfolio_load, "folded", slowly)
    store = FolderStore(tmp_path)
    last = sealed(store, stored(certified(FAR)), events_max=50)[-1].last_sequence
    await migrate(postgres_dsn)
    connection = await asyncpg.connect(postgres_dsn)
    name = await connection.fetchval("select current_database()")
    await connection.execute(
        f"alter database {name} set idle_in_transaction_session_timeout = '50ms'"
    )
    await connection.close()
    loaded = await load_by_columns(
        "portfolios", store, postgres_dsn, "public", until=last, say=print
    )
    assert loaded is not None
    assert loaded.rows == len(FAR)
