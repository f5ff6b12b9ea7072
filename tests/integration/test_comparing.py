"""The read models are compared with a replay, row by row, while they go on, and left alone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest

from adapters.postgres import upsert
from adapters.postgres.errors import DatabaseUnreachableError
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.scratch import NoReadModelsError, Scratch
from adapters.postgres.trades import TradeStore
from curvetape.bootstrap import read_models
from curvetape.comparing import Comparing
from curvetape.testing.contents import TABLES
from curvetape.testing.events import burned, completed, created, curve_traded, migrated, pool_traded
from curvetape.testing.forks import abandoned, confirmed, trade
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.waiting import until
from domain.events import AnyEvent
from domain.log import EventLog, Recorded
from projections.audit.model_report import ModelReport, ModelsReport
from projections.runner import ProjectionsStoppedError, Runner

STORY: Sequence[AnyEvent] = (
    created(1, "m"),
    curve_traded(2, "m"),
    curve_traded(3, "n"),
    trade(4, mint="m"),
    trade(5, mint="fork"),
    abandoned(5, 1),
    confirmed(4),
    curve_traded(9, "m", side="sell", virtual_quote_reserves=30_500_000_000),
    completed(200, "m"),
    migrated(201, "m"),
    pool_traded(202, "m", base_supply=10**15),
    burned(203, "m"),
    pool_traded(204, "n", canonical=False),
    trade(300, mint="m"),  # waits for its slot
)
TEMPORARY = "select count(*) from pg_class where relpersistence = 't' and relname = 'candle_rows'"


@pytest.fixture(autouse=True)
def copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows are copied, so that a replay is seen to have its own tables for them."""
    monkeypatch.setattr(upsert, "COPIED_ROWS_MIN", 1)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Pool]:
    """One connection, given back before the next is opened: some servers offer no second one."""
    pool = await open_pool(dsn, connections_max=1)
    try:
        yield pool
    finally:
        await pool.close()


async def project(dsn: str, events: Sequence[AnyEvent], *names: str) -> None:
    """Bring read models to the end of these events: those that are named, or all."""
    await migrate(dsn)
    async with opened(dsn) as pool:
        hosted = [it for it in read_models(pool) if not names or it.projection.name in names]
        await Runner(MemoryLog(events), hosted, batch_max=3).run(follow=False)


async def execute(dsn: str, statement: str) -> None:
    async with opened(dsn) as pool:
        await pool.execute(statement)


async def compare(dsn: str, log: EventLog, *, rows_max: int = 10) -> ModelsReport:
    async with await Scratch.open(dsn, application="test") as scratch:
        comparing = Comparing(
            log, scratch, read_models(scratch), print, batch_max=4, rows_max=rows_max
        )
        return await comparing.run()


def of(report: ModelsReport, name: str) -> ModelReport:
    return next(it for it in report.models if it.name == name)


async def test_read_models_that_are_what_the_log_gives_are_equal(database_dsn: str) -> None:
    await project(database_dsn, STORY)
    report = await compare(database_dsn, MemoryLog(STORY))
    assert report.verdict == "equal"
    assert report.last_sequence == len(STORY)
    assert {it.name: it.sequence for it in report.models} == dict.fromkeys(
        ("candles", "trades", "tokens", "portfolios", "search", "holders", "sol_prices", "slots"),
        len(STORY),
    )
    rows = {table.name: table.rows for it in report.models for table in it.tables}
    assert (rows["trades"], rows["tokens"], rows["token_burns"]) == (6, 2, 1)
    assert (rows["search_documents"], rows["search_burns"]) == (2, 1)
    again = await compare(database_dsn, MemoryLog(STORY))
    assert again == report, "the digests are the rows' own"


@pytest.mark.parametrize(
    ("statement", "model", "what", "named"),
    [
        (
            "update candle_rows set close = close * 2 where mint = 'm' and interval_s = 86400",
            "candles",
            "other values",
            {"kept": {"close": 2 * (84_990_000_000 + 412_824_000) / 205_900_000_000_000}},
        ),
        (
            "update trades set pool = '' where pool is null and mint = 'n'",
            "trades",
            "other values",
            {"kept": {"pool": ""}, "replayed": {"pool": None}},
        ),
        (
            "update portfolio_positions set cost_amount = cost_amount + 1 where mint = 'n'",
            "portfolios",
            "other values",
            {"kept": {"cost_amount": 1_417_000_001, "realised_amount": 1}},
        ),
        ("delete from tokens where mint = 'n'", "tokens", "missing", {"key": {"mint": "n"}}),
        (
            "insert into token_burns values ('z', 7, 1)",
            "tokens",
            "extra",
            {"key": {"mint": "z", "pos": 7}, "kept": {"amount": 1}},
        ),
    ],
)
async def test_a_row_that_was_tampered_with_is_named(
    database_dsn: str, statement: str, model: str, what: str, named: dict[str, object]
) -> None:
    await project(database_dsn, STORY)
    await execute(database_dsn, statement)
    report = await compare(database_dsn, MemoryLog(STORY))
    assert report.verdict == "different"
    assert [it.name for it in report.models if it.verdict == "different"] == [model]
    (table,) = [it for it in of(report, model).tables if it.digest != it.digest_replayed]
    assert table.differences == {what: 1}
    (row,) = table.first
    assert row.what == what
    assert {name: getattr(row, name) for name in named} == named


async def test_no_more_rows_are_named_than_were_asked_for_but_all_are_counted(
    postgres_dsn: str,
) -> None:
    await project(postgres_dsn, STORY)
    await execute(postgres_dsn, "truncate trades")
    trades = of(await compare(postgres_dsn, MemoryLog(STORY), rows_max=2), "trades").tables[0]
    assert (trades.rows, trades.rows_replayed, trades.differences) == (0, 6, {"missing": 6})
    assert [it.key["mint"] for it in trades.first] == ["m", "m"]


async def test_each_read_model_is_compared_at_its_own_place(postgres_dsn: str) -> None:
    await project(postgres_dsn, STORY[:5], "candles")
    await project(postgres_dsn, STORY[:9], "tokens")
    report = await compare(postgres_dsn, MemoryLog(STORY))
    assert [(it.name, it.sequence, it.verdict) for it in report.models] == [
        ("candles", 5, "equal"),
        ("trades", None, "not compared"),
        ("tokens", 9, "equal"),
        ("portfolios", None, "not compared"),
        ("search", None, "not compared"),
        ("holders", None, "not compared"),
        ("sol_prices", None, "not compared"),
        ("slots", None, "not compared"),
    ]
    assert (report.verdict, of(report, "trades").reason) == ("not compared", "it has not begun")


async def test_what_is_saved_during_the_comparison_is_not_seen_by_it(postgres_dsn: str) -> None:
    await project(postgres_dsn, STORY[:3])
    async with await Scratch.open(postgres_dsn, application="test") as scratch:
        await scratch.shadow(TradeStore.tables)
        async with scratch.frozen():
            before = await scratch.kept()
            await project(postgres_dsn, STORY)
            assert await scratch.kept() == before
            table = await scratch.compared(TradeStore.tables[0], rows_max=9)
            assert (table.rows, table.differences) == (2, {"extra": 2})
        assert (await scratch.kept())["trades"].sequence == len(STORY)


async def test_read_models_that_go_on_meanwhile_are_equal_all_the_same(postgres_dsn: str) -> None:
    await migrate(postgres_dsn)
    log = MemoryLog(STORY[:13])
    async with opened(postgres_dsn) as pool:
        running = asyncio.create_task(Runner(log, read_models(pool), batch_max=5).run())
        growing = asyncio.create_task(grow(log))
        try:
            await until(lambda: reached(postgres_dsn, 30))
            reports = [await compare(postgres_dsn, log) for _ in range(3)]
        finally:
            growing.cancel()
            running.cancel()
            await asyncio.gather(running, growing, return_exceptions=True)
    assert [it.verdict for it in reports] == ["equal"] * 3
    places = [it.models[0].sequence or 0 for it in reports]
    assert places[0] < places[1] < places[2], "they did go on"


async def grow(log: MemoryLog) -> None:
    slot = 1_000
    while True:
        log.add(trade(slot, mint=f"m{slot % 7}"), confirmed(slot))
        slot += 1
        await asyncio.sleep(0.005)


async def reached(dsn: str, sequence: int) -> bool:
    async with opened(dsn) as pool:
        return bool(await pool.fetchval("select min(sequence) >= $1 from checkpoints", sequence))


async def test_rows_that_are_refused_are_not_compared_until_they_are_built_anew(
    postgres_dsn: str,
) -> None:
    mistaken: list[AnyEvent] = [
        trade(1, mint="m"),
        confirmed(1),
        abandoned(1, 1),
        curve_traded(2, "m"),
    ]
    with pytest.raises(ProjectionsStoppedError):
        await project(postgres_dsn, mistaken)
    refused = await compare(postgres_dsn, MemoryLog(mistaken))
    assert refused.verdict == "not compared"
    assert "slot 1 was taken back" in str(refused.models[0].reason)
    tables = (*TABLES, "search_burns", "search_clock", "search_changes", "checkpoints")
    await execute(postgres_dsn, f"truncate {', '.join(tables)}")
    await project(postgres_dsn, mistaken)
    anew = await compare(postgres_dsn, MemoryLog(mistaken))
    assert anew.verdict == "equal"
    assert of(anew, "trades").tables[0].rows == 1


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("update checkpoints set version = 9 where name = 'tokens'", "rows are of version 9"),
        (
            "update checkpoints set sequence = 900 where name = 'tokens'",
            "it is at sequence 900, but the log ends at 14, so it was made from another log",
        ),
    ],
)
async def test_what_cannot_be_compared_is_said_and_the_others_are(
    postgres_dsn: str, statement: str, reason: str
) -> None:
    await project(postgres_dsn, STORY)
    await execute(postgres_dsn, statement)
    report = await compare(postgres_dsn, MemoryLog(STORY))
    verdicts = {it.name: it.verdict for it in report.models}
    assert verdicts.pop("tokens") == "not compared"
    assert set(verdicts.values()) == {"equal"}
    assert reason in str(of(report, "tokens").reason)
    assert report.verdict == "not compared"


async def test_a_core_that_cannot_apply_an_event_now_is_named_as_the_reason(
    postgres_dsn: str,
) -> None:
    await project(postgres_dsn, STORY)
    odd = curve_traded(3, "n")
    changed = [*STORY[:2], trade(-1, mint="n", id=odd.id, provisional=False), *STORY[3:]]
    report = await compare(postgres_dsn, MemoryLog(changed))
    assert report.verdict == "not compared"
    assert "cannot apply event" in str(of(report, "trades").reason)


async def test_a_database_without_read_models_is_told_from_one_that_is_not_there(
    postgres_dsn: str,
) -> None:
    with pytest.raises(NoReadModelsError, match="has no read models; `curvetape project`"):
        await Scratch.open(postgres_dsn, application="test")
    with pytest.raises(DatabaseUnreachableError, match="could not be reached"):
        await Scratch.open("postgresql://127.0.0.1:1/none", application="test")


async def test_nothing_but_the_replay_can_be_written(postgres_dsn: str) -> None:
    await project(postgres_dsn, STORY)
    async with await Scratch.open(postgres_dsn, application="test") as scratch:
        await scratch.shadow(TradeStore.tables)
        async with scratch.acquire() as connection:
            await connection.execute("delete from trades")
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await connection.execute("delete from public.trades")
    assert (await compare(postgres_dsn, MemoryLog(STORY))).verdict == "equal"


class Stuck(MemoryLog):
    """Hands out one batch, and then does what it was made for, for ever if that is to wait."""

    def __init__(self, events: Sequence[AnyEvent], then: Callable[[], object]) -> None:
        super().__init__(events)
        self._then = then

    async def read(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Recorded]]:
        async for batch in super().read(after=after, batch_max=batch_max, follow=follow):
            yield batch
            self._then()
            await asyncio.Event().wait()


async def test_a_comparison_that_is_stopped_leaves_nothing_behind(postgres_dsn: str) -> None:
    await project(postgres_dsn, STORY)
    stuck = asyncio.Event()
    comparing = asyncio.create_task(compare(postgres_dsn, Stuck(STORY, stuck.set)))
    async with opened(postgres_dsn) as pool:
        await asyncio.wait_for(stuck.wait(), 10)
        assert await pool.fetchval(TEMPORARY) == 1
        comparing.cancel()
        await asyncio.gather(comparing, return_exceptions=True)
        assert comparing.cancelled()

        async def gone() -> bool:
            return bool(await pool.fetchval(TEMPORARY) == 0)

        await until(gone)
    assert (await compare(postgres_dsn, MemoryLog(STORY))).verdict == "equal"


async def test_a_connection_that_is_lost_ends_the_comparison_in_a_sentence(
    postgres_dsn: str,
) -> None:
    await project(postgres_dsn, STORY)
    async with await Scratch.open(postgres_dsn, application="test") as scratch:
        comparing = Comparing(
            MemoryLog(STORY), scratch, read_models(scratch), print, batch_max=4, rows_max=9
        )
        async with opened(postgres_dsn) as pool:
            ended = await pool.fetchval(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'test'"
            )
        assert ended
        with pytest.raises(DatabaseUnreachableError, match="could not be reached"):
            await comparing.run()
