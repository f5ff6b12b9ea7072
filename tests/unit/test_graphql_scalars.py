"""A value that a scalar cannot be is refused with what it should be, and where it was."""

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
