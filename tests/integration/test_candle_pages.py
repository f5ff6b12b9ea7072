"""Candles in pages are read, and take what comes late, as plain rows do."""

import json
import random
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from adapters.archive.candle_source import Part
from adapters.postgres.candle_load import CandleLoad
from adapters.postgres.candle_pages import PAGE_CANDLES_MAX, starting_in
from adapters.postgres.candles import CandleStore
from adapters.postgres.generations import Generations
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.reads import CANDLES, PostgresReads
from curvetape.loads.candles import CandleMaking
from curvetape.testing.events import GENESIS_S, SLOTS_PER_S, batches, curve_traded, recorded
from domain.events import AnyEvent, CurveTraded
from projections.candle_columns import LENGTHS_S, Gathering, framed
from projections.candles import Candle, Candles, Key

DAYS = 2
SLOTS = int(DAYS * 86_400 * SLOTS_PER_S)
BUSY = 900
"""Trades of the mint that has many pages."""
HUGE = 2**63 - 1


def story(seed: int) -> list[AnyEvent]:
    """Trades of a busy mint, of one that lives for minutes, of some that hardly trade, by time."""
    draw = random.Random(seed)
    slots = [("busy", draw.randrange(SLOTS)) for _ in range(BUSY)]
    slots += [("short", SLOTS // 3 + draw.randrange(1_000)) for _ in range(200)]
    slots += [(f"rare{draw.randrange(9)}", draw.randrange(SLOTS)) for _ in range(30)]
    # Two of them pass 64 bits together.
    slots += [("huge", 7_000 + number // 2 * 50_000) for number in range(6)]
    events: list[AnyEvent] = []
    for number, (mint, slot) in enumerate(sorted(slots, key=lambda it: it[1])):
        event = curve_traded(
            slot,
            mint,
            side=draw.choice(("buy", "sell")),
            quote_amount=HUGE if mint == "huge" else draw.randrange(1, 10**10),
            token_amount=draw.randrange(1, 10**14),
            virtual_quote_reserves=draw.randrange(30, 90) * 10**9,
        )
        pos = msgspec.structs.replace(event.pos, tx=number)
        events.append(msgspec.structs.replace(event, pos=pos, id=f"{number}{event.id}"))
    return events


async def load(dsn: str, events: Sequence[AnyEvent], portions: int) -> None:
    """Fill the served tables, which are empty, by pages."""
    async with opened(dsn) as pool:
        await CandleStore(pool).checkpoint()
    loading = await CandleLoad.open(dsn, "public", lanes=1)
    try:
        gathering = Gathering()
        for part in batches(recorded(events), -(-len(events) // portions)):
            made = framed(Candles().apply(part).candles, LENGTHS_S[0])
            newest = part[-1].event
            assert isinstance(newest, CurveTraded)
            until_s = newest.block_time_s or 0
            await loading.write(loading.encoded(gathering.take([made], until_s)))
        await loading.write(loading.encoded(gathering.rest()))
        await loading.finish(sequence=len(events))
    finally:
        await loading.close()


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Pool]:
    """One connection, since that is all some servers offer."""
    pool = await open_pool(dsn, connections_max=1)
    try:
        yield pool
    finally:
        await pool.close()


def core(events: Sequence[AnyEvent]) -> dict[Key, Candle]:
    return Candles().apply(recorded(events)).candles


async def kept(pool: Pool, source: str = "candles") -> dict[Key, Candle]:
    rows = await pool.fetch(f"select * from {source} as candles")
    names = Candle.__struct_fields__
    found = {
        (row["mint"], row["interval_s"], row["start_s"]): Candle(
            **{name: int(row[name]) if name.startswith("volume") else row[name] for name in names}
        )
        for row in rows
    }
    assert len(found) == len(rows), "each candle is there once"
    return found


async def hours(pool: Pool) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in await pool.fetch("select * from candle_hours")}


def hours_of(candles: Mapping[Key, Candle]) -> set[tuple[Any, ...]]:
    return {
        (
            *(start_s, mint, it.open_pos, it.open, it.close_pos, it.close),
            *(it.volume_quote, it.buys, it.sells),
        )
        for (mint, length_s, start_s), it in candles.items()
        if length_s == 3_600
    }


async def pages(pool: Pool, condition: str = "true") -> int:
    found: int = await pool.fetchval(f"select count(*) from candle_pages where {condition}")
    return found


@pytest.mark.parametrize("portions", [1, 7])
async def test_pages_hold_the_cores_candles_and_still_do_as_late_trades_come(
    database_dsn: str, portions: int
) -> None:
    events = story(portions)
    late = [it for number, it in enumerate(events) if number % 60 == 5]
    new = [it for it in events[-40:] if it not in late]
    early = [it for it in events if it not in late and it not in new]
    await migrate(database_dsn)
    await load(database_dsn, early, portions)
    async with opened(database_dsn) as pool:
        assert await kept(pool) == core(early)
        assert await hours(pool) == hours_of(core(early))
        assert await pages(pool, "mint = 'busy'") > BUSY / PAGE_CANDLES_MAX
        # Only sums that 64 bits do not hold are not in pages.
        assert set(await kept(pool, "candle_rows")) == {
            key for key, it in core(early).items() if it.volume_quote > HUGE
        }
        before = await pages(pool)

        store, last = CandleStore(pool), len(early)
        assert (await store.checkpoint()).sequence == last
        for batch in batches(recorded([*late, *new], after=last), 9):
            reached = batch[-1].sequence
            await store.save(Candles().apply(batch), seen=last, reached=reached)
            last = reached
        assert await kept(pool) == core(events)
        assert await hours(pool) == hours_of(core(events))
        assert 0 < await pages(pool) < before


async def test_what_comes_late_to_a_load_waits_in_the_database_until_it_is_merged(
    database_dsn: str,
) -> None:
    """Sums beyond 64 bits and prices reached twice among it, in many parts of one candle."""
    events = story(5)
    random.Random(6).shuffle(events)
    await migrate(database_dsn)
    async with opened(database_dsn) as pool:
        await CandleStore(pool).checkpoint()
    loading = await CandleLoad.open(database_dsn, "public", lanes=1)
    try:
        making = CandleMaking(late_s=-SLOTS)
        for part in batches(recorded(events), 100):
            before = loading.late_rows
            candles = framed(Candles().apply(part).candles, LENGTHS_S[0])
            until_s = int(candles.rows["start_s"].max())
            made = making.made([Part(candles, until_s)])
            await loading.write(loading.encoded(made))
            assert loading.late_rows == before + sum(len(it) for _, it in made.late)
        assert loading.late_rows > len(events)
        assert not len(making.rest()), "each candle had been handed out, and nothing late is kept"
        await loading.finish(sequence=len(events))
    finally:
        await loading.close()
    async with opened(database_dsn) as pool:
        assert await kept(pool) == core(events)
        assert await hours(pool) == hours_of(core(events))


async def test_reads_by_time_find_what_is_in_pages_and_what_is_beside_them(
    database_dsn: str,
) -> None:
    events = story(3)
    early, new = events[:-300], events[-300:]
    await migrate(database_dsn)
    await load(database_dsn, early, 5)
    draw = random.Random(4)
    async with opened(database_dsn) as pool:
        store = CandleStore(pool)
        assert (await store.checkpoint()).sequence == len(early)
        await store.save(
            Candles().apply(recorded(new, after=len(early))), seen=len(early), reached=len(events)
        )
        every = core(events)
        reads = PostgresReads(pool)
        for _ in range(40):
            mint, length_s = draw.choice(("busy", "short", "rare1", "huge")), draw.choice(LENGTHS_S)
            from_s = GENESIS_S + draw.randrange(-10_000, DAYS * 86_400)
            to_s = from_s + draw.choice((1, 60, 4_000, 90_000, 10**9))
            wanted = sorted(
                start_s
                for at, length, start_s in every
                if (at, length) == (mint, length_s) and from_s <= start_s < to_s
            )
            found = await reads.candles(
                mint, interval_s=length_s, from_s=from_s, to_s=to_s, limit=50
            )
            assert [it.start_s for it in found] == wanted[-50:]
            of_all = await kept(pool, starting_in(str(length_s), str(from_s), str(to_s)))
            assert of_all == {
                key: it
                for key, it in every.items()
                if key[1] == length_s and from_s <= key[2] < to_s
            }


async def test_a_chart_reads_no_pages_but_the_tokens_own_of_that_time(postgres_dsn: str) -> None:
    events = story(5)
    await migrate(postgres_dsn)
    await load(postgres_dsn, events, 5)
    from_s = GENESIS_S + 30_000
    to_s = from_s + 3_600
    async with opened(postgres_dsn) as pool, pool.acquire() as connection:
        at_that_time = f"until_s > {from_s} and from_s < {to_s} + 60"
        few = await pages_of(connection, f"mint = 'busy' and {at_that_time}")
        assert 0 < few < await pages_of(connection, "mint = 'busy'") / 4
        await connection.execute("set enable_seqscan = off")  # there are few pages
        chart = await scanned(connection, CANDLES, "busy", 60, from_s, to_s, 300)
        assert chart["read"] <= few
        assert re.search(r"mint = .* AND \(until_s > .* AND \(from_s < ", chart["conditions"])
        market = await scanned(
            connection, f"select * from {starting_in('60', '$1', '$2')} as it", from_s, to_s
        )
        assert market["read"] <= await pages_of(connection, at_that_time)
        assert "until_s > " in market["conditions"]


async def pages_of(connection: Any, condition: str) -> int:
    found: int = await connection.fetchval(f"select count(*) from candle_pages where {condition}")
    return found


async def scanned(connection: Any, sql: str, *arguments: object) -> dict[str, Any]:
    """How many pages a statement reads, and by what conditions of an index."""
    (plan,) = json.loads(
        await connection.fetchval(f"explain (analyze, format json) {sql}", *arguments)
    )
    nodes, conditions, read = [plan["Plan"]], [], 0
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        conditions += [node["Index Cond"]] if "candle_pages" in node.get("Index Name", "") else []
        if node.get("Relation Name") == "candle_pages":
            read += node["Actual Rows"] * node["Actual Loops"]
    return {"read": read, "conditions": " ".join(conditions)}


async def test_the_view_of_a_generation_is_the_served_one(postgres_dsn: str) -> None:
    await migrate(postgres_dsn)
    tables = [it.table for it in (*CandleStore.tables, *CandleStore.bookkeeping)]
    async with await Generations.open(postgres_dsn) as generations:
        await generations.create(
            "candles",
            "candles_next",
            tables,
            version=CandleStore.version,
            views=CandleStore.views,
        )
    async with opened(postgres_dsn) as pool:
        served, beside = [
            await pool.fetchval("select pg_get_viewdef($1::text::regclass)", f"{schema}.candles")
            for schema in ("public", "candles_next")
        ]
    assert "candles_next.candle_rows" in beside
    assert beside.replace("candles_next.", "") == served
