"""The status line of `up` says how far read models are, in a line that stays short."""

import pytest

from curvetape.up import behind
from projections.reads import ProjectionPosition


@pytest.mark.parametrize(
    ("sequences", "said"),
    [
        ({}, "no read model yet"),
        ({"candles": 90, "tokens": 90}, "2 read models 10 behind"),
        ({"candles": 110, "tokens": 100}, "2 read models 0 behind"),
        ({"candles": 100, "tokens": 90}, "2 read models up to 10 behind (tokens)"),
        (
            {"a": 100, "b": 90, "c": 90, "d": 90, "e": 90},
            "5 read models up to 10 behind (b, c, d …)",
        ),
    ],
)
def test_the_furthest_are_named(sequences: dict[str, int], said: str) -> None:
    positions = [
        ProjectionPosition(name=name, version=1, sequence=sequence, reread_after=sequence)
        for name, sequence in sequences.items()
    ]
    assert behind(100, positions) == said
