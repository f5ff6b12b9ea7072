"""Whatever the log holds, columns and kept payloads give it back byte for byte."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.archive.rows import tabled
from adapters.archive.segment import content_bytes, in_sequence
from curvetape.testing.archives import numbered
from curvetape.testing.events import created, histories
from domain.events import AnyEvent


def lines(events: list[AnyEvent]) -> bytes:
    tables = tabled(numbered(events), events)
    return b"".join(bytes(content_bytes(made)) for _, made in in_sequence(tables, end="\n"))


@given(histories())
def test_any_history_comes_back(events: list[AnyEvent]) -> None:
    assert lines(events) == b"".join(it.payload + b"\n" for it in numbered(events))


@given(st.lists(st.tuples(st.text(), st.text(), st.integers()), min_size=1, max_size=20))
def test_any_text_and_any_number_comes_back(given: list[tuple[str, str, int]]) -> None:
    events: list[AnyEvent] = [
        created(number, "mint", name=name, uri=uri, token_total_supply=supply)
        for number, (name, uri, supply) in enumerate(given, 1)
    ]
    assert lines(events) == b"".join(it.payload + b"\n" for it in numbered(events))
