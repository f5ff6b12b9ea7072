"""A cancellation that was lost is noticed, and one that was never meant is not."""

import asyncio

import pytest

from domain.cancellation import go_on, requested


async def test_a_cancellation_that_somebody_took_for_his_own_is_raised() -> None:
    async def loop() -> None:
        told_before = requested()
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                go_on(since=told_before)

    task = asyncio.create_task(loop())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_whose_group_has_failed_goes_on_with_other_work() -> None:
    """The group of Python 3.11 leaves a cancellation counted that it has taken back."""

    async def fail() -> None:
        raise ConnectionError

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(asyncio.sleep(60))

    with pytest.raises(ExceptionGroup):
        await together()
    told_before = requested()
    go_on(since=told_before)
    current = asyncio.current_task()
    assert current is not None
    current.cancel()
    with pytest.raises(asyncio.CancelledError):
        go_on(since=told_before)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(0)
    current.uncancel()
