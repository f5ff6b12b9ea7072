"""What is told in others' shapes from PostgreSQL is, to the byte, what is told from memory."""

from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.postgres.migrations import migrate
from adapters.postgres.pair_reads import PostgresPairReads
from adapters.postgres.pool import Pool, open_pool
from api.app import create_app
from curvetape.bootstrap import read_models
from curvetape.testing.events import recorded, sol_priced
from curvetape.testing.market import GRADUATED, KNOWN, MARKET, TRADED
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.pair_reads import MemoryPairReads
from domain.events import AnyEvent
from projections.pair_reads import PairReads
from projections.runner import Runner

EVENTS: list[AnyEvent] = [sol_priced(1), *MARKET]
GECKO = "/api/v2/networks/solana"
PATHS = [
    f"/tokens/v1/solana/{','.join(KNOWN)}",
    f"/latest/dex/pairs/solana/pool-{GRADUATED},curve-{TRADED}",
    "/latest/dex/search?q=traded",
    "/token-profiles/latest/v1",
    f"{GECKO}/new_pools",
    f"{GECKO}/trending_pools",
    f"{GECKO}/pools",
    f"{GECKO}/pools?sort=h24_volume_usd_desc",
    f"{GECKO}/dexes/pump-fun/pools",
    "/api/v2/search/pools?query=traded",
    f"{GECKO}/tokens/multi/{GRADUATED},{TRADED}",
    f"/api/v2/simple/networks/solana/token_price/{TRADED}?include_24hr_price_change=true",
    f"{GECKO}/tokens/{GRADUATED}?include=top_pools",
    f"{GECKO}/pools/curve-{TRADED}/trades",
    f"{GECKO}/pools/pool-{GRADUATED}/trades",
    f"{GECKO}/pools/curve-{TRADED}/ohlcv/minute",
    f"{GECKO}/pools/curve-{TRADED}/ohlcv/hour?aggregate=12",
    f"/udf/history?symbol={TRADED}/USD&resolution=5&to=2000000000",
    f"/udf/symbols?symbol={TRADED}",
    "/udf/search?query=coin",
]


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[Pool]:
    await migrate(postgres_dsn)
    opened = await open_pool(postgres_dsn)
    yield opened
    await opened.close()


async def told(reads: PairReads) -> dict[str, str]:
    app = create_app(reads, MemoryLog(EVENTS), pairs=reads)
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # the two type it differently
    answers = {}
    async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as client:
        for path in PATHS:
            answer = await client.get(path)
            assert answer.status_code == 200, path
            answers[path] = answer.text
    return answers


async def test_each_answer_is_the_same(pool: Pool) -> None:
    await Runner(MemoryLog(EVENTS), read_models(pool)).run(follow=False)
    assert await told(PostgresPairReads(pool)) == await told(MemoryPairReads(recorded(EVENTS)))
