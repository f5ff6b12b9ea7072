"""Every version of every layout is read as it was written, whatever its values."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curvetape.testing.layouts import example, values
from ingest.layouts.accounts import BONDING_CURVE, POOL, PRICE_UPDATE
from ingest.layouts.catalogue import EVENTS
from ingest.layouts.layout import Layout, TooShortError, Version

ALL = [(layout, version) for layout in EVENTS for version in layout.versions]
ACCOUNTS = [(a, v) for a in (BONDING_CURVE, POOL, PRICE_UPDATE) for v in a.versions]


def named(layout: Layout, read: list[Any]) -> dict[str, Any]:
    """What was read, by the names of the fields."""
    return {field.name: value for field, value in zip(layout.fields, read, strict=False)}


every_version = pytest.mark.parametrize(
    ("layout", "version"),
    ALL + ACCOUNTS,
    ids=lambda value: getattr(value, "name", None) or value.label,
)


drawn = st.sampled_from(ALL + ACCOUNTS)


@settings(max_examples=400, deadline=None)
@given(drawn, st.data())
def test_what_was_written_is_read(known: tuple[Layout, Version], data: st.DataObject) -> None:
    layout, version = known
    given_values = data.draw(values(layout, version))
    written = layout.write(version.label, given_values)
    read, found, end = layout.read(written, 8)
    assert named(layout, read) == given_values
    assert (found, end) == (version, len(written))


@settings(max_examples=400, deadline=None)
@given(drawn, st.data())
def test_the_longest_known_prefix_is_read_and_the_rest_is_the_tail(
    known: tuple[Layout, Version], data: st.DataObject
) -> None:
    """Bytes that a later upgrade appends, or that a cut leaves over, never fail the event."""
    layout, version = known
    given_values = data.draw(values(layout, version))
    written = layout.write(version.label, given_values)
    following = layout.versions[layout.versions.index(version) + 1 :]
    if following:
        whole = layout.write(following[0].label, example(layout, following[0], **given_values))
        # One byte short of the next version: none of it may be believed.
        grown = whole[:-1]
    else:
        grown = written + data.draw(st.binary(max_size=40))
    read, found, end = layout.read(grown, 8)
    assert found == version
    assert named(layout, read) == given_values
    assert end == len(written)


@every_version
def test_the_order_of_reading_changes_nothing(layout: Layout, version: Version) -> None:
    """The version that is tried first is only a guess."""
    written = layout.write(version.label, example(layout, version))
    expected = layout.read(written, 8)
    for other in layout.versions:
        layout.read(layout.write(other.label, example(layout, other)), 8)
        assert layout.read(written, 8) == expected


@every_version
def test_a_cut_anywhere_gives_an_earlier_version_or_an_error(
    layout: Layout, version: Version
) -> None:
    written = layout.write(version.label, example(layout, version))
    labels = [known.label for known in layout.versions]
    for size in range(8, len(written)):
        try:
            read, found, end = layout.read(written[:size], 8)
        except TooShortError:
            continue
        assert labels.index(found.label) < labels.index(version.label)
        assert len(read) == len(layout.fields_of(found))
        assert end <= size


@pytest.mark.parametrize("layout", EVENTS, ids=lambda layout: f"{layout.name}-{layout.program[:4]}")
def test_shown_values_are_written_to_the_same_bytes(layout: Layout) -> None:
    """The JSON of an event loses nothing."""
    for version in layout.versions:
        written = layout.write(version.label, example(layout, version))
        read, _, _ = layout.read(written, 8)
        assert layout.write(version.label, layout.plain(read)) == written
