"""The API does what its OpenAPI document says, for whatever schemathesis thinks of."""

import re
from typing import Any, get_args

import schemathesis
from hypothesis import HealthCheck, settings
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis.config import SchemathesisConfig

from api.app import create_app
from api.cursors import ListCursor, cursor_at
from api.waiting import PATTERN
from curvetape.explained_log import LogExplanations
from curvetape.testing.events import recorded
from curvetape.testing.market import KNOWN, MARKET, TRADED, WALLET
from curvetape.testing.memory_leaderboards import MemoryLeaderboards
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads
from projections.token_lists import ListSort

EXAMPLES_MAX = 60
EXISTING = {"address": WALLET, "signature": MARKET[0].id.partition(":")[0]}
SETTLED = {"fromSlot": 7, "toSlot": 900}
LAST_SLOT = "9999"
REFUSED = {"/api/v1/explain": ("slot",), "/api/v1": ("asOf",), "/api/v1/tokens/{mint}": ("asOf",)}
"""What need not fit, by the path but for its last part."""

position = re.compile(PATTERN, re.ASCII)
reads = MemoryReads(recorded(MARKET))
boards = MemoryLeaderboards(recorded(MARKET))
log = MemoryLog(MARKET)
app = create_app(reads, log, leaderboards=boards, explanations=LogExplanations(log, reads))
cursors = {
    ListCursor(order, value, TRADED, 2**62, None, None).encoded(): order
    for sort in get_args(ListSort)
    for order in (*((sort,) if sort != "change" else ()), f"{sort}/1h")
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

    A mint becomes one that exists, most of the time, and a wallet or a transaction always; a cursor
    is one that was given out, together with its sort; a text can be printed; a range does not end
    before it begins; a board is of now, and a card of a slot that all are known at.
    """
    path, query = case.path_parameters, case.query
    mint = path.get("mint", "")
    if len(mint) < len(TRADED):
        path["mint"] = KNOWN[sum(map(ord, mint)) % len(KNOWN)]
    path |= {name: text for name, text in EXISTING.items() if name in path}
    query |= {name: value for name, value in SETTLED.items() if name in query}
    if "cursor" in query and case.path.endswith("/about-to-graduate"):
        query["cursor"] = cursor_at("progress", 0.9, TRADED)
    elif "cursor" in query:
        given = sorted(cursors)[len(query["cursor"]) % len(cursors)]
        sort, _, window = cursors[given].partition("/")
        query.pop("window", None)
        query |= {"cursor": given, "sort": sort} | ({"window": window} if window else {})
    for name in REFUSED.get(case.path.rsplit("/", 1)[0], ()):
        query.pop(name, None)
    if "asOf" in query and case.path == "/api/v1/tokens/{mint}":
        query["asOf"] = LAST_SLOT
    if "q" in query:
        query["q"] = "".join(filter(str.isprintable, query["q"]))
    if "from" in query and "to" in query:
        query["from"] = 0
    for highest in [name for name in query if name.endswith("Max")]:
        lowest = highest.removesuffix("Max") + "Min"
        if lowest in query:
            query[lowest] = 0


def wait_for_what_is_there(case: Any) -> None:
    """Also where another parameter is wrong, or looks so until it is sent, as a list of one does.

    Otherwise what is found out is that the position is not reached, by 504 and after 5 seconds.
    """
    waited = case.query.get("waitFor")
    if isinstance(waited, list) and len(waited) == 1:
        (waited,) = waited
    if position.fullmatch(str(waited)):
        case.query["waitFor"] = "1"


@schema.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_each_operation_is_as_described(case: Any) -> None:
    if case.meta.generation.mode.is_positive:
        settle(case)
    wait_for_what_is_there(case)
    case.call_and_validate()


def test_the_document_is_valid_openapi_3_1() -> None:
    assert schema.raw_schema["openapi"].startswith("3.1.")
    validate(schema.raw_schema, cls=OpenAPIV31SpecValidator)
