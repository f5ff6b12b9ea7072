"""What a layout remembers of events that it has read makes it quicker, and changes nothing."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from curvetape.testing.layouts import values
from ingest.layouts.catalogue import EVENTS
from ingest.layouts.layout import SHAPES_MAX, Layout, TooShortError, Version

EVERY_VERSION = st.sampled_from([(event, step) for event in EVENTS for step in event.versions])


def unread(layout: Layout) -> Layout:
    """The same layout, as one that has not read anything."""
    return Layout(layout.program, layout.name, layout.discriminator, layout.versions)


def outcome(layout: Layout, event: bytes) -> tuple[list[Any], Version, int] | None:
    try:
        return layout.read(event, 8)
    except TooShortError:
        return None


@settings(max_examples=600, deadline=None)
@given(EVERY_VERSION, st.data())
def test_an_event_is_read_alike_first_and_later(
    known: tuple[Layout, Version], data: st.DataObject
) -> None:
    """Also where a byte is damaged, so that it has the length of a shape and not its content."""
    layout, version = known
    event = layout.write(version.label, data.draw(values(layout, version)))
    experienced = unread(layout)
    experienced.read(event, 8)
    damaged = bytearray(event)
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(8, len(event) - 1))] = data.draw(st.integers(0, 255))
    for given_event in (bytes(damaged), event):
        expected = outcome(unread(layout), given_event)
        assert outcome(experienced, given_event) == expected
        assert outcome(experienced, given_event) == expected


def test_texts_of_more_lengths_than_are_remembered_are_read() -> None:
    layout = unread(next(event for event in EVENTS if event.name == "SocialFeePdaCreated"))
    key = bytes(32)
    for length in range(SHAPES_MAX * 2):
        named = {"timestamp": 1, "user_id": "x" * length, "platform": 2}
        written = layout.write("1", named | {"social_fee_pda": key, "created_by": key})
        assert layout.read(written, 8)[0] == [1, "x" * length, 2, key, key]
