"""Waits between tries grow, end at a limit, and never storm a server."""

from adapters.yellowstone.backoff import STEADY_AFTER_S, WAIT_S_MAX, Backoff


def test_waits_grow_from_failure_to_failure_up_to_the_limit() -> None:
    backoff = Backoff()
    waits = [backoff.next_wait_s(lived_s=0) for _ in range(40)]
    assert waits[0] <= 0.25
    assert all(later > earlier / 1.01 for earlier, later in zip(waits, waits[2:9], strict=False))
    assert all(WAIT_S_MAX / 2 <= wait <= WAIT_S_MAX for wait in waits[8:])


def test_a_stream_that_brought_one_message_and_died_does_not_count_as_a_success() -> None:
    backoff = Backoff()
    for _ in range(20):
        wait_s = backoff.next_wait_s(lived_s=STEADY_AFTER_S / 2)
    assert wait_s >= WAIT_S_MAX / 2


def test_after_a_steady_stream_the_next_try_comes_soon() -> None:
    backoff = Backoff()
    for _ in range(20):
        backoff.next_wait_s(lived_s=0)
    assert backoff.next_wait_s(lived_s=STEADY_AFTER_S) <= 0.25


def test_two_clients_do_not_try_at_the_same_moment() -> None:
    assert len({Backoff().next_wait_s(lived_s=0) for _ in range(20)}) > 10
