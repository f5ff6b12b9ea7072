"""What fits the schema is answered or refused with a reason, whatever schemathesis thinks of."""

import json
import re
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes
from schemathesis.config import SchemathesisConfig

from api.app import create_app
from api.graphql.execution import Graph
from api.graphql.hub import Hub
from curvetape.testing.batch_reads import MemoryBatchReads
from curvetape.testing.events import recorded, sol_priced
from curvetape.testing.market import KNOWN, MARKET, WALLET
from curvetape.testing.memory_leaderboards import MemoryLeaderboards
from curvetape.testing.memory_log import MemoryLog

EXAMPLES_MAX = 40
REFUSALS = {
    "BAD_USER_INPUT",
    "COST_EXCEEDED",
    "DEPTH_EXCEEDED",
    "VALUES_EXCEEDED",
    "GRAPHQL_PARSE_FAILED",
}
"""What a query may be told that fits the schema; the last one where it is too long."""
TEXT = re.compile(r'\b(mintAddress|address|creator|quoteMint|after|text): ("(?:[^"\\]|\\.)*"|null)')
NUMBER = re.compile(r"\b(first|limit|page): (-?\d+)")

schemathesis.graphql.scalar("DateTime", st.integers(0, 1 << 31).map(nodes.Int))
schemathesis.graphql.scalar("Long", st.integers(0, 1 << 40).map(nodes.Int))

MADE = [sol_priced(1), *MARKET]
reads = MemoryBatchReads(recorded(MADE))
graph = Graph(reads, leaderboards=MemoryLeaderboards(recorded(MADE)))
app = create_app(reads, MemoryLog(MADE), graph=Hub(graph))
schema = schemathesis.graphql.from_asgi(
    "/graphql",
    app,
    config=SchemathesisConfig.from_dict(
        {"generation": {"max-examples": EXAMPLES_MAX, "deterministic": True}}
    ),
)


def settled(query: str) -> str:
    """A query that can succeed, where the schema cannot say how: of mints that there are."""

    def text(match: re.Match[str]) -> str:
        name, mint = match[1], KNOWN[len(match[0]) % len(KNOWN)]
        values = {"address": WALLET, "text": "coin", "mintAddress": mint}
        return f"{name}: {json.dumps(values.get(name))}"

    query = NUMBER.sub(lambda match: f"{match[1]}: {len(match[2]) % 3 + 1}", query)
    return TEXT.sub(text, query)


@schema.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_each_query_is_answered_or_refused_with_a_reason(case: Any) -> None:
    positive = case.meta.generation.mode.is_positive
    if positive:
        case.body = settled(case.body)
    response = case.call()
    assert response.status_code == 200, response.text
    told = response.json()
    codes = {error["extensions"]["code"] for error in told.get("errors", ())}
    assert codes <= REFUSALS | (set() if positive else {"GRAPHQL_VALIDATION_FAILED"}), told
    assert codes or told["data"]
