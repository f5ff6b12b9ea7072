"""The planner knows how many tokens a list has to choose from, and reads an index in its order."""

import json

from adapters.postgres.migrations import migrate
from adapters.postgres.pool import open_pool
from adapters.postgres.token_branches import branches_of
from adapters.postgres.tokens import TokenStore
from curvetape.testing.events import created, curve_traded
from curvetape.testing.memory_log import MemoryLog
from domain.events import AnyEvent
from domain.programs import USDC
from projections.projection import host
from projections.runner import Runner
from projections.token_lists import AMOUNTS
from projections.tokens import Tokens

TOKENS = 2_000
"""Half of them trade for USDC."""


async def test_tokens_of_usdc_are_not_taken_for_a_few(database_dsn: str) -> None:
    await migrate(database_dsn)
    events: list[AnyEvent] = []
    for number in range(1, TOKENS + 1):
        quote = {"quote_mint": USDC, "quote_decimals": 6} if number % 2 else {}
        events.append(created(number, f"mint{number}", **quote))
        events.append(curve_traded(TOKENS + number, f"mint{number}", **quote))
    pool = await open_pool(database_dsn, connections_max=1)
    await Runner(MemoryLog(events), [host(Tokens(), TokenStore(pool))]).run(follow=False)
    await pool.execute("analyze tokens")
    expected = {}
    for sort in sorted(AMOUNTS):
        of_usdc = branches_of(sort, dollars=True)[1]
        sql = f"explain (format json) select from tokens where {of_usdc.condition}"
        (plan,) = json.loads(await pool.fetchval(sql))
        expected[sort] = plan["Plan"]["Plan Rows"]
    await pool.close()
    assert all(TOKENS / 8 < rows <= TOKENS for rows in expected.values()), expected
