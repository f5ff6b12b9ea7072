"""Whatever goes wrong is answered with problem details that say what to do."""

import logging
from typing import Any, Never

import pytest
from falcon.testing import Result, TestClient

from api.app import create_app
from api.guard import ADDRESS_BYTES_MAX
from api.problems import KINDS
from curvetape.testing.api import V1, Served
from curvetape.testing.market import ABSENT, MARKET, TRADED
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads


@pytest.fixture
def served() -> Served:
    return Served()


def problem(result: Result, kind: str) -> Any:
    """The problem, after checking what is common to all of them."""
    assert result.headers["content-type"] == "application/problem+json"
    assert result.headers["cache-control"] == "no-store"
    assert "etag" not in result.headers
    declared = next(each for each in KINDS if each.name == kind)
    assert result.json["type"] == f"/#{kind}"
    assert result.json["status"] == result.status_code == declared.status
    assert result.json["title"] == declared.title
    return result.json


def test_an_unknown_parameter_is_refused_with_the_known_ones(served: Served) -> None:
    found = problem(served.client.get(f"{V1}/{TRADED}?window=5"), "parameter-unknown")
    assert found["detail"] == "'window' is no parameter here; known: windowsTo, asOf, waitFor"
    assert (found["parameter"], found["known"]) == ("window", ["windowsTo", "asOf", "waitFor"])
    assert problem(served.client.get("/healthz?x"), "parameter-unknown")["known"] == []


@pytest.mark.parametrize("mint", ["0", "a" * 31, "a" * 45, "l" * 40, "a" * 40 + "%0A", "é" * 40])
def test_what_is_no_mint_is_told_what_one_looks_like(served: Served, mint: str) -> None:
    for part in ("", "/chart", "/trades"):
        found = problem(served.client.get(f"{V1}/{mint}{part}"), "parameter-invalid")
        assert found["parameter"] == "mint"
        assert "public key in base58: 32 to 44 characters" in found["detail"]


@pytest.mark.parametrize(
    ("path", "parameter", "says"),
    [
        ("?limit=0", "limit", "limit was 0: expected `int` >= 1. Tokens to list"),
        ("?limit=101", "limit", "<= 100"),
        ("?limit=x", "limit", "limit was 'x': expected `int`. Tokens"),
        ("?limit=1.0", "limit", "limit was '1.0'"),
        ("?limit=", "limit", "limit was ''"),
        ("?limit=1&limit=2", "limit", "given more than once"),
        (
            "?sort=age",
            "sort",
            "One of: change, created, holders, last_trade, liquidity, market_cap, progress, trades",
        ),
        ("?state=dead", "state", "One of: completed, curve, graduated"),
        ("?cursor=abc", "cursor", "it is not the `next` of an answer"),
        ("?cursor=*", "cursor", "expected `str` matching regex"),
        (
            f"/{TRADED}/chart?interval=2m",
            "interval",
            "One of: 15m, 15s, 1h, 1m, 1s, 24h, 4h, 5m, 5s",
        ),
        (f"/{TRADED}/chart?from=null", "from", "Unix seconds or RFC 3339"),
        (f"/{TRADED}/chart?from=1.5", "from", "Unix seconds or RFC 3339"),
        (f"/{TRADED}/chart?from=-1", "from", "Unix seconds or RFC 3339"),
        (f"/{TRADED}/chart?to=2026-01-01T00:00:00", "to", "with a timezone"),
        (f"/{TRADED}/chart?from=9&to=3", "from", "from was after to by 6 s"),
        (f"/{TRADED}/chart?limit=1001", "limit", "1 to 1000"),
        (f"/{TRADED}/trades?limit=501", "limit", "1 to 500"),
        (f"/{TRADED}/trades?before=-1", "before", "The `next` of an answer"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_would(
    served: Served, path: str, parameter: str, says: str
) -> None:
    found = problem(served.client.get(V1 + path), "parameter-invalid")
    assert found["parameter"] == parameter
    assert says in found["detail"]


def test_a_refused_value_is_repeated_only_in_part(served: Served) -> None:
    found = problem(served.client.get(f"{V1}?limit={'9' * 3_000}"), "parameter-invalid")
    assert len(found["detail"]) < 200


def test_a_cursor_of_another_sort_is_refused(served: Served) -> None:
    given = served.client.get(f"{V1}?sort=created&limit=1").json["next"]
    found = problem(served.client.get(f"{V1}?sort=volume&cursor={given}"), "parameter-invalid")
    assert "it belongs to a list with another sort, created" in found["detail"]


def test_a_mint_that_the_log_never_saw_is_not_known_up_to_a_position(served: Served) -> None:
    result = served.client.get(f"{V1}/{ABSENT}")
    assert ABSENT in problem(result, "mint-unknown")["detail"]
    assert result.headers["curvetape-position"] == str(len(MARKET))


@pytest.mark.parametrize("path", ["/nope", "/api/v1", f"{V1}/", f"{V1}/{TRADED}/nope", "/%00"])
def test_a_path_that_is_none_is_a_problem(served: Served, path: str) -> None:
    assert served.client.get(path).headers["content-type"] == "application/problem+json"
    assert served.client.get(path).status_code in {400, 404}
    problem(served.client.get("/nope"), "route-unknown")


@pytest.mark.parametrize("path", [V1, "/healthz", "/openapi.json", "/"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_a_method_that_is_none_of_the_resources_is_told_those_that_are(
    served: Served, path: str, method: str
) -> None:
    result = served.client.simulate_request(method, path)
    assert method in problem(result, "method-not-allowed")["detail"]
    assert result.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("accept", ["text/csv", "application/json;q=0", "nonsense", "image/*"])
def test_a_client_that_takes_no_json_is_told_so(served: Served, accept: str) -> None:
    problem(served.client.get(V1, headers={"Accept": accept}), "not-acceptable")


@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/html, application/json;q=0.1"])
def test_a_client_that_takes_json_among_others_gets_it(served: Served, accept: str) -> None:
    result = served.client.get(V1, headers={"Accept": accept})
    assert result.headers["content-type"] == "application/json"


def test_content_is_refused_and_ends_the_connection(served: Served) -> None:
    result = served.client.get(V1, body='{"limit": 5}')
    problem(result, "content-refused")
    assert result.headers["connection"] == "close"
    chunked = served.client.get(V1, headers={"Transfer-Encoding": "chunked"})
    problem(chunked, "content-refused")


def test_an_address_may_have_so_many_bytes_and_no_more(served: Served) -> None:
    room = ADDRESS_BYTES_MAX - len(f"{V1}cursor=")
    fits = served.client.get(f"{V1}?cursor={'a' * room}")
    problem(fits, "parameter-invalid")
    problem(served.client.get(f"{V1}?cursor={'a' * (room + 1)}"), "address-too-long")


def test_a_store_that_is_down_is_a_reason_to_come_back(served: Served) -> None:
    served.reads.down = True
    for path in (V1, f"{V1}/{TRADED}", f"{V1}/{TRADED}/chart", f"{V1}/{TRADED}/trades"):
        result = served.client.get(path)
        problem(result, "unavailable")
        assert int(result.headers["retry-after"]) > 0


class _Broken(MemoryReads):
    async def token(self, mint: str) -> Never:
        raise ZeroDivisionError(f"secret about {mint}")


def test_a_bug_tells_an_id_and_nothing_else_and_the_log_has_its_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = TestClient(create_app(_Broken(), MemoryLog()))
    with caplog.at_level(logging.ERROR, logger="curvetape.api"):
        result = client.get(f"{V1}/{TRADED}")
    found = problem(result, "internal")
    assert set(found) == {"type", "title", "status", "detail", "id"}
    assert "secret" not in result.text
    (record,) = caplog.records
    assert found["id"] in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


def test_the_index_explains_every_kind_where_its_type_leads(served: Served) -> None:
    page = served.client.get("/").text
    assert [kind.name for kind in KINDS if f'id="{kind.name}"' not in page] == []
