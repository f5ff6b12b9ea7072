"""Cancellations that get lost on their way, and how a loop notices all the same."""

import asyncio


def go_on() -> None:
    """Raise a cancellation that somebody below has taken for his own, as nats-py's flush does.

    So does `asyncio.wait_for` of Python 3.11, where what it waited for came at the same moment.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
