"""Audits give the same answer whatever order the log learnt things in."""

from functools import lru_cache

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from curvetape.testing.certified import CertifiedLog
from curvetape.testing.simulated import first_blocks, views
from domain.events import AnyEvent, decode, encode
from ingest.transaction import translated
from projections.audit.certificates import Certificates
from projections.audit.reserves import ReserveReport, Reserves
from projections.audit.spans import Spans
from projections.audit.steps import stepper

EVENTS_MAX = 50
"""Fewer than the segments that are kept of one market, so that none are taken together."""


@lru_cache(1)
def lives() -> list[list[AnyEvent]]:
    """Stretches of simulated curves and pools, in the chain's order."""
    markets: dict[str, list[AnyEvent]] = {}
    for block, _ in first_blocks(150):
        for tx in views(block):
            for event in translated(tx).events:
                if (make := stepper(type(event))) is not None:
                    plain = msgspec.structs.replace(decode(encode(event)), provisional=False)
                    markets.setdefault(make(plain).address, []).append(plain)
    stretches = []
    for events in markets.values():
        events.sort(key=lambda event: event.pos)
        stretches += [events[at : at + EVENTS_MAX] for at in range(0, len(events), EVENTS_MAX)]
    return [stretch for stretch in stretches if len(stretch) > 2]


def report(events: list[AnyEvent]) -> ReserveReport:
    walk = Reserves(mints=[event.mint for event in events if hasattr(event, "mint")])
    for sequence, event in enumerate(events, 1):
        walk.take(sequence, event)
    return walk.report()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_reserves_connect_whatever_order_the_events_come_in(data: st.DataObject) -> None:
    life = data.draw(st.sampled_from(lives()))
    shuffled = data.draw(st.permutations(life))
    assert report(shuffled) == report(life)
    assert report(life).breaks == {}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_is_missing_is_found_whatever_order_the_rest_comes_in(data: st.DataObject) -> None:
    life = data.draw(st.sampled_from(lives()))
    kept = data.draw(st.lists(st.booleans(), min_size=len(life), max_size=len(life)))
    rest = [event for event, keep in zip(life, kept, strict=True) if keep]
    shuffled = data.draw(st.permutations(rest))
    assert report(shuffled) == report(rest)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_certificates_agree_with_any_history_of_retractions(data: st.DataObject) -> None:
    events = [event for life in lives()[:4] for event in life]
    slots = sorted({event.pos.slot for event in events})[:8]
    log = CertifiedLog()
    for slot in slots:
        of_slot = [event for event in events if event.pos.slot == slot]
        for _ in range(data.draw(st.integers(0, 2))):
            log.append(*data.draw(st.permutations(of_slot)))
            log.abandon(slot)
        if data.draw(st.booleans()):
            log.append(*data.draw(st.permutations(of_slot)))
            log.seal(slot)
    walk = Certificates()
    reserves = Reserves()
    for sequence, payload, event in log:
        walk.take(sequence, payload, event)
        reserves.take(sequence, event)
    found = walk.report()
    assert found.problem_count == 0
    assert found.undecided == found.not_final == reserves.report().waiting == 0
    assert reserves.report().events + found.retracted == found.events


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 6)), min_size=1, max_size=40
    )
)
def test_spans_hold_what_a_set_would(changes: list[tuple[bool, int, int]]) -> None:
    spans, expected = Spans(), set[int]()
    for adds, first, length in changes:
        slots = set(range(first, first + length))
        if adds:
            spans.add(first, first + length - 1)
            expected |= slots
        else:
            spans.remove(first, first + length - 1)
            expected -= slots
        held = [slot for begin, end in spans for slot in range(begin, end + 1)]
        assert held == sorted(expected)
        assert spans.slots == len(expected)
        assert all(a[1] + 1 < b[0] for a, b in zip(list(spans), list(spans)[1:], strict=False))
        assert (first in spans) == (first in expected)
