"""Our side, in a process of its own: loads candles as `curvetape projections rebuild` does."""

import sys
import time
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from adapters.archive.folder import FolderStore
from adapters.postgres.candles import CandleStore
from adapters.postgres.generations import Generations, schema_of
from bench.answering import answer_lines
from bench.result import say
from curvetape.loading import load_by_columns
from projections.candle_columns import LENGTHS_S
from projections.candles import Candles

_SCHEMA = schema_of(Candles.name, "next")
_BARE = "bare_candles"
_KEY = ", ".join(CandleStore.tables[0].key)


class Side:
    """The archive, and the database that is filled from it."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self._store = FolderStore(folder)
        self._dsn = dsn
        self._csv = folder.with_name("rows.csv")

    async def answer(self, question: dict[str, Any]) -> object:
        """Make an empty generation, load candles into it, count, or copy what was loaded first."""
        if question["ask"] == "prepare":
            return await self._prepare()
        if question["ask"] == "load":
            return await self._load(question["until"])
        if question["ask"] == "count":
            return await self._count()
        return await self._copy()

    async def _prepare(self) -> dict[str, Any]:
        async with await Generations.open(self._dsn) as generations:
            tables = [it.table for it in (*CandleStore.tables, *CandleStore.bookkeeping)]
            await generations.create(
                Candles.name, _SCHEMA, tables, version=Candles.version, views=CandleStore.views
            )
        return {}

    async def _load(self, until: int) -> dict[str, Any]:
        cpu_s, began_s = time.process_time(), time.perf_counter()
        loaded = await load_by_columns(
            Candles.name, self._store, self._dsn, _SCHEMA, until=until, say=say
        )
        seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        assert loaded is not None, "there are segments"
        return {
            "events": loaded.events,
            "rows": loaded.rows,
            "seconds": seconds,
            "cpu_s": cpu_s,
            "gathering_s": loaded.gathering_s,
            "copying_s": loaded.copying_s,
            "finishing_s": loaded.finishing_s,
        }

    async def _count(self) -> dict[str, Any]:
        connection = await asyncpg.connect(self._dsn)
        try:
            trades = await connection.fetchval(
                f"select sum(buys + sells)::bigint from {_SCHEMA}.candles where interval_s = $1",
                LENGTHS_S[0],
            )
            await connection.execute("checkpoint")  # what is left to write is not to fall on others
        finally:
            await connection.close()
        return {"trades": trades}

    async def _copy(self) -> dict[str, Any]:
        connection = await asyncpg.connect(self._dsn)
        try:
            await connection.execute(
                f"drop table if exists {_BARE};"
                f" create table {_BARE} (like {_SCHEMA}.{CandleStore.tables[0].table});"
                # As a load has them.
                " set maintenance_work_mem = '256MB'; set wal_compression = off"
            )
            if not self._csv.exists():
                # Plain rows, in the order of the key, of what is kept as pages.
                await connection.copy_from_query(
                    f"select * from {_SCHEMA}.candles order by {_KEY}",
                    output=self._csv,
                    format="csv",
                )
            cpu_s, began_s = time.process_time(), time.perf_counter()
            await connection.copy_to_table(_BARE, source=self._csv, format="csv")
            copied_s = time.perf_counter() - began_s
            await connection.execute(f"alter table {_BARE} add primary key ({_KEY})")
            seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
            rows = await connection.fetchval(f"select count(*) from {_BARE}")
            await connection.execute("checkpoint")
        finally:
            await connection.close()
        return {
            "rows": rows,
            "seconds": seconds,
            "cpu_s": cpu_s,
            "copying_s": copied_s,
            "finishing_s": seconds - copied_s,
        }


async def main(folder: Path, dsn: str) -> None:
    """Until stdin ends."""
    await answer_lines(Side(folder, dsn).answer)


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2]))
