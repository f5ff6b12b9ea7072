"""Ingest that is started again whenever it ends, and that can be made to crash at any moment."""

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec

from curvetape.config import Settings
from curvetape.ingesting import Patience, ingesting
from domain.log import LogError
from ingest.source import SourceError

RESTART_WAIT_S = 0.2
"""A process that is started again takes longer; what the old one sent has arrived by then."""
ENDED_WAIT_S_MAX = 10.0
"""A cancelled ingest that is still there after this long does not end."""


class Order(msgspec.Struct, frozen=True):
    """What an ingest is to run with."""

    settings: Settings
    patience: Patience


class BrokenError(Exception):
    """Ingest ended, or did not end, in a way that only a bug can explain."""


class Keeper(Protocol):
    """Runs one ingest at a time."""

    async def start(self) -> None:
        """Let it begin."""
        ...

    async def crash(self) -> None:
        """End it wherever it is; harmless when it does not run."""
        ...

    def check(self) -> None:
        """Raise `BrokenError` where it does not run any more, by itself."""
        ...

    async def close(self) -> None:
        """Crash, and let go of everything."""
        ...


async def keep_ingesting(order: Order, say: Callable[[str], None]) -> None:
    """As `up` does: what ends with an error that it speaks of is started again."""
    while True:
        try:
            # In a task of its own: a group of tasks that fails leaves its task half cancelled.
            await asyncio.create_task(_ingest(order, say))
        except* (LogError, SourceError, ConnectionError) as errors:  # the last from nats-py
            say(f"ingest ended: {'; '.join(map(str, errors.exceptions))}")
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError  # an error at the same moment has hidden it
        await asyncio.sleep(RESTART_WAIT_S)


def told_tasks() -> str:
    """Where every task of this process waits, for whoever looks for one that should not."""
    return "; ".join(" > ".join(_awaited(task.get_coro())) for task in asyncio.all_tasks())


def _awaited(waiting: Any) -> Iterator[str]:
    """A coroutine, what it awaits, and so on."""
    while waiting is not None:
        parts = {name[3:]: getattr(waiting, name) for name in dir(waiting) if name[2:3] == "_"}
        if (frame := parts.get("frame")) is not None:
            code = frame.f_code
            yield f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_name}"
        waiting = parts.get("await") or parts.get("yieldfrom")


async def _ingest(order: Order, say: Callable[[str], None]) -> None:
    async with ingesting(order.settings, say=say, patience=order.patience) as ingest:
        await ingest.run()


class TaskKeeper:
    """Ingest as a task of this process; it crashes by being cancelled."""

    def __init__(self, order: Order, say: Callable[[str], None]) -> None:
        self._order = order
        self._say = say
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Let it begin."""
        self._task = asyncio.create_task(keep_ingesting(self._order, self._say))

    async def crash(self) -> None:
        """Cancel it; `BrokenError` if that does not end it."""
        task, self._task = self._task, None
        if task is None:
            return
        self._check(task)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=ENDED_WAIT_S_MAX)
        if not done:
            raise BrokenError(f"ingest was cancelled and does not end: {told_tasks()}")
        if not task.cancelled():
            self._check(task)

    def check(self) -> None:
        """Raise `BrokenError` where it has ended."""
        if self._task is not None:
            self._check(self._task)

    async def close(self) -> None:
        """Crash it."""
        await self.crash()

    @staticmethod
    def _check(task: "asyncio.Task[None]") -> None:
        if task.done() and not task.cancelled():
            error = task.exception()
            told = " ".join(" ".join(traceback.format_exception(error)).split())
            raise BrokenError(f"ingest broke: {told}") from error


class ProcessKeeper:
    """Ingest as a process of its own; it crashes by `kill -9`.

    A warm process that has imported everything forks one for each start, see `nursery`.
    """

    def __init__(self, order: Order, say: Callable[[str], None]) -> None:
        self._order = order
        self._say = say
        self._nursery: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._born: asyncio.Queue[int] = asyncio.Queue()
        self._pid: int | None = None
        self._ended: set[int] = set()

    async def start(self) -> None:
        """Fork one."""
        if self._nursery is None:
            self._nursery = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "curvetape.campaign.nursery"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            self._reading = asyncio.create_task(self._read())
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(msgspec.json.encode(self._order) + b"\n")
        self._pid = await self._born.get()

    async def crash(self) -> None:
        """Kill it."""
        self.check()
        pid, self._pid = self._pid, None
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    def check(self) -> None:
        """Raise `BrokenError` where it is gone."""
        if self._pid is not None and self._pid in self._ended:
            self._pid = None
            raise BrokenError("the process of ingest ended by itself")

    async def close(self) -> None:
        """Kill it, and end the process that it came from."""
        nursery, reading = self._nursery, self._reading
        if nursery is None or reading is None:
            return
        assert nursery.stdin is not None
        try:
            await self.crash()
        finally:
            nursery.stdin.close()
            await reading
            await nursery.wait()

    async def _read(self) -> None:
        assert self._nursery is not None
        assert self._nursery.stdout is not None
        async for line in self._nursery.stdout:
            what, _, text = line.decode(errors="replace").rstrip("\n").partition(" ")
            if what == "born":
                self._born.put_nowait(int(text))
            elif what == "ended":
                self._ended.add(int(text))
            else:
                self._say(text)
