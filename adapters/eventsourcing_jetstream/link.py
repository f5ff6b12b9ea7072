"""An event loop in a thread of its own, for callers that are not asynchronous."""

import asyncio
import concurrent.futures
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import TypeVar

from eventsourcing.persistence import InterfaceError, OperationalError

from .client import Client
from .settings import Settings

T = TypeVar("T")

CLOSE_WAIT_S_MAX = 5.0
"""What closing may take; the thread is left behind after that, and ends with the process."""

_links: "weakref.WeakSet[Link]" = weakref.WeakSet()


class Link:
    """The loop, its thread and the one connection; started by the first call, ended by `close`.

    Any thread may call. A child process that was forked gets a loop and a connection of its own.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.closed = False
        self._forget()
        _links.add(self)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: Client | None = None
        self._tasks: set[asyncio.Task[object]] = set()

    def call(self, work: Callable[[Client], Awaitable[T]], *, wait_s: float | None = None) -> T:
        """Do the work on the loop and give its result.

        Raises `OperationalError` after the wait, `wait_s_max` of the settings where none is
        given, and `InterfaceError` where the factory is closed.
        """
        wait_s = self.settings.wait_s_max if wait_s is None else wait_s
        future = self.spawn(lambda client: _bounded(work(client), wait_s, client))
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise InterfaceError("the factory was closed during the call") from None
        finally:
            future.cancel()

    def spawn(self, work: Callable[[Client], Awaitable[T]]) -> "concurrent.futures.Future[T]":
        """Have the work done on the loop, however long it takes."""
        with self._lock:
            loop, client = self._started()
            assert threading.current_thread() is not self._thread, "it would wait for itself"

            tasks = self._tasks

            async def working() -> T:
                task = asyncio.current_task()
                assert task is not None, "a coroutine on a loop is in one"
                tasks.add(task)
                try:
                    return await work(client)
                finally:
                    tasks.discard(task)

            return asyncio.run_coroutine_threadsafe(working(), loop)

    def soon(self, call: Callable[[], object]) -> None:
        """Have something short called on the loop; nothing happens where there is none."""
        with self._lock:
            if self._loop is not None and not self.closed:
                self._loop.call_soon_threadsafe(call)

    def close(self) -> None:
        """End the connection and the thread; what is under way ends with `InterfaceError`."""
        with self._lock:
            self.closed = True
            loop, thread, client = self._loop, self._thread, self._client
            self._loop = self._thread = self._client = None
        if loop is None or thread is None or client is None:
            return
        asyncio.run_coroutine_threadsafe(_end(client, self._tasks), loop)
        thread.join(CLOSE_WAIT_S_MAX)

    def _started(self) -> tuple[asyncio.AbstractEventLoop, Client]:
        if self.closed:
            raise InterfaceError("the factory is closed; construct another one")
        if self._loop is None or self._client is None:
            self._loop = asyncio.new_event_loop()
            self._client = Client(self.settings)
            self._thread = threading.Thread(
                target=_run, args=(self._loop,), name="eventsourcing-jetstream", daemon=True
            )
            self._thread.start()
        return self._loop, self._client


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _bounded(work: Awaitable[T], wait_s: float, client: Client) -> T:
    deadline = asyncio.timeout(wait_s)
    try:
        async with deadline:
            return await work
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise OperationalError(
            f"{client.url} has not answered within {wait_s:g} s: {client.trouble}"
        ) from error


async def _end(client: Client, tasks: "set[asyncio.Task[object]]") -> None:
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.close()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    loop = asyncio.get_running_loop()
    loop.call_soon(loop.stop)


def _in_child() -> None:
    for link in list(_links):
        link._forget()  # noqa: SLF001  # the thread and the socket stayed with the parent


os.register_at_fork(after_in_child=_in_child)
