"""Trades that were let go of on purpose are no hole: not to a comparison, a rebuild or a reader."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from adapters.postgres import retention
from adapters.postgres.candles import CandleStore
from adapters.postgres.generations import LOCK_CLASS, Generations
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.retention import TrimError, Trimmed, Trimming, trim
from adapters.postgres.scratch import Scratch
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from curvetape.bootstrap import read_models
from curvetape.comparing import Comparing
from curvetape.rebuilding import Rebuilding
from curvetape.testing.events import GENESIS_S, created, curve_traded, recorded
from curvetape.testing.memory_log import MemoryLog
from domain.events import AnyEvent
from domain.position import Position
from projections.audit.model_report import ModelReport
from projections.candles import Candles
from projections.horizon import Horizon
from projections.projection import host
from projections.reads import SORT_VALUE_UNKNOWN
from projections.runner import Runner
from projections.token_lists import ListPlace, TokenQuery
from projections.tokens import Tokens
from projections.trades import Trades

DAY_SLOTS, DAY_S = 216_000, 86_400
DAYS = 10
KEPT_DAYS = 3
STORY: list[AnyEvent] = [
    created(1, "m"),
    *(
        curve_traded(2 + day * DAY_SLOTS + number, mint, block_time_s=GENESIS_S + day * DAY_S)
        for day in range(DAYS)
        for number, mint in enumerate(("m", "n", "m"))
    ),
]
HORIZON = Position(DAY_SLOTS * (DAYS - 1 - KEPT_DAYS), 0, 0, 0).order_key
OLD_DAYS = DAYS - 1 - KEPT_DAYS
LATE = curve_traded(9 + 2 * DAY_SLOTS, "m", block_time_s=GENESIS_S + 2 * DAY_S)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Pool]:
    """One connection, given back before the next is opened: some servers offer no second one."""
    pool = await open_pool(dsn, connections_max=1)
    try:
        yield pool
    finally:
        await pool.close()


async def project(dsn: str, events: Sequence[AnyEvent]) -> None:
    await migrate(dsn)
    async with opened(dsn) as pool:
        hosted = [host(Trades(), TradeStore(pool)), host(Tokens(), TokenStore(pool))]
        await Runner(MemoryLog(events), hosted, batch_max=7).run(follow=False)


async def positions(dsn: str) -> list[int]:
    async with opened(dsn) as pool:
        return [row["pos"] for row in await pool.fetch("select pos from trades order by pos")]


async def trimmed(dsn: str, *, days: int = KEPT_DAYS) -> Trimmed:
    return await trim(dsn, "trades", older_than_days=days)


async def compared(dsn: str, events: Sequence[AnyEvent]) -> ModelReport:
    async with await Scratch.open(dsn, application="test") as scratch:
        hosted = [it for it in read_models(scratch) if it.projection.name == "trades"]
        log = MemoryLog(events)
        report = await Comparing(log, scratch, hosted, print, batch_max=5, rows_max=5).run()
    return report.models[0]


async def test_whole_days_of_slots_go_and_it_is_noted_from_when_on_all_is_there(
    database_dsn: str,
) -> None:
    await project(database_dsn, STORY)
    every = await positions(database_dsn)
    complete_from_s = GENESIS_S + (OLD_DAYS - 1) * DAY_S + 1
    assert await trimmed(database_dsn) == Trimmed(
        name="trades", rows=3 * OLD_DAYS, complete_from_s=complete_from_s
    )
    assert await positions(database_dsn) == [pos for pos in every if pos >= HORIZON]
    again = await trimmed(database_dsn)
    assert (again.rows, again.complete_from_s) == (0, complete_from_s)
    # Whoever keeps more from now on does not get back what is gone.
    assert (await trimmed(database_dsn, days=9)).complete_from_s == complete_from_s
    async with opened(database_dsn) as pool:
        reads = PostgresReads(pool)
        horizon = Horizon(pos=HORIZON, complete_from_s=complete_from_s)
        assert await reads.trades_horizon() == horizon


async def test_it_is_told_what_will_go_and_page_by_page_what_went(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH_PAGES", 1)
    many = [
        curve_traded(2 + number, "m", block_time_s=GENESIS_S, layout="x" * 900)
        for number in range(30)
    ]
    await project(postgres_dsn, [*STORY, *many])
    told: list[Trimming] = []
    await trim(postgres_dsn, "trades", older_than_days=KEPT_DAYS, told=told.append)
    first, last = told[0], told[-1]
    rows = 3 * OLD_DAYS + len(many) - 2  # the story's first trades have the same places
    assert (first.rows, first.removed, first.pages) == (rows, 0, 0)
    assert first.before_s == GENESIS_S + (OLD_DAYS - 1) * DAY_S + 1
    assert last.removed == rows
    assert [it.pages_done for it in told] == list(range(last.pages + 1))
    told.clear()
    await trim(postgres_dsn, "trades", older_than_days=KEPT_DAYS, told=told.append)
    assert told == [], "nothing goes"


async def test_where_nothing_is_old_nothing_is_noted(postgres_dsn: str) -> None:
    await migrate(postgres_dsn)
    assert (await trimmed(postgres_dsn)).complete_from_s is None
    await project(postgres_dsn, STORY)
    found = await trimmed(postgres_dsn, days=DAYS)
    assert (found.rows, found.complete_from_s) == (0, None)


async def test_a_comparison_begins_at_the_horizon_and_sees_what_is_wrong_behind_it(
    database_dsn: str,
) -> None:
    await project(database_dsn, STORY)
    assert (await compared(database_dsn, STORY)).tables[0].from_pos is None
    await trimmed(database_dsn)
    found = await compared(database_dsn, STORY)
    assert found.verdict == "equal"
    assert [(it.rows, it.from_pos) for it in found.tables] == [
        (len(STORY) - 1 - 3 * OLD_DAYS, HORIZON)
    ]
    async with opened(database_dsn) as pool:
        newest = await pool.fetchval("select max(pos) from trades")
        await pool.execute("delete from trades where pos = $1", newest)
    found = await compared(database_dsn, STORY)
    assert found.tables[0].differences == {"missing": 1}


async def test_what_is_late_for_what_was_let_go_of_does_not_come_back(database_dsn: str) -> None:
    await project(database_dsn, STORY)
    await trimmed(database_dsn)
    before = await positions(database_dsn)
    later = [*STORY, LATE, curve_traded(DAYS * DAY_SLOTS, "m")]
    await project(database_dsn, later)
    assert len(await positions(database_dsn)) == len(before) + 1
    assert (await compared(database_dsn, later)).verdict == "equal"


async def test_a_runner_that_goes_on_meanwhile_brings_nothing_back(postgres_dsn: str) -> None:
    await migrate(postgres_dsn)
    async with opened(postgres_dsn) as pool:
        store = TradeStore(pool)
        await store.checkpoint()
        await store.save(Trades().apply(recorded(STORY)), seen=0, reached=len(STORY))
        await trimmed(postgres_dsn)
        before = await positions(postgres_dsn)
        late = Trades().apply(recorded([LATE], after=len(STORY)))
        await store.save(late, seen=len(STORY), reached=len(STORY) + 1)
        assert await positions(postgres_dsn) == before
        # As a save may do that had begun before the horizon was noted.
        await pool.execute("delete from horizons")
        await store.save(late, seen=len(STORY) + 1, reached=len(STORY) + 2)
        await pool.execute(
            "insert into horizons values ('trades', $1, $2)", HORIZON, GENESIS_S + 6 * DAY_S
        )
    assert LATE.pos.order_key in await positions(postgres_dsn)
    assert (await compared(postgres_dsn, [*STORY, LATE, LATE])).verdict == "equal"
    assert (await trimmed(postgres_dsn)).rows == 1


async def test_a_rebuild_takes_over_the_horizon_and_a_part_of_the_past_has_all(
    postgres_dsn: str,
) -> None:
    await project(postgres_dsn, STORY)
    await trimmed(postgres_dsn)
    before = await positions(postgres_dsn)
    async with await Generations.open(postgres_dsn) as generations:
        await generations.claim("trades")
        with pytest.raises(TrimError, match="just now"):
            await trimmed(postgres_dsn)
        rebuilding = Rebuilding(
            MemoryLog(STORY), generations, read_models, "trades", print, batch_max=7
        )
        await rebuilding.build(fresh=True)
        await rebuilding.serve("next")
    assert await positions(postgres_dsn) == before
    assert (await compared(postgres_dsn, STORY)).verdict == "equal"
    assert (await trimmed(postgres_dsn)).complete_from_s is not None
    async with opened(postgres_dsn) as pool:
        assert await pool.fetchval("select count(*) from trades_previous.horizons") == 1


async def test_nothing_is_let_go_of_while_it_is_compared(postgres_dsn: str) -> None:
    await project(postgres_dsn, STORY)
    async with await Scratch.open(postgres_dsn, application="test"):
        with pytest.raises(TrimError, match="compared"):
            await trimmed(postgres_dsn)
    assert (await trimmed(postgres_dsn)).rows == 3 * OLD_DAYS


async def test_windows_say_nothing_of_what_was_let_go_of(postgres_dsn: str) -> None:
    idle = [*STORY, curve_traded(DAYS * DAY_SLOTS, "idle", block_time_s=GENESIS_S + DAYS * DAY_S)]
    first = curve_traded(7, "idle", block_time_s=GENESIS_S)
    await project(postgres_dsn, [*idle, first])
    await trimmed(postgres_dsn)
    async with opened(postgres_dsn) as pool:
        reads = PostgresReads(pool)
        assert await reads.windows("m", as_of_s=GENESIS_S + 2 * DAY_S) is None
        found = await reads.windows("m")
        assert found is not None
        assert found.rows[-1].closing_price is not None
        idle_since = await reads.windows("idle")
        assert idle_since is not None
        day = idle_since.rows[-1]
        # It had traded before, but nobody knows at what price.
        assert (day.trades, day.opening_price, day.since_first_trade) == (1, None, False)


async def test_a_list_does_not_say_what_a_token_was_worth_whose_trade_of_then_is_gone(
    postgres_dsn: str,
) -> None:
    """It traded long ago, and again once the list's first page had been made."""
    again = curve_traded(DAYS * DAY_SLOTS, "idle", block_time_s=GENESIS_S + DAYS * DAY_S)
    first = curve_traded(7, "idle", block_time_s=GENESIS_S)
    await project(postgres_dsn, [*STORY, created(6, "idle"), first, again])
    page = ListPlace(value=1e300, mint="", pos=STORY[-1].pos.order_key)
    asked = TokenQuery(sort="progress", limit=10, after=page)

    async def progress() -> float:
        async with opened(postgres_dsn) as pool:
            found = (await PostgresReads(pool).listed(asked)).tokens
        (idle,) = (it.value for it in found if it.row.mint == "idle")
        return idle

    before = await progress()
    await trimmed(postgres_dsn)
    assert await progress() == SORT_VALUE_UNKNOWN != before


async def command(dsn: str, *arguments: str, **settings: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "curvetape", "projections", "trim", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "CURVETAPE_POSTGRES_DSN": dsn, **settings},
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_command_removes_nothing_unless_it_is_told_for_how_long(
    postgres_dsn: str,
) -> None:
    await project(postgres_dsn, STORY)
    code, _, err = await command(postgres_dsn)
    assert (code, "CURVETAPE_RETAIN_TRADES_DAYS" in err) == (2, True)
    code, _, err = await command(postgres_dsn, "--older-than-days", "1")
    assert code == 2, err
    code, out, err = await command(postgres_dsn, "trades", CURVETAPE_RETAIN_TRADES_DAYS="3")
    assert (code, out.startswith(f"trades: {3 * OLD_DAYS} rows are removed; complete from")) == (
        0,
        True,
    ), err
    assert f"trades: removing {3 * OLD_DAYS} rows from before 20" in err
    code, out, err = await command(postgres_dsn, "--older-than-days", "3", "--json")
    assert [it["rows"] for it in json.loads(out)] == [0]


async def test_the_command_lets_go_of_candles_where_it_is_told_for_how_long(
    postgres_dsn: str,
) -> None:
    await migrate(postgres_dsn)
    async with opened(postgres_dsn) as pool:
        hosted = [host(Candles(), CandleStore(pool))]
        await Runner(MemoryLog(STORY), hosted).run(follow=False)
    code, _, err = await command(postgres_dsn, "candles")
    assert (code, "CURVETAPE_RETAIN_CANDLES" in err) == (2, True)
    code, _, err = await command(postgres_dsn, "candles", "--keep", "1m=7")
    assert (code, "longer ones are kept" in err) == (2, True)
    code, _, err = await command(postgres_dsn, "trades", "--keep", "1s=7")
    assert (code, "--keep is for candles" in err) == (2, True)
    code, _, err = await command(postgres_dsn, CURVETAPE_RETAIN_CANDLES="1m=7")
    assert (code, "CURVETAPE_RETAIN_CANDLES was '1m=7': the interval" in err) == (2, True)
    trades = ("trades", "--older-than-days", "30")
    code, _, err = await command(postgres_dsn, *trades, CURVETAPE_RETAIN_CANDLES="1m=7")
    assert code == 0, err
    newest_s = GENESIS_S + (DAYS - 1) * DAY_S
    since_s = newest_s - newest_s % DAY_S - 2 * DAY_S
    every = Candles().apply(recorded(STORY)).candles
    gone = sum(length_s == 1 and start_s < since_s for _, length_s, start_s in every)
    code, out, err = await command(postgres_dsn, "candles", "--keep", "1s=2")
    told = f"candles: {gone} rows are removed; 1s complete from 2025-"
    assert (code, out.startswith(told)) == (0, True), err
    assert "candles: removing what is older than 2025-" in err
    code, out, err = await command(postgres_dsn, "--json", CURVETAPE_RETAIN_CANDLES="1s=2")
    assert [(it["name"], it["rows"]) for it in json.loads(out)] == [("candles", 0)], err


async def test_what_was_done_is_told_where_the_rest_is_refused(postgres_dsn: str) -> None:
    await project(postgres_dsn, STORY)
    both = {"CURVETAPE_RETAIN_CANDLES": "1s=2", "CURVETAPE_RETAIN_TRADES_DAYS": "3"}
    async with opened(postgres_dsn) as pool, pool.acquire() as building:
        await building.execute("select pg_advisory_lock($1, hashtext('trades'))", LOCK_CLASS)
        code, out, err = await command(postgres_dsn, **both)
        assert (code, "trades is being built anew" in err) == (3, True)
        assert out.startswith("candles: ")
        code, out, _ = await command(postgres_dsn, "--json", **both)
        assert (code, [it["name"] for it in json.loads(out)]) == (3, ["candles"])
