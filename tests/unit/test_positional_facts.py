"""Facts made from values in order are the facts that keywords make."""

from typing import Any

import msgspec
import pytest

from domain.events import CurveCompleted, Event, encode
from domain.position import Position
from ingest.positional import positional

NAMES = """
    id pos received_at_ns provisional block_time_s signer compute_units priority_fee_lamports
    layout tail
    mint user bonding_curve quote_mint
"""
VALUES: tuple[Any, ...] = (
    "sig:1.2",
    Position(1, 2, 3, 4),
    5,
    True,
    6,
    "payer",
    None,
    0,
    "1",
    None,
    "m",
    "u",
    "b",
    "q",
)


def test_a_fact_made_by_position_is_encoded_as_one_made_by_keywords() -> None:
    made = positional(CurveCompleted, NAMES)(*VALUES)
    by_keywords = CurveCompleted(**dict(zip(NAMES.split(), VALUES, strict=True)))
    assert encode(made) == encode(by_keywords)
    assert isinstance(made, CurveCompleted)
    assert (made.kind, made.subject) == (by_keywords.kind, by_keywords.subject)
    assert msgspec.structs.asdict(made) == msgspec.structs.asdict(by_keywords)


@pytest.mark.parametrize("names", ["", NAMES + " more", NAMES.replace("mint user", "user mint")])
def test_names_that_are_not_the_facts_fields_in_order_are_refused(names: str) -> None:
    with pytest.raises(AssertionError, match="CurveCompleted changed its fields"):
        positional(CurveCompleted, names)


def test_what_is_made_stays_frozen() -> None:
    made: Event = positional(CurveCompleted, NAMES)(*VALUES)
    with pytest.raises(AttributeError, match="immutable"):
        made.id = "another"  # type: ignore[misc]  # that it is refused is the promise
