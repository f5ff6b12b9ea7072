"""Histories of tokens' cards in which all that a card shows comes up, equals and odd ones too."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from curvetape.testing.events import (
    burned,
    completed,
    created,
    curve_traded,
    histories,
    migrated,
    pool_created,
    pool_traded,
    repriced,
)
from curvetape.testing.holders import turned
from curvetape.testing.metadata import described, undescribed
from domain.events import AnyEvent, TokenDescribed
from domain.position import Position

FACTS: Mapping[int, Sequence[AnyEvent]] = {
    2: (
        curve_traded(1, "card", virtual_quote_reserves=9 * 10**15, quote_decimals=None),
        created(1, "card", name='a "name",\nof\0 two lines\r', symbol="", uri="\\."),
        described(1, "card", description="", image="https://i.example/a,b"),
        burned(1, "card", base_amount=2**64 - 1),
    ),
    6: (created(1, "card", name="again"), undescribed(1, "card", attempt=4)),
    8: (
        burned(1, "card", base_amount=3),
        pool_traded(1, "card", pool="other", base_supply=2**64 - 1),
        curve_traded(1, "card", virtual_quote_reserves=9 * 10**15),
        repriced(1, "card"),
    ),
    20: (
        curve_traded(1, "card", virtual_quote_reserves=10**17),
        burned(1, "card", base_amount=11),
        completed(1, "card"),
        described(1, "card", attempt=2, description="as it is, whatever becomes of the slot"),
    ),
    24: (completed(1, "card"), migrated(1, "card"), pool_created(1, "card"), repriced(1, "card")),
    33: (
        pool_traded(1, "card", base_supply=10**15, quote_decimals=None, base_decimals=None),
        burned(1, "card", base_amount=7),
        pool_traded(1, "card", pool_quote_delta=-85 * 10**9),
    ),
}
"""All that a card shows, by block of a market: two launches, burns before and behind what they
lessen, equal highs, and texts that CSV has to quote."""
MINTS = 3
_SLOTS, _TXS = 20, 7
_SIDES = st.sampled_from(("buy", "sell"))
_RESERVES = st.sampled_from(
    ((3, 7), (30, 70), (1, 7), (5, 7), (0, 7), (2**53 + 1, 3), (2**64 - 1, 3))
)
"""Of the quote and the token. Some make the same price, one makes none, and two are too
large for floats."""
_SUPPLIES = st.sampled_from((None, 0, 10**15, 2**63))
_DECIMALS = st.sampled_from((None, 6, 9))
_TEXTS = st.sampled_from((None, "", 'a "word", and\nmore', "猫", "https://x.example/"))


@st.composite
def token_histories(draw: st.DrawFn, *, events_max: int = 40) -> list[AnyEvent]:
    """Many trades of few tokens and prices, events of all kinds, and what documents say."""
    events: list[AnyEvent] = []
    for event in draw(histories(events_max=events_max, mints=MINTS)):
        slot, tx = divmod(event.pos.slot, _TXS)
        is_moved = event.kind != "sol.priced"  # it has the last place of its slot
        pos = Position(slot % _SLOTS, tx, 2, slot // _SLOTS)
        events.append(msgspec.structs.replace(event, pos=pos) if is_moved else event)
    count = draw(st.integers(0, events_max))
    places = st.tuples(st.integers(0, _SLOTS - 1), st.integers(0, _TXS - 1))
    for slot, tx in draw(st.lists(places, min_size=count, max_size=count, unique=True)):
        events.append(draw(_trades(Position(slot, tx, 3, 0))))
    events.sort(key=lambda it: it.pos)
    return [*events, *draw(_descriptions())]


@st.composite
def _trades(draw: st.DrawFn, pos: Position) -> AnyEvent:
    mint = f"mint{draw(st.integers(1, MINTS))}"
    place = {"pos": pos, "id": f"{'s' * 80}{pos.slot}-{pos.tx}:3.0", "side": draw(_SIDES)}
    quote, token = draw(_RESERVES)
    if draw(st.booleans()):
        reserves = {"virtual_quote_reserves": quote, "virtual_token_reserves": token}
        decimals = {"quote_decimals": draw(_DECIMALS)}
        return curve_traded(pos.slot, mint, **place, **reserves, **decimals)
    fields: dict[str, Any] = {
        "pool": draw(st.sampled_from(("first", "second"))),
        "canonical": draw(st.booleans()),
        "base_amount": 0,
        "pool_quote_delta": draw(st.integers(0, 1)),
        "pool_quote_reserves": quote,
        "pool_base_reserves": token,
        "virtual_quote_reserves": draw(st.integers(0, 2)),
        "base_supply": draw(_SUPPLIES),
        "quote_decimals": draw(_DECIMALS),
        "base_decimals": draw(_DECIMALS),
    }
    if draw(st.booleans()):
        fields = turned(mint) | fields
    return pool_traded(pos.slot, mint, **place, **fields)


@st.composite
def _descriptions(draw: st.DrawFn) -> list[TokenDescribed]:
    attempts = st.tuples(st.integers(1, MINTS), st.integers(1, 4))
    found = []
    for number, attempt in draw(st.lists(attempts, unique=True, max_size=6)):
        make = described if draw(st.booleans()) else undescribed
        said = {name: draw(_TEXTS) for name in ("description", "image", "twitter", "website")}
        found.append(make(number, f"mint{number}", attempt=attempt, **said))
    return found
