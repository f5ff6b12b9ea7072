"""Figures in dollars go by SOL's last price at or before a position, also where that comes late."""

from collections.abc import AsyncIterator, Sequence
from fractions import Fraction

import pytest

from adapters.postgres.candles import CandleStore
from adapters.postgres.generations import Generations
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.sol_prices import SolPriceStore
from adapters.postgres.tokens import TokenStore
from adapters.postgres.trades import TradeStore
from curvetape.bootstrap import read_models
from curvetape.rebuilding import Rebuilding
from curvetape.testing.events import (
    batches,
    created,
    curve_traded,
    recorded,
    sol_priced,
)
from curvetape.testing.memory_log import MemoryLog
from domain.events import AnyEvent, CurveTraded
from domain.log import Recorded
from domain.programs import USDC
from projections.candles import Candles
from projections.runner import Runner
from projections.sol_prices import SolPrices
from projections.tokens import Tokens
from projections.trades import Trades

MINUTE_SLOTS = 150


def bought(slot: int, mint: str = "m", *, sol: int = 1, **fields: object) -> CurveTraded:
    """A buy for whole SOL at 30 lamports a token unit, which is 0.03 SOL a token."""
    return curve_traded(
        slot,
        mint,
        quote_amount=sol * 10**9,
        virtual_quote_reserves=30_000,
        virtual_token_reserves=1_000,
        **fields,
    )


MARKET: Sequence[AnyEvent] = (
    created(1, "m"),
    bought(5),
    sol_priced(10, price=100 * 10**8),
    bought(20),
    bought(20 + MINUTE_SLOTS, sol=2),
    sol_priced(21 + MINUTE_SLOTS, price=200 * 10**8),
    bought(30 + MINUTE_SLOTS, sol=5, side="sell"),
    bought(31, "coin", quote_mint=USDC, quote_decimals=6),
    bought(32, "other", quote_mint="another mint", quote_decimals=6),
)


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    await migrate(database_dsn)
    opened = await open_pool(database_dsn, connections_max=1)
    yield opened
    await opened.close()


async def saved(pool: Pool, events: Sequence[Recorded]) -> PostgresReads:
    """The read models, a batch at a time, from where they are."""
    for batch in batches(events, 3):
        seen, reached = batch[0].sequence - 1, batch[-1].sequence
        await CandleStore(pool).save(Candles().apply(batch), seen=seen, reached=reached)
        await TradeStore(pool).save(Trades().apply(batch), seen=seen, reached=reached)
        await TokenStore(pool).save(Tokens().apply(batch), seen=seen, reached=reached)
        await SolPriceStore(pool).save(SolPrices().apply(batch), seen=seen, reached=reached)
    return PostgresReads(pool)


async def begun(pool: Pool) -> PostgresReads:
    for store in (CandleStore(pool), TradeStore(pool), TokenStore(pool), SolPriceStore(pool)):
        assert (await store.checkpoint()).sequence == 0
    return await saved(pool, recorded(MARKET))


async def views(pool: Pool) -> tuple[list[object], list[object]]:
    """A token's trades and its day, as the views have them."""
    trades = await pool.fetch(
        "select price_usd, amount_usd from trades_usd where mint = 'm' order by pos"
    )
    days = await pool.fetch(
        "select open_usd, high_usd, close_usd, volume_usd, volume_usd_buy from candles_usd"
        " where mint = 'm' and interval_s = 86400"
    )
    return [tuple(row) for row in trades], [tuple(row) for row in days]


async def test_the_last_price_at_or_before_a_position_counts(pool: Pool) -> None:
    reads = await begun(pool)
    price = MARKET[2].pos.order_key
    assert await reads.sol_usd([price - 1, price, price + 1, 0, 1 << 62, price - 1]) == [
        *(None, Fraction(100), Fraction(100), None, Fraction(200), None)
    ]
    assert await reads.sol_usd([]) == []


async def test_views_value_each_trade_at_its_position_and_a_day_minute_by_minute(
    pool: Pool,
) -> None:
    """The first trade is older than any price: neither its dollars nor the day's are known."""
    await begun(pool)
    trades, days = await views(pool)
    at_100, at_200 = pytest.approx(0.03 * 100), pytest.approx(0.03 * 200)
    assert trades == [(None, None), (at_100, 100.0), (at_100, 200.0), (at_200, 1000.0)]
    # The first minute closes at 100 dollars, so what was bought before the price is valued, too.
    assert days == [(None, None, at_200, 200.0 + 7 * 200.0, 200.0 + 2 * 200.0)]
    minutes = await pool.fetch(
        "select volume_usd from candles_usd where mint = 'm' and interval_s = 60 order by start_s"
    )
    assert [row[0] for row in minutes] == [200.0, 1400.0]
    others = await pool.fetch(
        "select mint, price_usd, amount_usd from trades_usd where mint <> 'm' order by mint"
    )
    assert [tuple(row) for row in others] == [
        ("coin", pytest.approx(30.0), 1_000.0),
        ("other", None, None),
    ]
    days_of_others = await pool.fetch(
        "select close_usd, volume_usd from candles_usd"
        " where mint <> 'm' and interval_s = 86400 order by mint"
    )
    assert [tuple(row) for row in days_of_others] == [(pytest.approx(30.0), 1_000.0), (None, None)]


async def test_a_price_that_comes_late_corrects_every_figure_it_concerns(pool: Pool) -> None:
    reads = await begun(pool)
    late = recorded([sol_priced(2, price=50 * 10**8)], after=len(MARKET))
    await saved(pool, late)
    trades, days = await views(pool)
    assert trades[0] == (pytest.approx(0.03 * 50), 50.0)
    assert trades[1] == (pytest.approx(0.03 * 100), 100.0)
    assert days[0] == (
        *(pytest.approx(0.03 * usd) for usd in (50, 50, 200)),
        *(1600.0, 600.0),
    )
    volumes = await reads.sol_volumes("m", interval_s=86_400, from_s=0, to_s=1 << 40)
    assert [(it.volume, it.volume_buy) for it in volumes.values()] == [
        (Fraction(1600 * 10**9), Fraction(600 * 10**9))
    ]


async def test_a_minute_without_a_price_leaves_the_volume_unknown(pool: Pool) -> None:
    for store in (CandleStore(pool), TradeStore(pool), TokenStore(pool), SolPriceStore(pool)):
        await store.checkpoint()
    events: list[AnyEvent] = [created(1, "m"), bought(5), sol_priced(200), bought(300)]
    reads = await saved(pool, recorded(events))
    (day,) = (await reads.sol_volumes("m", interval_s=86_400, from_s=0, to_s=1 << 40)).values()
    assert (day.volume, day.volume_buy) == (None, None)
    kept = await pool.fetch("select volume_usd from candles_usd where interval_s = 86400")
    assert [row[0] for row in kept] == [None]
    assert await reads.sol_volumes("zero\0byte", interval_s=300, from_s=0, to_s=9) == {}


async def test_traders_are_counted_once_in_each_candle(pool: Pool) -> None:
    for store in (CandleStore(pool), TradeStore(pool), TokenStore(pool), SolPriceStore(pool)):
        await store.checkpoint()
    users = ["a", "b", "a", "c", "c"]
    slots = [5, 6, 7, 8, 8 + MINUTE_SLOTS]
    events: list[AnyEvent] = [
        *(bought(slot, user=user) for slot, user in zip(slots, users, strict=True)),
        curve_traded(9, "m", user="d", virtual_quote_reserves=0),
    ]
    reads = await saved(pool, recorded(events))
    span = {"from_s": 0, "to_s": 1 << 40}
    assert sorted((await reads.traders("m", interval_s=60, **span)).values()) == [1, 3]
    assert list((await reads.traders("m", interval_s=86_400, **span)).values()) == [3]
    assert await reads.traders("nobody", interval_s=60, **span) == {}


async def test_views_show_the_tables_that_a_rebuild_has_put_in(postgres_dsn: str) -> None:
    await migrate(postgres_dsn)
    pool = await open_pool(postgres_dsn)
    try:
        log = MemoryLog(MARKET)
        await Runner(log, read_models(pool)).run(follow=False)
        before = await views(pool)
        await pool.execute(
            "update candle_rows set volume_quote = 1; update trades set quote_amount = 1"
        )
        assert await views(pool) != before
        for name in ("candles", "trades", "sol_prices"):
            async with await Generations.open(postgres_dsn) as generations:
                rebuilding = Rebuilding(
                    log, generations, read_models, name, lambda _: None, batch_max=50
                )
                await rebuilding.build()
                await rebuilding.serve("next")
        assert await views(pool) == before
        assert before[0][1] == (pytest.approx(3.0), 100.0)
    finally:
        await pool.close()
