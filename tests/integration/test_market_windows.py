"""The market of days is added up from hours and minutes as it is from minutes alone."""

from typing import Any

from adapters.postgres.candles import CandleStore
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.tokens import TokenStore
from curvetape.testing.events import GENESIS_S, curve_traded, recorded
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads
from domain.events import AnyEvent
from domain.programs import USDC
from projections.candles import Candles
from projections.projection import host
from projections.runner import Runner
from projections.tokens import Tokens

TRADES = 259
SECONDS_APART = 397
"""For more than a day. Each window begins within an hour, with trades on both sides."""
QUOTES: list[dict[str, Any]] = [
    {},
    {"quote_mint": USDC, "quote_decimals": 6},
    {"quote_mint": "other", "quote_decimals": 9},
]


async def test_every_window_is_what_its_minutes_add_up_to(database_dsn: str) -> None:
    events: list[AnyEvent] = [
        curve_traded(
            10 * number,
            f"mint{number % 9}" if number % 5 else f"only{number}",
            side="buy" if number % 4 else "sell",
            quote_amount=10**9 + number,
            block_time_s=GENESIS_S + SECONDS_APART * number,
            **QUOTES[number % 9 % 3],
        )
        for number in range(1, TRADES + 1)
    ]
    # A trade that leaves no reserves makes no candle: its token traded, and nothing else is told.
    last_s = GENESIS_S + SECONDS_APART * TRADES
    events.append(
        curve_traded(10 * TRADES + 1, "drained", virtual_token_reserves=0, block_time_s=last_s)
    )
    await migrate(database_dsn)
    pool = await open_pool(database_dsn)
    try:
        hosted = [host(Candles(), CandleStore(pool)), host(Tokens(), TokenStore(pool))]
        await Runner(MemoryLog(events), hosted, batch_max=50).run(follow=False)
        found = await PostgresReads(pool).market()
    finally:
        await pool.close()
    assert found == await MemoryReads(recorded(events)).market()
    assert found is not None
    minutes, *_, day = found.windows
    assert 0 < minutes.buys + minutes.sells < day.buys + day.sells < TRADES
    assert minutes.tokens == minutes.buys + minutes.sells + 1
    assert min(day.tokens, day.volume_lamports, day.volume_usdc_amount) > 0
