"""For how long candles are kept is said by interval."""

import pytest

from projections.retention import Keeping, keeping


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1s=7", {1: 7}),
        ("5s=30", {1: 30, 5: 30}),
        ("1s=2, 15s=90", {1: 2, 5: 90, 15: 90}),
    ],
)
def test_shorter_intervals_are_kept_as_long_as_the_next_longer_one_that_is_named(
    text: str, kept: Keeping
) -> None:
    assert keeping(text) == kept


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1m=7", "'1m'; candles of 1s, 5s, 15s can be"),
        ("1s=1", "2 or more"),
        ("1s", "2 or more"),
        ("1s=40000", "'40000' days; it has to be 2 or more, up to 32,767"),
        ("1s=7,1s=8", "given twice"),
        ("1s=30,5s=7", "cannot be kept for longer"),
    ],
)
def test_what_cannot_be_let_go_of_is_said(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        keeping(text)
