"""What a lost connection, a killed server or a killed process leaves behind: all or nothing."""

import asyncio
import random
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from adapters.embedded.postgres import PostgresServer
from adapters.postgres import checkpoint
from adapters.postgres.candles import CandleStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Connection, Pool, open_pool
from adapters.postgres.trades import TradeStore
from curvetape.testing.events import curve_traded, recorded
from curvetape.testing.forks import abandoned, confirmed, trade
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.waiting import until
from domain.events import AnyEvent
from projections.candles import Candles
from projections.candles import Changes as CandleChanges
from projections.projection import StoreUnavailableError, host
from projections.runner import Runner
from projections.trades import Trades

EVENTS = [curve_traded(slot, "m") for slot in range(1, 401)]


def slots_that_interleave() -> list[AnyEvent]:
    """60 slots of 10 trades; each is decided two slots late, and every fifth dies first."""
    log: list[AnyEvent] = []
    for slot in range(1, 63):
        if slot <= 60:
            log += (trade(slot, number) for number in range(10))
        if (decided := slot - 2) > 0:
            if decided % 5 == 0:
                log.append(abandoned(decided, 10))
                log += (trade(decided, number) for number in range(10))
            log.append(confirmed(decided))
    return log


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    await migrate(postgres_dsn)
    opened = await open_pool(postgres_dsn)
    yield opened
    await opened.close()


class Interrupted(CandleStore):
    """Loses its connection between its rows and the commit, the first time."""

    lost = False

    async def write(self, connection: Connection, changes: CandleChanges) -> None:
        await super().write(connection, changes)
        if not self.lost:
            self.lost = True
            async with self._pool.acquire() as other:
                await other.execute("select pg_terminate_backend($1)", connection.get_server_pid())
            await connection.execute("select 1")


class Forgetful(CandleStore):
    """Never hears that its first save was committed."""

    told = True

    async def _save(
        self, changes: CandleChanges, seen: int, reached: int, reread_after: int
    ) -> None:
        await super()._save(changes, seen, reached, reread_after)
        if self.told:
            self.told = False
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")


async def reached(store: TradeStore, sequence: int) -> bool:
    return (await store.checkpoint()).sequence >= sequence


async def candle_trades(pool: Pool) -> int:
    """Trades that the daily candles have counted."""
    counted = await pool.fetchval("select sum(buys + sells) from candles where interval_s = 86400")
    return int(counted or 0)


async def test_a_connection_lost_before_the_commit_leaves_nothing_and_is_tried_again(
    pool: Pool,
) -> None:
    store = Interrupted(pool)
    await Runner(MemoryLog(EVENTS), [host(Candles(), store)]).run(follow=False)
    assert store.lost
    assert await candle_trades(pool) == len(EVENTS)
    assert (await store.checkpoint()).sequence == len(EVENTS)


async def test_a_commit_whose_answer_was_lost_is_not_repeated(pool: Pool) -> None:
    store = Forgetful(pool)
    await Runner(MemoryLog(EVENTS), [host(Candles(), store)], batch_max=100).run(follow=False)
    assert not store.told
    assert await candle_trades(pool) == len(EVENTS)


async def test_a_checkpoint_is_read_after_the_commit_that_a_killed_runner_left_behind(
    pool: Pool,
) -> None:
    """Whoever took the older one would find it moved later, and stop for nothing."""
    store = CandleStore(pool)
    assert (await store.checkpoint()).sequence == 0
    async with pool.acquire() as killed, pool.acquire() as watcher, killed.transaction():
        await killed.execute("update checkpoints set sequence = 400")
        asked = asyncio.create_task(store.checkpoint())

        async def asked_or_waiting() -> bool:
            waits = "select count(*) > 0 from pg_locks where not granted"
            return asked.done() or bool(await watcher.fetchval(waits))

        await until(asked_or_waiting)
    assert (await asked).sequence == 400


async def test_a_save_that_is_cancelled_leaves_rows_and_checkpoint_as_they_were(
    pool: Pool,
) -> None:
    """Another session holds the table, so the save is stopped between guard and rows."""
    store = CandleStore(pool)
    assert (await store.checkpoint()).sequence == 0
    batch = recorded(EVENTS)
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("lock table candle_rows in exclusive mode")
        saving = asyncio.create_task(store.save(Candles().apply(batch), seen=0, reached=400))
        waiting = "select count(*) > 0 from pg_locks where not granted"
        await until(lambda: holder.fetchval(waiting))
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
    assert (await store.checkpoint()).sequence == 0
    assert await candle_trades(pool) == 0


async def test_a_server_killed_on_the_way_changes_nothing_in_the_end(server_folder: Path) -> None:
    """The kill comes while batches are being saved; the runner waits and goes on by itself."""
    server = PostgresServer(server_folder)
    await server.start()
    pool = await open_pool(server.url)
    try:
        await migrate(server.url)
        candles, trades = CandleStore(pool), TradeStore(pool)
        runner = Runner(
            MemoryLog(EVENTS), [host(Candles(), candles), host(Trades(), trades)], batch_max=3
        )
        running = asyncio.create_task(runner.run(follow=False))
        await until(lambda: reached(trades, 30))
        server.kill()
        await server.start()
        async with asyncio.timeout(30):
            await running
        assert await candle_trades(pool) == len(EVENTS)
        assert await pool.fetchval("select count(*) from trades") == len(EVENTS)
        positions = await pool.fetch("select sequence from checkpoints")
        assert [row["sequence"] for row in positions] == [len(EVENTS)] * 2
    finally:
        await pool.close()
        await server.stop()


async def test_runners_stopped_anywhere_leave_each_slot_applied_once(pool: Pool) -> None:
    """None of them says goodbye: what waits is in memory only, and is found again in the log."""
    log = slots_that_interleave()
    moments = random.Random(6)
    candles, trades = CandleStore(pool), TradeStore(pool)
    for place in range(50, len(log), 50):
        hosted = [host(Candles(), candles), host(Trades(), trades)]
        running = asyncio.create_task(Runner(MemoryLog(log), hosted, batch_max=3).run())
        await until(partial(reached, trades, place))
        await asyncio.sleep(moments.uniform(0.0, 0.01))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    hosted = [host(Candles(), candles), host(Trades(), trades)]
    await Runner(MemoryLog(log), hosted).run(follow=False)
    assert await candle_trades(pool) == 600
    assert await pool.fetchval("select count(*) from trades") == 600


async def test_a_database_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint.CheckpointedStore, "attempts_max", 2)
    pool = await open_pool("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(StoreUnavailableError, match="candles: the database was away 2 times"):
        await CandleStore(pool).checkpoint()
    await pool.close()
