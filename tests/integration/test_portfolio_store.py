"""Portfolios are kept as they are folded, whatever comes late, twice at once or not to its end."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.portfolios import PortfolioStore
from curvetape.testing.events import batches, curve_traded, recorded
from curvetape.testing.forks import abandoned, confirmed, provisional
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.portfolios import MemoryLedger, wallets_histories
from curvetape.testing.waiting import until
from domain.events import AnyEvent
from domain.position import Position
from projections.parking import Parked
from projections.portfolios import Portfolios
from projections.projection import StoreRefusedError, host
from projections.runner import Runner
from projections.wallet_position import Day, WalletPosition, WalletTrade

TABLES = {
    "portfolio_trades": "wallet, pos",
    "portfolio_positions": "wallet, mint, quote_mint",
    "portfolio_days": "wallet, quote_mint, day_s",
}
DERIVED = ("balance", "realised_amount")


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    """A migrated, empty database; one connection, since that is all some servers offer."""
    await migrate(database_dsn)
    opened = await open_pool(database_dsn, connections_max=1)
    yield opened
    await opened.close()


@pytest.fixture
async def wide_pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    await migrate(postgres_dsn)
    opened = await open_pool(postgres_dsn)
    yield opened
    await opened.close()


async def empty(pool: Pool) -> None:
    await pool.execute(f"truncate {', '.join(TABLES)}, checkpoints, parked_events")


async def rows(pool: Pool) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: [tuple(row) for row in await pool.fetch(f"select * from {table} order by {order}")]
        for table, order in TABLES.items()
    }


async def kept(pool: Pool) -> MemoryLedger:
    """What the tables hold, as the ledger in memory has it."""
    ledger = MemoryLedger()
    for row in await pool.fetch("select * from portfolio_trades order by wallet, pos"):
        pair = (row["wallet"], row["mint"], row["quote_mint"])
        fields = [row[name] for name in WalletTrade.__struct_fields__]
        ledger.trades.setdefault(pair, []).append(WalletTrade(*fields))
    for row in await pool.fetch("select * from portfolio_positions"):
        position = WalletPosition(*(row[name] for name in WalletPosition.__struct_fields__))
        ledger.positions[row["wallet"], row["mint"], row["quote_mint"]] = position
        assert all(row[name] == getattr(position, name) for name in DERIVED)
    for row in await pool.fetch("select * from portfolio_days"):
        day = Day(*(row[name] for name in Day.__struct_fields__))
        ledger.days[row["wallet"], row["quote_mint"], row["day_s"]] = day
    return ledger


async def save(pool: Pool, events: Sequence[AnyEvent], *, size: int) -> None:
    store = PortfolioStore(pool)
    await store.checkpoint()
    for batch in batches(recorded(events), size):
        seen, reached = batch[0].sequence - 1, batch[-1].sequence
        await store.save(Portfolios().apply(batch), seen=seen, reached=reached)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=wallets_histories(events_max=25), order=st.randoms(use_true_random=False))
async def test_any_batching_and_any_order_of_arrival_leave_the_same_rows(
    pool: Pool, events: list[AnyEvent], order: Any
) -> None:
    await empty(pool)
    await save(pool, events, size=500)
    expected = await rows(pool)
    folded, made = await kept(pool), MemoryLedger()
    made.save(Portfolios().apply(recorded(events)))
    assert folded.trades == made.trades
    assert folded.positions == made.positions
    assert folded.days == made.days
    shuffled = list(events)
    order.shuffle(shuffled)
    for size in (1, 2, 7):
        await empty(pool)
        await save(pool, shuffled, size=size)
        assert await rows(pool) == expected


def by(slot: int, wallet: str, **fields: Any) -> AnyEvent:
    return curve_traded(slot, "m", user=wallet, fee=10, **fields)


async def test_only_pairs_with_late_trades_are_folded_anew(pool: Pool) -> None:
    """The history of the others is gone, which nothing that is in time can notice."""
    await empty(pool)
    early = [by(2, "on time", token_amount=10), by(3, "late", token_amount=10, side="sell")]
    await save(pool, early, size=2)
    await pool.execute("delete from portfolio_trades where wallet = 'on time'")
    later = [by(1, "late", token_amount=30), by(4, "on time", token_amount=5, side="sell")]
    changes = Portfolios().apply(recorded(later, after=2))
    await PortfolioStore(pool).save(changes, seen=2, reached=4)
    found = await pool.fetch("select * from portfolio_positions order by wallet")
    assert [(it["wallet"], it["balance"], it["unbought_amount"]) for it in found] == [
        ("late", 20, 0),
        ("on time", 5, 0),
    ]


async def test_amounts_beyond_64_bits_are_kept_exactly(pool: Pool) -> None:
    await empty(pool)
    largest = 2**64 - 1
    await save(pool, [by(slot, "w", quote_amount=largest) for slot in (1, 2, 3)], size=2)
    assert await pool.fetchval("select spent_amount from portfolio_positions") == 3 * largest + 30


def log_of(seed: int) -> list[AnyEvent]:
    """60 slots of 8 trades by 5 wallets; each is decided up to 4 slots late, some die first."""
    chance = random.Random(seed)
    log: list[AnyEvent] = []
    waiting: list[list[AnyEvent]] = []
    for slot in range(1, 61):
        trades: list[AnyEvent] = [
            msgspec.structs.replace(
                provisional(
                    curve_traded(
                        slot,
                        f"m{chance.randrange(3)}",
                        id=f"{slot}-{number}",
                        side=chance.choice(("buy", "sell")),
                        user=f"w{chance.randrange(5)}",
                        token_amount=chance.randrange(1, 100),
                        quote_amount=chance.randrange(1, 1_000),
                        fee=chance.choice((None, 3)),
                    )
                ),
                pos=Position(slot, number, 2, 0),
            )
            for number in range(8)
        ]
        fork = [*trades, abandoned(slot, len(trades))] if slot % 5 == 0 else []
        waiting.append([*fork, *trades, confirmed(slot)])
        if len(waiting) > 4:
            log += waiting.pop(chance.randrange(len(waiting)))
    chance.shuffle(waiting)
    return log + [event for each in waiting for event in each]


def final(log: Sequence[AnyEvent]) -> MemoryLedger:
    """What counts of the log, in the order of the chain."""
    by_place = {event.pos: event for event in log}
    ledger = MemoryLedger()
    ledger.save(Portfolios().apply(recorded(by_place[place] for place in sorted(by_place))))
    return ledger


async def reached(store: PortfolioStore, sequence: int) -> bool:
    return (await store.checkpoint()).sequence >= sequence


async def test_runners_stopped_anywhere_leave_each_trade_folded_once(wide_pool: Pool) -> None:
    log = log_of(1)
    moments = random.Random(6)
    store = PortfolioStore(wide_pool)
    for place in range(60, len(log), 60):
        hosted = [host(Portfolios(), store)]
        running = asyncio.create_task(Runner(MemoryLog(log), hosted, batch_max=5).run())
        await until(partial(reached, store, place))
        await asyncio.sleep(moments.uniform(0.0, 0.01))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    await Runner(MemoryLog(log), [host(Portfolios(), store)]).run(follow=False)
    found, expected = await kept(wide_pool), final(log)
    assert found.positions == expected.positions
    assert found.days == expected.days
    assert found.trades == expected.trades


async def test_a_release_of_parked_events_and_a_save_do_not_overwrite_each_other(
    wide_pool: Pool,
) -> None:
    """Both read a pair's position and write it; the second one waits until the first is done."""
    first, second, third = recorded([by(slot, "w", token_amount=10) for slot in (1, 2, 3)])
    store, core = PortfolioStore(wide_pool), Portfolios()
    await store.checkpoint()
    await store.save(core.apply([first]), seen=0, reached=1)
    await store.park([Parked.of(second, "bitter")])
    async with wide_pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await store.write(connection, core.apply([third]))
        releasing = asyncio.create_task(store.release(core.apply([second]), [2]))
        waits = "select count(*) > 0 from pg_locks where locktype = 'advisory' and not granted"
        await until(lambda: connection.fetchval(waits))
        await transaction.commit()
    await releasing
    assert await wide_pool.fetchval("select bought_amount from portfolio_positions") == 30


async def test_what_cannot_be_written_leaves_all_as_it_was(pool: Pool) -> None:
    await empty(pool)
    await save(pool, [by(1, "w")], size=1)
    before = await rows(pool)
    changes = Portfolios().apply(recorded([by(2, "w"), by(3, "zero\0byte")], after=1))
    with pytest.raises(StoreRefusedError, match="the database refused"):
        await PortfolioStore(pool).save(changes, seen=1, reached=3)
    assert await rows(pool) == before
    assert (await PortfolioStore(pool).checkpoint()).sequence == 1
