"""The API does what its OpenAPI document says, for whatever schemathesis thinks of."""

from typing import Any, get_args

import schemathesis
from hypothesis import HealthCheck, settings
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis.config import SchemathesisConfig

from api.app import create_app
from api.cursors import ListCursor, cursor_at
from curvetape.testing.events import recorded
from curvetape.testing.market import KNOWN, MARKET, TRADED, WALLET
from curvetape.testing.memory_leaderboards import MemoryLeaderboards
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads
from projections.token_lists import ListSort

EXAMPLES_MAX = 60

reads = MemoryReads(recorded(MARKET))
boards = MemoryLeaderboards(recorded(MARKET))
app = create_app(reads, MemoryLog(MARKET), leaderboards=boards)
cursors = {
    ListCursor(sort, value, TRADED, 2**62, None, None).encoded(): sort
    for sort in get_args(ListSort)
    for value in (-1, 1)
}
schema = schemathesis.openapi.from_asgi(
    "/openapi.json",
    app,
    config=SchemathesisConfig.from_dict(
        {
            "checks": {
                "enabled": True,
                # An address that is too long is refused as such, whatever else is wrong with it.
                "negative_data_rejection": {"expected-statuses": ["400", "404", "414"]},
            },
            "generation": {"mode": "all", "max-examples": EXAMPLES_MAX, "deterministic": True},
            "phases": {"coverage": {"generate-duplicate-query-parameters": True}},
        }
    ),
)


def settle(case: Any) -> None:
    """Make a valid case one that can succeed, where the document cannot say how.

    A mint becomes one that exists, most of the time, and a wallet always; a cursor is one that was
    given out, together with its sort; a text can be printed; a range does not end before it begins;
    a board is of now.
    """
    mint, query = case.path_parameters.get("mint", ""), case.query
    if len(mint) < len(TRADED):
        case.path_parameters["mint"] = KNOWN[sum(map(ord, mint)) % len(KNOWN)]
    if "address" in case.path_parameters:
        case.path_parameters["address"] = WALLET
    if "cursor" in query and case.path.endswith("/about-to-graduate"):
        query["cursor"] = cursor_at("progress", 0.9, TRADED)
    elif "cursor" in query:
        given = sorted(cursors)[len(query["cursor"]) % len(cursors)]
        query |= {"cursor": given, "sort": cursors[given]}
    if case.path.endswith("/leaderboards"):
        query.pop("asOf", None)
    if "q" in query:
        query["q"] = "".join(filter(str.isprintable, query["q"]))
    if "from" in query and "to" in query:
        query["from"] = 0
    for highest in [name for name in query if name.endswith("Max")]:
        lowest = highest.removesuffix("Max") + "Min"
        if lowest in query:
            query[lowest] = 0


@schema.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_each_operation_is_as_described(case: Any) -> None:
    if case.meta.generation.mode.is_positive:
        settle(case)
    case.call_and_validate()


def test_the_document_is_valid_openapi_3_1() -> None:
    assert schema.raw_schema["openapi"].startswith("3.1.")
    validate(schema.raw_schema, cls=OpenAPIV31SpecValidator)
