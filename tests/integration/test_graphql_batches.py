"""Many tokens are asked for at once: with as many statements as one, and with the same rows."""

from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import pytest

from adapters.postgres.batch_reads import PostgresBatchReads
from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from api.graphql.execution import Graph
from api.graphql.request import Request
from curvetape.bootstrap import read_models
from curvetape.testing.batch_reads import MemoryBatchReads
from curvetape.testing.events import created, curve_traded, recorded, sol_priced
from curvetape.testing.market import ABSENT, KNOWN, MARKET, TRADED, UNTRADED, WALLET, address
from curvetape.testing.memory_log import MemoryLog
from domain.programs import NATIVE_SOL
from projections.runner import Runner

MANY = [address(f"many{letter}") for letter in "abcdefghijkmnopqrstu"]
EVENTS = [
    sol_priced(1),
    *MARKET,
    *(created(2_500 + number, mint) for number, mint in enumerate(MANY)),
    *(curve_traded(3_000 + number, MANY[number % len(MANY)]) for number in range(100)),
    sol_priced(4_000, price=16_000_000_000),
]
MINTS = [*KNOWN, ABSENT, "\0", *MANY]
NESTED = """
    mintAddress symbol currentPrice { quote usd } allTimeHigh { priceUsd } labels
    volume5m priceChange1h windows { h24 { trades buyQuoteVolumeUnits } }
    trades(first: 3) { nodes { id priceUsd token { name } } pageInfo { hasNextPage } }
    chart(interval: M1, limit: 5) { time open close volume }
    hourly: chart(interval: H1, limit: 5, currency: USD) { time open close volume buyVolume }
    holders topHolders(limit: 2) { wallet balanceUnits share classes } holderSummary { gini }
    topTraders(limit: 2) { wallet realisedUnits token { symbol } }
"""


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    await migrate(database_dsn)
    opened = await open_pool(database_dsn, connections_max=1)
    await Runner(MemoryLog(EVENTS), read_models(opened), batch_max=50).run(follow=False)
    yield opened
    await opened.close()


@pytest.fixture
def memory() -> MemoryBatchReads:
    return MemoryBatchReads(recorded(EVENTS))


async def test_each_batch_holds_what_is_read_of_one_token(
    pool: Pool, memory: MemoryBatchReads
) -> None:
    kept = PostgresBatchReads(pool)
    known = {mint: row for mint in MINTS if (row := await memory.token(mint)) is not None}
    assert await kept.tokens_of(MINTS) == known
    for limit, before in product((1, 3, 500), (None, recorded(EVENTS)[60].event.pos.order_key)):
        trades = await kept.trades_of(MINTS, limit=limit, before_pos=before)
        expected = await memory.trades_of(MINTS, limit=limit, before_pos=before)
        assert {mint: list(trades[mint]) for mint in MINTS} == expected
    asked = {"interval_s": 60, "from_s": 0, "to_s": 1 << 40, "limit": 4}
    candles = await kept.candles_of(MINTS, **asked)
    assert {mint: list(candles[mint]) for mint in MINTS} == await memory.candles_of(MINTS, **asked)
    windows = await kept.windows_of(MINTS)
    assert {mint: windows[mint] for mint in known} == {
        mint: found for mint in known if (found := await kept.windows(mint)) is not None
    }
    sums = await kept.sums_of(MINTS)
    assert {mint: sums[mint] for mint in known} == await memory.sums_of(list(known))
    holders = await kept.holders_of(MINTS, limit=2)
    assert {mint: holders[mint] for mint in known} == {
        mint: await kept.holders(mint, limit=2) for mint in known
    }
    quotes = dict.fromkeys(MINTS, NATIVE_SOL)
    for by in ("realised", "volume"):
        top = await kept.top_traders_of(quotes, by=by, limit=2)
        assert {mint: list(top[mint]) for mint in MINTS} == {
            mint: list(await kept.top_traders(mint, quote_mint=NATIVE_SOL, by=by, limit=2))
            for mint in MINTS
        }
    ranges = [(mint, 0, 1 << 40) for mint in (*MINTS, TRADED)] + [(TRADED, 0, 1)]
    assert list(await kept.sol_volumes_of(ranges, interval_s=3_600)) == list(
        await memory.sol_volumes_of(ranges, interval_s=3_600)
    )
    assert not await kept.tokens_of([])
    assert not await kept.windows_of([])
    assert not await kept.sums_of([])


async def statements(pool: Pool, query: str, **variables: object) -> tuple[list[str], Any]:
    """The statements that an answer takes, on one connection, and the answer's data."""
    counted: list[str] = []

    def count(record: Any) -> None:
        if record.query.lstrip().startswith(("select", "with")):
            counted.append(record.query)

    async with pool.acquire() as connection:
        held: Any = getattr(connection, "_con")  # noqa: B009  # below the pool's proxy
    held.add_query_logger(count)
    try:
        graph = Graph(PostgresBatchReads(pool))
        operation = graph.operation(Request(query=query, variables=variables))
        answer = await graph.answer(operation)
    finally:
        held.remove_query_logger(count)
    assert not answer.errors, answer.errors
    return counted, answer.data


async def test_nested_fields_of_many_tokens_take_as_many_statements_as_of_one(pool: Pool) -> None:
    query = f"query ($n: Int!) {{ tokens(first: $n) {{ nodes {{ {NESTED} }} }} }}"
    one, of_one = await statements(pool, query, n=1)
    many, of_many = await statements(pool, query, n=20)
    assert (len(of_one["tokens"]["nodes"]), len(of_many["tokens"]["nodes"])) == (1, 20)
    assert 10 <= len(one) <= 25, "it counts"
    # Prices of SOL for trades and for candles are one question or two, as they come together.
    assert len(many) <= len(one) + 1
    assert of_many["tokens"]["nodes"][0] == of_one["tokens"]["nodes"][0]


@pytest.mark.parametrize(
    "field",
    [
        "launches(first: $n) { nodes { token { volume1h trades { nodes { id } } } } }",
        "search(first: $n) { items { token { name holders } } }",
        f'wallet(address: "{WALLET}") {{ positions(first: $n) {{ nodes {{ token {{ uri }} }} }} }}',
    ],
    ids=["launches", "search", "wallet"],
)
async def test_lists_lead_to_tokens_without_a_statement_for_each(pool: Pool, field: str) -> None:
    query = f"query ($n: Int!) {{ {field} }}"
    one, _ = await statements(pool, query, n=1)
    many, _ = await statements(pool, query, n=20)
    assert len(many) <= len(one) + 1


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ("volume24h priceChange5m", [False]),
        ("volume24h windows { h24 { quoteVolume trades: traders } }", [True]),
        ("...Both", [True]),
    ],
)
async def test_wallets_are_counted_only_for_whom_asks_for_windows_and_trades_are_read_once(
    pool: Pool, fields: str, counted: list[bool]
) -> None:
    fragment = "fragment Both on Token { volume1h windows { h1 { sellers } } }"
    query = f"{{ tokens(first: 5) {{ nodes {{ mintAddress {fields} }} }} }}"
    asked, of = await statements(pool, query + (fragment if "Both" in fields else ""))
    assert len(of["tokens"]["nodes"]) == 5
    windows = [sql for sql in asked if "since_first_trade" in sql]
    assert ["sellers" in sql for sql in windows] == counted


async def test_the_answer_on_postgresql_is_the_one_in_memory(
    pool: Pool, memory: MemoryBatchReads
) -> None:
    query = f"query ($mints: [String!]!) {{ tokensByMint(mintAddresses: $mints) {{ {NESTED} }} }}"
    asked = Request(query=query, variables={"mints": [*KNOWN, ABSENT, UNTRADED]})
    answers = []
    for reads in (PostgresBatchReads(pool), memory):
        graph = Graph(reads)
        answers.append(await graph.answer(graph.operation(asked)))
    assert answers[0].data == answers[1].data
    assert not answers[0].errors
