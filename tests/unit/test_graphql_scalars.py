"""A value that an argument cannot have is refused with what it should be, and where it was."""

import pytest

from curvetape.testing.api import Served
from curvetape.testing.market import TRADED


@pytest.mark.parametrize(
    ("query", "value", "reason"),
    [
        (
            f'{{ token(mintAddress: "{TRADED}") {{ chart(from: "noon") {{ time }} }} }}',
            '"noon"',
            "RFC 3339",
        ),
        ("{ slot(slot: 9007199254740993) { state } }", "9007199254740993", "2^53"),
        ('{ slot(slot: "1") { state } }', '"1"', "whole number"),
    ],
    ids=["time", "large", "text"],
)
def test_a_value_that_cannot_be_is_told_with_its_place(query: str, value: str, reason: str) -> None:
    answer = Served().client.simulate_post("/graphql", json={"query": query}).json
    (error,) = answer["errors"]
    assert reason in error["message"]
    assert error["message"].endswith(f"found: {value}.")
    assert error["locations"] == [{"line": 1, "column": query.index(value) + 1}]


@pytest.mark.parametrize("field", ["tokens", "aboutToGraduate"])
def test_a_cursor_that_is_none_is_refused_in_the_words_of_a_connection(field: str) -> None:
    query = f'{{ {field}(after: "none") {{ nodes {{ name }} }} }}'
    answer = Served().client.simulate_post("/graphql", json={"query": query}).json
    (error,) = answer["errors"]
    assert error["message"] == (
        "after was 'none': it is not a `cursor` or the `endCursor` of this list"
    )
