"""Histories of tokens' cards in which all that a card shows comes up, equals and odd ones too."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from curvetape.testing.events import histories
from curvetape.testing.holders import turned
from curvetape.testing.metadata import described, undescribed
from domain.events import AnyEvent, CurveTraded, PoolTraded
from domain.position import Position

_EQUAL = st.sampled_from((None, None, (3, 7), (30, 70), (1, 7)))
"""Reserves of a curve, some of which make the same price."""
_DECIMALS = st.sampled_from((None, 6, 9))
_TEXTS = st.sampled_from((None, "", 'a "word", and\nmore', "猫", "https://x.example/"))


@st.composite
def token_histories(draw: st.DrawFn, *, events_max: int = 40) -> list[AnyEvent]:
    """Events in the order of the chain, several in a slot, then what the tokens' documents say."""
    events: list[AnyEvent] = []
    for event in draw(histories(events_max=events_max)):
        slot, tx = divmod(event.pos.slot, 7)
        changed: dict[str, Any] = {"pos": Position(slot + 1, tx, 2, 0)}
        if isinstance(event, CurveTraded) and (reserves := draw(_EQUAL)) is not None:
            quote, token = reserves
            changed |= {"virtual_quote_reserves": quote, "virtual_token_reserves": token}
        if isinstance(event, PoolTraded):
            changed |= {"quote_decimals": draw(_DECIMALS), "base_decimals": draw(_DECIMALS)}
            if draw(st.booleans()):
                changed |= turned(event.mint) | {"canonical": event.canonical}
        is_moved = event.kind != "sol.priced"  # it has the last place of its slot
        events.append(msgspec.structs.replace(event, **changed) if is_moved else event)
    attempts = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4)), unique=True))
    for number, attempt in attempts:
        make = described if draw(st.booleans()) else undescribed
        said = {name: draw(_TEXTS) for name in ("description", "image", "twitter", "website")}
        events.append(make(number, f"mint{number}", attempt=attempt, **said))
    return events
