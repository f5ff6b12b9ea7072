"""What of the log is described, what is due, and from where a restart has to read."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curvetape.testing.events import created
from curvetape.testing.forks import abandoned, confirmed, provisional
from curvetape.testing.metadata import described, undescribed
from domain.events import AnyEvent, TokenDescribed
from ingest.metadata.backlog import (
    ATTEMPTS_MAX,
    LATER_WAITS_S,
    NS_PER_S,
    WAIT_SPREAD,
    Backlog,
    Wanted,
    later_wait_ns,
)

LATE_NS = 1 << 62


def read(*events: AnyEvent, after: int = 0, first: int | None = None) -> Backlog:
    backlog = Backlog(after=after)
    for sequence, event in enumerate(events, (first or after + 1)):
        backlog.take(sequence, event)
        backlog.passed(sequence)
    return backlog


def due(backlog: Backlog, now_ns: int = 0) -> list[tuple[str, int]]:
    found: list[Wanted] = []
    while (wanted := backlog.next(now_ns)) is not None:
        found.append(wanted)
    return [(it.mint, it.attempt) for it in found]


def launch(slot: int, mint: str) -> AnyEvent:
    return provisional(created(slot, mint))


def test_a_token_is_due_once_its_slot_is_proven() -> None:
    backlog = read(launch(1, "a"), launch(2, "b"))
    assert due(backlog) == []
    backlog.take(3, confirmed(2))
    assert due(backlog) == [("b", 1)]


def test_a_token_of_a_log_without_certificates_is_due_at_once() -> None:
    assert due(read(created(1, "a"))) == [("a", 1)]


def test_a_token_that_died_with_its_fork_is_not_described_unless_it_lands_again() -> None:
    backlog = read(launch(1, "a"), launch(1, "b"), abandoned(1, 2), launch(2, "b"), confirmed(2))
    assert due(backlog) == [("b", 1)]
    assert backlog.complete_until == 3


def test_a_token_is_under_way_once() -> None:
    backlog = read(created(1, "a"))
    assert due(backlog) == [("a", 1)]
    assert due(backlog, LATE_NS) == []
    backlog.again("a")
    assert due(backlog) == [("a", 1)]


def test_a_token_that_was_described_is_done_with() -> None:
    backlog = read(created(1, "a"), described(1, "a"), created(3, "b"))
    assert (due(backlog), backlog.waiting, backlog.complete_until) == ([("b", 1)], 1, 2)


def test_a_failure_that_may_pass_is_due_again_later_behind_the_attempt_before() -> None:
    failed = undescribed(1, "a")
    backlog = read(created(1, "a"), failed)
    at_ns = failed.received_at_ns + later_wait_ns("a", 1)
    assert due(backlog, at_ns - 1) == []
    assert backlog.next_due_ns == at_ns
    wanted = backlog.next(at_ns)
    assert wanted is not None
    assert (wanted.attempt, wanted.follows) == (2, 2)


def test_a_failure_for_good_is_a_last_word() -> None:
    backlog = read(created(1, "a"), undescribed(1, "a", final=True, http_status=404))
    assert (backlog.waiting, backlog.complete_until) == (0, 2)


def test_what_was_appended_and_is_read_again_changes_nothing() -> None:
    failed = undescribed(1, "a")
    backlog = read(created(1, "a"), failed)
    backlog.take(2, failed)
    assert due(backlog, LATE_NS) == [("a", 2)]
    backlog.take(2, failed)
    assert due(backlog, LATE_NS) == []


def test_a_token_whose_slot_is_appended_again_is_not_asked_for_twice() -> None:
    backlog = read(created(1, "a"))
    assert due(backlog) == [("a", 1)]
    backlog.take(2, created(1, "a"))
    assert due(backlog, LATE_NS) == []


@pytest.mark.parametrize("attempt", range(1, ATTEMPTS_MAX))
def test_waits_are_spread_and_the_same_for_everyone(attempt: int) -> None:
    waits = {later_wait_ns(f"mint{number}", attempt) for number in range(50)}
    least = LATER_WAITS_S[attempt - 1] * NS_PER_S
    assert len(waits) == 50
    assert least <= min(waits)
    assert max(waits) <= least * (1 + WAIT_SPREAD)


@st.composite
def logs(draw: st.DrawFn) -> list[AnyEvent]:
    """Launches, their slots' ends and what a resolver says of them, in an order that can be."""
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    log: list[AnyEvent] = []
    launched: dict[int, list[str]] = {}
    proven: dict[str, tuple[int, int]] = {}
    backlog = Backlog()

    def append(event: AnyEvent) -> None:
        log.append(event)
        backlog.take(len(log), event)
        backlog.passed(len(log))

    for number in range(draw(st.integers(1, 40))):
        kind = chance.choice("lldddca")
        if kind == "l":
            slot, mint = chance.randint(1, 5), f"mint{number}"
            launched.setdefault(slot, []).append(mint)
            append(launch(slot, mint))
        elif kind in "ca" and launched:
            slot = chance.choice(list(launched))
            mints = launched.pop(slot)
            append(confirmed(slot) if kind == "c" else abandoned(slot, len(mints)))
            if kind == "c":
                proven.update(dict.fromkeys(mints, (slot, 1)))
        elif kind == "d" and proven:
            mint = chance.choice(list(proven))
            slot, attempt = proven.pop(mint)
            final = attempt == ATTEMPTS_MAX or chance.random() < 0.5
            make = described if chance.random() < 0.5 and final else undescribed
            complete = backlog.complete_until
            append(make(slot, mint, attempt=attempt, final=final, complete_until=complete))
            if not final:
                proven[mint] = (slot, attempt + 1)
    return log


def state(backlog: Backlog) -> tuple[list[tuple[str, int, int, int, int]], int]:
    found = []
    while (wanted := backlog.next(LATE_NS)) is not None:
        found.append((wanted.mint, wanted.attempt, wanted.sequence, wanted.follows, wanted.due_ns))
    return sorted(found), backlog.complete_until


@given(logs())
def test_a_restart_behind_what_the_last_description_calls_complete_knows_the_same(
    log: list[AnyEvent],
) -> None:
    marks = [it.complete_until for it in log if isinstance(it, TokenDescribed)]
    for mark in {0, *marks[-1:]}:
        assert state(read(*log[mark:], after=mark)) == state(read(*log))


@given(logs())
def test_all_that_is_called_complete_has_its_last_word(log: list[AnyEvent]) -> None:
    backlog = read(*log)
    assert not _open(log, backlog.complete_until)
    for place, event in enumerate(log):
        if isinstance(event, TokenDescribed):
            assert not _open(log[:place], event.complete_until)


def _open(log: Iterable[AnyEvent], until: int) -> set[str]:
    """Tokens launched up to a sequence that count, or still may, and have no last word."""
    waiting: dict[int, set[str]] = {}
    wanted: set[str] = set()
    for sequence, event in enumerate(log, 1):
        if event.kind == "token.created":
            if sequence <= until:
                waiting.setdefault(event.pos.slot, set()).add(event.mint)  # type: ignore[union-attr]  # its kind says so
        elif event.kind == "slot.confirmed":
            wanted |= waiting.pop(event.pos.slot, set())
        elif event.kind == "slot.abandoned":
            waiting.pop(event.pos.slot, None)
        elif isinstance(event, TokenDescribed) and event.final:
            wanted.discard(event.mint)
    return wanted.union(*waiting.values())
