"""The stores keep what the cores say, on plain PostgreSQL and on TimescaleDB alike."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.postgres import migrations
from adapters.postgres.candles import CandleStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.sol_prices import SolPriceStore
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from curvetape.testing.events import (
    batches,
    burned,
    completed,
    created,
    curve_traded,
    histories,
    migrated,
    pool_traded,
    recorded,
    sol_priced,
)
from domain.events import AnyEvent
from projections.buckets import HOUR_S
from projections.candles import Candles
from projections.parking import Parked
from projections.projection import (
    Checkpoint,
    CheckpointMovedError,
    StoreRefusedError,
    TakenBack,
)
from projections.sol_prices import SolPrices
from projections.tokens import Tokens
from projections.trades import Trades

TABLES = {
    "candles": "mint, interval_s, start_s",
    "candle_hours": "mint, start_s",
    "trades": "mint, pos",
    "tokens": "mint",
    "token_burns": "mint, pos",
    "sol_prices": "pos",
    "checkpoints": "name",
    "taken_back": "slot",
    "parked_events": "name, sequence",
}
KEPT_IN = {"candles": "candle_rows, candle_pages, candle_page_ends"}
STORY: Sequence[AnyEvent] = (
    created(1, "m"),
    curve_traded(2, "m"),
    curve_traded(9, "m", side="sell", virtual_quote_reserves=30_500_000_000),
    completed(200, "m"),
    migrated(201, "m"),
    pool_traded(202, "m", base_supply=10**15),
    burned(203, "m"),
    pool_traded(204, "n", canonical=False),
)


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    """A migrated, empty database; one connection, since that is all some servers offer."""
    await migrate(database_dsn)
    opened = await open_pool(database_dsn, connections_max=1)
    yield opened
    await opened.close()


async def empty(pool: Pool) -> None:
    tables = ", ".join(KEPT_IN.get(table, table) for table in TABLES)
    await pool.execute(f"truncate {tables}")


async def rows(pool: Pool) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, without the time of the last save."""
    content = {}
    for table, order in TABLES.items():
        records = await pool.fetch(f"select * from {table} order by {order}")
        content[table] = [
            {name: value for name, value in record.items() if name != "saved_at"}
            for record in records
        ]
    for hour in content["candle_hours"]:
        # All that it has is what the candle of that hour has.
        assert any(
            hour.items() <= it.items() for it in content["candles"] if it["interval_s"] == HOUR_S
        )
    assert len(content["candle_hours"]) == [it["interval_s"] for it in content["candles"]].count(
        HOUR_S
    )
    return content


async def save(pool: Pool, events: Sequence[AnyEvent], *, size: int) -> None:
    candles, trades, tokens = CandleStore(pool), TradeStore(pool), TokenStore(pool)
    prices = SolPriceStore(pool)
    for store in (candles, trades, tokens, prices):
        assert (await store.checkpoint()).sequence == 0
    for batch in batches(recorded(events), size):
        seen, reached = batch[0].sequence - 1, batch[-1].sequence
        await candles.save(Candles().apply(batch), seen=seen, reached=reached)
        await trades.save(Trades().apply(batch), seen=seen, reached=reached)
        await tokens.save(Tokens().apply(batch), seen=seen, reached=reached)
        await prices.save(SolPrices().apply(batch), seen=seen, reached=reached)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=histories(events_max=25), order=st.randoms(use_true_random=False))
async def test_any_batching_and_any_order_of_arrival_leave_the_same_rows(
    pool: Pool, events: list[AnyEvent], order: Any
) -> None:
    await empty(pool)
    await save(pool, events, size=500)
    expected = await rows(pool)
    shuffled = list(events)
    order.shuffle(shuffled)
    for size in (1, 2, 7):
        await empty(pool)
        await save(pool, shuffled, size=size)
        assert await rows(pool) == expected


async def test_a_story_is_kept_as_told(pool: Pool) -> None:
    """The figures are worked out by hand from the events' own."""
    await save(pool, STORY, size=3)
    kept = await rows(pool)
    token = kept["tokens"][0]
    assert (token["mint"], token["state"], token["pool"]) == ("m", "graduated", "pool-m")
    assert (token["trades"], token["buys"], token["sells"]) == (3, 2, 1)
    assert token["supply"] == 10**15 - 243_000_000_000
    assert token["price"] == (85_090_000_000 + 1_000_000_000) / 206_657_000_000_000
    assert token["market_cap"] == token["price"] * float(10**15 - 243_000_000_000)
    assert [trade["pos"] for trade in kept["trades"] if trade["mint"] == "m"] == [
        event.pos.order_key for event in (STORY[1], STORY[2], STORY[5])
    ]
    day = next(candle for candle in kept["candles"] if candle["interval_s"] == 86_400)
    assert day["open"] == 31_000_000_000 / 1_039_000_000_000_000
    assert day["close"] == (84_990_000_000 + 412_824_000) / 205_900_000_000_000
    assert (day["volume_quote"], day["buys"], day["sells"]) == (2_412_000_000, 2, 1)
    assert day["volume_quote_buy"] == 1_412_000_000
    assert (day["high_pos"], day["low_pos"]) == (
        STORY[5].pos.order_key,
        STORY[2].pos.order_key,
    )


async def test_of_two_prices_in_one_slot_the_later_published_one_is_kept(pool: Pool) -> None:
    one = sol_priced(7, price=15_012_345_678, publish_time_s=90)
    other = sol_priced(7, price=2, publish_time_s=91, account="another", exponent=-12)
    last = sol_priced(7, price=3, publish_time_s=89)
    for events in ((one, other, last), (last, other, one), (other, one, last)):
        await empty(pool)
        await save(pool, events, size=1)
        (kept,) = (await rows(pool))["sol_prices"]
        assert (kept["publish_time_s"], kept["account"]) == (91, "another")
        assert kept["usd"] == Decimal("0.000000000002")
    await empty(pool)
    await save(pool, [one], size=1)
    assert (await rows(pool))["sol_prices"][0]["usd"] == Decimal("150.12345678")


async def test_a_second_runner_fails_before_it_counts_twice(pool: Pool) -> None:
    await save(pool, STORY, size=500)
    before = await rows(pool)
    batch = recorded(STORY)
    with pytest.raises(CheckpointMovedError, match="was 8 where 0 was expected"):
        await CandleStore(pool).save(Candles().apply(batch), seen=0, reached=len(batch))
    with pytest.raises(CheckpointMovedError):
        await TradeStore(pool).save(Trades().apply(batch), seen=3, reached=len(batch))
    with pytest.raises(CheckpointMovedError):
        await TokenStore(pool).save(Tokens().apply(batch), seen=0, reached=len(batch))
    assert await rows(pool) == before


async def test_changes_that_cannot_be_written_leave_the_checkpoint_alone(pool: Pool) -> None:
    """One trade has an id that no text column takes; those beside it are sound."""
    await save(pool, STORY[:2], size=500)
    before = await rows(pool)
    broken = curve_traded(205, "m", id="zero\0byte")
    changes = Trades().apply(recorded([*STORY[2:], broken], after=2))
    with pytest.raises(StoreRefusedError, match="the database refused"):
        await TradeStore(pool).save(changes, seen=2, reached=9)
    assert await rows(pool) == before


async def test_parked_events_are_kept_once_and_released_with_what_they_change(pool: Pool) -> None:
    await empty(pool)
    store, batch = TokenStore(pool), recorded(STORY)
    await store.checkpoint()
    aside = [Parked.of(each, "bitter") for each in batch[:2]]
    for _ in range(2):
        await store.park(aside)
    assert await store.parked() == aside
    assert await CandleStore(pool).parked() == []
    await store.save(Tokens().apply(batch[2:]), seen=0, reached=len(batch))
    await store.release(Tokens().apply(batch[:2]), [1, 2])
    assert await store.parked() == []
    found = await rows(pool)
    await empty(pool)
    await save(pool, STORY, size=500)
    assert (await rows(pool))["tokens"] == found["tokens"]
    with pytest.raises(StoreRefusedError, match="somebody else"):
        await store.release(Tokens().apply(batch[:1]), [1])
    assert (await rows(pool))["tokens"] == found["tokens"]


async def test_rows_of_another_version_are_refused(pool: Pool) -> None:
    await save(pool, STORY, size=500)
    await pool.execute("update checkpoints set version = 99 where name = 'candles'")
    with pytest.raises(StoreRefusedError, match="projections rebuild candles"):
        await CandleStore(pool).checkpoint()


async def test_a_checkpoint_says_where_what_waits_begins(pool: Pool) -> None:
    store = TradeStore(pool)
    assert await store.checkpoint() == Checkpoint()
    await store.save([], seen=0, reached=9, reread_after=4)
    assert await store.checkpoint() == Checkpoint(sequence=9, reread_after=4)
    await store.save([], seen=9, reached=12)
    assert await store.checkpoint() == Checkpoint(sequence=12, reread_after=12)


async def test_rows_that_hold_what_was_taken_back_are_refused_until_they_are_built_anew(
    pool: Pool,
) -> None:
    candles, trades, tokens = CandleStore(pool), TradeStore(pool), TokenStore(pool)
    await candles.checkpoint()
    await trades.checkpoint()
    await tokens.checkpoint()
    await trades.save([], seen=0, reached=6)
    await tokens.save({}, seen=0, reached=7)
    taken_back = TakenBack(slot=3, sequence=7)
    for _ in range(2):
        await trades.take_back(taken_back)
    for spoilt in (trades, candles):
        with pytest.raises(StoreRefusedError, match=r"slot 3 was taken back .* rebuild it"):
            await spoilt.checkpoint()
    assert await tokens.checkpoint() == Checkpoint(
        sequence=7, reread_after=7, taken_back=(taken_back,)
    )
    await pool.execute("delete from checkpoints where name = 'trades'")
    assert await trades.checkpoint() == Checkpoint(taken_back=(taken_back,))


async def test_a_name_with_zero_bytes_is_kept_without_them(pool: Pool) -> None:
    await save(pool, [created(1, "m", name="nul\0l", symbol="\0")], size=1)
    token = (await rows(pool))["tokens"][0]
    assert (token["name"], token["symbol"]) == ("null", "")


async def test_amounts_beyond_64_bits_are_kept_exactly(pool: Pool) -> None:
    largest = 2**64 - 1
    trades = [curve_traded(slot, "m", quote_amount=largest) for slot in (1, 2, 3)]
    await save(pool, trades, size=2)
    kept = await rows(pool)
    assert kept["tokens"][0]["volume_quote"] == 3 * largest
    assert kept["candles"][-1]["volume_quote"] == 3 * largest
    assert [trade["quote_amount"] for trade in kept["trades"]] == [largest] * 3


async def test_read_models_from_before_events_waited_go_on_where_they_were(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    older = tmp_path / "schema"
    older.mkdir()
    for file in sorted(migrations.SCHEMA.iterdir())[:5]:
        (older / file.name).write_text(file.read_text())
    with monkeypatch.context() as before:
        before.setattr(migrations, "SCHEMA", older)
        await migrate(postgres_dsn)
    old = await open_pool(postgres_dsn, connections_max=1)
    await old.execute(
        "insert into checkpoints (name, version, sequence) values ('trades', $1, 7)", Trades.version
    )
    await migrate(postgres_dsn)
    assert await TradeStore(old).checkpoint() == Checkpoint(sequence=7, reread_after=7)
    await old.close()


async def test_a_generation_of_the_first_candles_does_not_keep_a_database_from_being_migrated(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    older = tmp_path / "schema"
    older.mkdir()
    for file in migrations.SCHEMA.iterdir():
        if file.name < "0030":
            (older / file.name).write_text(file.read_text())
    with monkeypatch.context() as before:
        before.setattr(migrations, "SCHEMA", older)
        await migrate(postgres_dsn)
    pool = await open_pool(postgres_dsn, connections_max=1)
    try:
        await pool.execute("create schema candles_previous")
        await pool.execute(
            "create table candles_previous.candles as select mint, interval_s, start_s, open_pos,"
            " open, close_pos, close, high, low, volume_quote, volume_token, buys, sells"
            " from candles"
        )
        await pool.execute(
            "insert into candles_previous.candles values"
            " ('m', 3600, 7200, 1, 1.0, 2, 2.0, 3.0, 0.5, 10, 20, 1, 1)"
        )
        await migrate(postgres_dsn)
        rows = await pool.fetch("select mint, high, high_pos from candles_previous.candles")
        assert [tuple(row) for row in rows] == [("m", 3.0, None)]
    finally:
        await pool.close()


async def test_hours_of_the_version_before_are_made_of_its_candles_without_a_rebuild(
    database_dsn: str,
) -> None:
    await migrate(database_dsn)
    pool = await open_pool(database_dsn, connections_max=1)
    try:
        await save(pool, STORY, size=3)
        expected = await rows(pool)
        await pool.execute("drop table candle_hours")
        await pool.execute("delete from schema_files where name = '0032_candle_hours.sql'")
        await pool.execute("update checkpoints set version = 2 where name = 'candles'")
        await pool.execute("create index on candle_rows (start_s) where interval_s = 3600")
    finally:
        await pool.close()
    assert (await migrate(database_dsn)).applied == ["0032_candle_hours.sql"]
    pool = await open_pool(database_dsn, connections_max=1)
    try:
        assert await rows(pool) == expected
        found = await pool.fetch("select indexdef from pg_indexes where tablename = 'candle_rows'")
        assert not [row["indexdef"] for row in found if "3600" in row["indexdef"]]
    finally:
        await pool.close()
