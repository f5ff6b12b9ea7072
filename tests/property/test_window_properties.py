"""Windows are cut into buckets so that each minute counts once in each window that holds it."""

from hypothesis import given
from hypothesis import strategies as st

from projections.buckets import MINUTE_S
from projections.windows import WINDOWS_S, shared_stretches, span_at

DAYS_2_S = 2 * 86_400


@given(at_s=st.integers(1_700_000_000, 1_700_000_000 + DAYS_2_S))
def test_shared_stretches_hold_each_minute_of_a_window_once(at_s: int) -> None:
    spans = {window: span_at(window, at_s) for window in WINDOWS_S}
    found = shared_stretches(spans)
    for window, span in spans.items():
        minutes = [
            minute_s
            for each in found
            if window in each.windows
            for minute_s in range(each.from_s, each.to_s, MINUTE_S)
        ]
        assert len(minutes) == len(set(minutes))
        assert set(minutes) == span.minutes()
        # By as long buckets as the window alone is cut into.
        for each in found:
            if window in each.windows:
                assert any(
                    it.length_s == each.length_s and it.from_s <= each.from_s < each.to_s <= it.to_s
                    for it in span.stretches()
                )


@given(at_s=st.integers(1_700_000_000, 1_700_000_000 + DAYS_2_S))
def test_no_bucket_is_in_two_shared_stretches(at_s: int) -> None:
    found = shared_stretches({window: span_at(window, at_s) for window in WINDOWS_S})
    starts = [
        (each.length_s, start_s)
        for each in found
        for start_s in range(each.from_s, each.to_s, each.length_s)
    ]
    assert len(starts) == len(set(starts))
    assert all(start_s % length_s == 0 for length_s, start_s in starts)
