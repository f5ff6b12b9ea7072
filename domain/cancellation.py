"""Cancellations that get lost on their way, and how a loop notices all the same."""

import asyncio


def requested() -> int:
    """How often this task has been told to stop so far, by what the loop counts.

    A `TaskGroup` of Python 3.11 whose child fails while it waits for the last of them leaves one
    too many behind: so a loop notes the count where it begins.
    """
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def go_on(*, since: int = 0) -> None:
    """Raise a cancellation that somebody below has taken for his own, as nats-py's flush does.

    So does `asyncio.wait_for` of Python 3.11, where what it waited for came at the same moment.
    `since` is what `requested` said when the work began.
    """
    if requested() > since:
        raise asyncio.CancelledError
