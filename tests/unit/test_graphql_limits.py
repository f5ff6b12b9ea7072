"""A query that asks for too much is refused before anything is read."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from graphql import get_introspection_query

from api.graphql.limits import QUERY_TOKENS_MAX, VALUES_MAX, Limits
from api.graphql.persisted import TEXT_BYTES_MAX, Persisted, allowed_in
from curvetape.testing.api import Served
from curvetape.testing.market import TRADED

NESTED = "token { trades(first: 1) { nodes { "


def answer(served: Served, query: str | None = None, **more: object) -> dict[str, Any]:
    asked = more if query is None else {"query": query, **more}
    found: dict[str, Any] = served.client.simulate_post("/graphql", json=asked).json
    return found


def error(served: Served, query: str | None = None, **more: object) -> dict[str, Any]:
    said = answer(served, query, **more)
    assert "data" not in said, "it was not run"
    (found,) = said["errors"]
    assert isinstance(found, dict)
    return found


def nested(times: int) -> str:
    return (
        f'{{ token(mintAddress: "{TRADED}") {{ trades(first: 1) {{ nodes {{ '
        + NESTED * times
        + "id"
        + " } } }" * times
        + " } } } }"
    )


def test_depth_is_limited_through_fragments_too() -> None:
    served = Served(limits=Limits(depth_max=10))
    assert "data" in answer(served, nested(2))
    refused = error(served, nested(3))
    assert refused["extensions"] == {"code": "DEPTH_EXCEEDED", "depth": 13, "maximum": 10}
    hidden = f"""{{ token(mintAddress: "{TRADED}") {{ ...a }} }}
        fragment a on Token {{ trades {{ nodes {{ token {{ ...b }} }} }} }}
        fragment b on Token {{ trades {{ nodes {{ token {{ ... on Token {{ ...c }} }} }} }} }}
        fragment c on Token {{ trades {{ nodes {{ token {{ name }} }} }} }}"""
    assert error(served, hidden)["extensions"]["depth"] == 11


def test_cost_grows_with_first_and_limit_and_with_each_alias() -> None:
    served = Served(limits=Limits(cost_max=1_000))
    query = (
        "query ($n: Int!) { tokens(first: $n) { nodes { trades(first: 20) { nodes { id } } } } }"
    )
    assert "data" in answer(served, query, variables={"n": 45})
    refused = error(served, query, variables={"n": 46})
    assert refused["extensions"] == {"code": "COST_EXCEEDED", "cost": 1_012, "maximum": 1_000}
    default = "query ($n: Int! = 100) { tokens(first: $n) { nodes { volume5m } } }"
    assert error(served, default)["extensions"]["cost"] == 1_200
    aliases = " ".join(f"a{n}: tokens(first: 100) {{ nodes {{ name }} }}" for n in range(6))
    assert error(served, f"{{ {aliases} }}")["extensions"]["cost"] == 1_200


def test_a_list_of_mints_costs_each_of_them_and_what_is_asked_of_it() -> None:
    served = Served(limits=Limits(cost_max=1_000))
    query = """query ($mints: [String!]!) { tokensByMint(mintAddresses: $mints) {
        trades(first: 50) { nodes { id } } } }"""
    assert "data" in answer(served, query, variables={"mints": [TRADED] * 19})
    assert error(served, query, variables={"mints": [TRADED] * 20})["extensions"]["cost"] == 1_040
    written = query.replace("query ($mints: [String!]!)", "").replace("$mints", f'["{TRADED}"]')
    assert "data" in answer(served, written)


def test_free_fields_of_many_rows_are_bounded_by_the_size_of_the_answer() -> None:
    aliases = " ".join(f"a{number}: id" for number in range(200))
    query = f"""query ($n: Int!) {{ token(mintAddress: "{TRADED}") {{
        trades(first: $n) {{ nodes {{ ...wide }} }} }} }}
        fragment wide on Trade {{ {aliases} }}"""
    assert "data" in answer(Served(), query, variables={"n": 400})
    refused = error(Served(), query, variables={"n": 500})
    values = 500 * 201 + 2
    assert refused["extensions"] == {
        "code": "VALUES_EXCEEDED",
        "values": values,
        "maximum": VALUES_MAX,
    }


def test_the_schema_can_be_asked_for_and_not_many_times_at_once() -> None:
    whole = get_introspection_query(
        specified_by_url=True, schema_description=True, input_value_deprecation=True
    )
    assert "data" in answer(Served(), whole)
    alias = "a%d: __schema { types { fields { args { name } name } } }"
    many = "{" + " ".join(alias % number for number in range(100)) + "}"
    assert error(Served(), many)["extensions"]["code"] == "VALUES_EXCEEDED"


def test_a_cost_counts_only_the_operation_that_is_run() -> None:
    served = Served(limits=Limits(cost_max=100))
    query = """query small { tokens(first: 1) { nodes { name } } }
        query large($n: Int!) { tokens(first: $n) { nodes { name } } }"""
    assert "data" in answer(served, query, operationName="small")
    large = error(served, query, operationName="large", variables={"n": 51})
    assert large["extensions"]["cost"] == 102


@pytest.mark.parametrize(
    "query",
    [
        "{ a: __typename " * 1
        + "x" * 0
        + "".join(f"a{n}: __typename " for n in range(2_000))
        + "}",
        "fragment a on Query { ...b } fragment b on Query { ...a } { ...a }",
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        "{" * 1_500,
    ],
    ids=["long", "cycle", "introspection", "braces"],
)
def test_queries_that_only_cost_time_are_refused(query: str) -> None:
    said = answer(Served(), query)
    assert said["errors"][0]["extensions"]["code"] in {
        "GRAPHQL_PARSE_FAILED",
        "GRAPHQL_VALIDATION_FAILED",
    }
    assert "data" not in said
    assert QUERY_TOKENS_MAX == 2_000


def persisted(query: str) -> dict[str, Any]:
    return {
        "persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(query.encode()).hexdigest()}
    }


def test_a_query_is_sent_once_and_then_by_its_hash() -> None:
    served, query = Served(), "{ __typename }"
    missing = error(served, extensions=persisted(query))
    assert missing["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert missing["message"] == "PersistedQueryNotFound"  # what clients look for
    assert "data" in answer(served, query, extensions=persisted(query))
    assert answer(served, extensions=persisted(query))["data"] == {"__typename": "Query"}
    wrong = error(served, "{ other: __typename }", extensions=persisted(query))
    assert wrong["extensions"]["code"] == "BAD_REQUEST"
    other = {"persistedQuery": {"version": 2, "sha256Hash": "0"}}
    assert error(served, extensions=other)["extensions"]["code"] == "PERSISTED_QUERY_NOT_SUPPORTED"


def test_kept_queries_are_bounded_and_the_oldest_go_first() -> None:
    kept = Persisted()
    queries = [f"{{ a{number}: __typename }}".ljust(1 << 20) for number in range(6)]
    for query in queries:
        kept.text(query, persisted(query))
    room = TEXT_BYTES_MAX >> 20
    for query in queries[-room:]:
        assert kept.text(None, persisted(query)) == query
    with pytest.raises(Exception, match="PersistedQueryNotFound"):
        kept.text(None, persisted(queries[0]))


def test_with_a_folder_of_queries_no_other_is_run(tmp_path: Path) -> None:
    query = "{ readModels { name } }"
    (tmp_path / "models.graphql").write_text(query)
    served = Served(allowed=allowed_in(tmp_path))
    assert "data" in answer(served, query)
    assert "data" in answer(served, extensions=persisted(query))
    for more in ({}, {"extensions": persisted("{ __typename }")}):
        refused = error(served, "{ __typename }", **more)
        assert refused["extensions"]["code"] == "QUERY_NOT_ALLOWED"
