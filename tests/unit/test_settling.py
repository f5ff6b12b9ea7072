"""Events wait for their slot: what lets them out, what drops them, and what may not happen."""

from collections.abc import Sequence

import pytest

from curvetape.testing.events import curve_traded, recorded
from curvetape.testing.forks import abandoned, confirmed, gap, trade
from domain.events import AnyEvent
from projections import settling as module
from projections.projection import TakenBack
from projections.settling import Overfull, Settled, Settling


def sequences(stretches: Sequence[Settled]) -> list[int]:
    return [each.sequence for stretch in stretches for each in stretch.events]


def waiting(settling: Settling) -> tuple[int | None, int, int]:
    return settling.low, settling.waiting_events, settling.waiting_slots


def take(*events: AnyEvent, settling: Settling | None = None) -> list[Settled]:
    return (settling or Settling()).take(recorded(events))


def test_a_certificate_lets_out_what_waits_of_its_slot_right_before_itself() -> None:
    assert sequences(take(trade(1), trade(2), trade(1, 1), confirmed(1))) == [1, 3, 4]


def test_an_event_from_before_there_were_certificates_counts_at_once() -> None:
    assert sequences(take(trade(1), curve_traded(2, "m"), curve_traded(1, "m"))) == [2, 3]


def test_what_an_abandoned_slot_takes_back_is_never_handed_out() -> None:
    log = (trade(1), abandoned(1, 1), trade(1, 1), trade(1, 2), confirmed(1))
    assert sequences(take(*log)) == [2, 3, 4, 5]


def test_a_second_certificate_lets_out_what_came_after_the_first() -> None:
    log = (trade(1), confirmed(1), trade(1, 1), confirmed(1, revision=2))
    assert sequences(take(*log)) == [1, 2, 3, 4]


def test_slot_events_pass_even_where_nothing_waits() -> None:
    assert sequences(take(confirmed(1), abandoned(2, 0), gap(3, 4))) == [1, 2, 3]


def test_a_gap_that_begins_at_a_slot_applies_nothing_of_it() -> None:
    (stretch,) = take(gap(3, 4), trade(3), abandoned(3, 1))
    assert stretch.stop is None


def test_what_waits_is_counted_and_its_beginning_known() -> None:
    settling = Settling()
    assert waiting(settling) == (None, 0, 0)
    take(trade(5), trade(4), trade(5, 1), settling=settling)
    assert waiting(settling) == (1, 3, 2)
    (stretch,) = settling.take(recorded([confirmed(5)], after=3))
    assert waiting(settling) == (2, 1, 1)
    assert (stretch.sequence, stretch.reread_after) == (4, 1)
    (stretch,) = settling.take(recorded([abandoned(4, 1)], after=4))
    assert waiting(settling) == (None, 0, 0)
    assert (stretch.sequence, stretch.reread_after) == (5, 5)


def test_a_stretch_ends_behind_the_decision_that_fills_it() -> None:
    log = (trade(1), trade(2), confirmed(2), confirmed(1), trade(3))
    stretches = take(*log, settling=Settling(settled_events_max=2))
    assert [sequences([each]) for each in stretches] == [[2, 3], [1, 4], []]
    assert [(each.sequence, each.reread_after) for each in stretches] == [(3, 0), (4, 4), (5, 4)]


def test_a_slot_taken_back_after_its_certificate_stops_before_that() -> None:
    log = (trade(1), confirmed(1), trade(2), trade(1, 1), abandoned(1, 2), confirmed(2))
    (stretch,) = take(*log)
    assert (stretch.sequence, stretch.reread_after, sequences([stretch])) == (4, 2, [1, 2])
    assert stretch.stop == TakenBack(slot=1, sequence=5)
    assert stretch.stop.sentence.startswith(
        "slot 1 was taken back (sequence 5) after its certificate"
    )


def test_an_old_event_that_is_taken_back_stops_too() -> None:
    (stretch,) = take(curve_traded(1, "m"), abandoned(1, 1))
    assert stretch.stop == TakenBack(slot=1, sequence=2)


def test_a_certificate_that_let_nothing_out_may_be_followed_by_the_slots_end() -> None:
    log = (confirmed(1), trade(1), abandoned(1, 1))
    assert sequences(take(*log)) == [1, 3]


def test_what_is_taken_back_too_late_is_noticed_however_long_ago_it_was_applied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log's own count tells, where slots are forgotten or were applied before a restart."""
    monkeypatch.setattr(module, "APPLIED_SLOTS_MAX", 1)
    log = (trade(1), confirmed(1), trade(2), confirmed(2), abandoned(1, 1))
    assert take(*log)[-1].stop == TakenBack(slot=1, sequence=5)
    restarted = Settling()
    assert restarted.take(recorded(log[4:], after=4))[-1].stop == TakenBack(slot=1, sequence=5)


def test_a_rebuild_that_knows_what_was_taken_back_passes_over_it() -> None:
    log = (trade(1), confirmed(1), abandoned(1, 1), trade(1, 1), confirmed(1, revision=2))
    settling = Settling(taken_back=[TakenBack(slot=1, sequence=3)])
    assert sequences(take(*log, settling=settling)) == [2, 3, 4, 5]


def test_a_slot_that_is_taken_back_again_too_late_stops_again() -> None:
    log = (trade(1), confirmed(1), abandoned(1, 1), trade(1), confirmed(1), abandoned(1, 1))
    settling = Settling(taken_back=[TakenBack(slot=1, sequence=3)])
    assert take(*log, settling=settling)[-1].stop == TakenBack(slot=1, sequence=6)


def test_more_events_than_may_wait_stop_with_the_slot_that_waits_longest() -> None:
    settling = Settling(waiting_events_max=2)
    (stretch,) = take(confirmed(6), trade(7), trade(8), trade(8, 1), settling=settling)
    assert sequences([stretch]) == [1]
    assert stretch.stop == Overfull(events=3, slot=7, sequence=2)
    assert stretch.stop.sentence.startswith(
        "3 events wait for their slots to be decided, first those of slot 7 from sequence 2 on"
    )


def test_a_batch_that_decides_what_it_brings_may_be_larger_than_what_may_wait() -> None:
    (stretch,) = take(trade(7), trade(7, 1), confirmed(7), settling=Settling(waiting_events_max=1))
    assert stretch.stop is None
