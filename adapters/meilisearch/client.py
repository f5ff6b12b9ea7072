"""Asks a Meilisearch through its own client, which is synchronous, from threads of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from meilisearch import Client
from meilisearch.errors import (
    MeilisearchApiError,
    MeilisearchCommunicationError,
    MeilisearchTimeoutError,
)
from meilisearch.models.task import TaskInfo

from adapters.address import public
from projections.indexing import IndexRefusedError, IndexUnavailableError

THREADS_MAX = 8
"""Questions under way at once; more of them wait for their turn."""
ANSWER_WAIT_S_MAX = 10
TASK_WAIT_S_MAX = 120.0
TASK_POLL_S_MIN = 0.02
TASK_POLL_S_MAX = 0.5

_LATER = frozenset((408, 429))
_FORBIDDEN = frozenset((401, 403))
_BROKEN = 500

T = TypeVar("T")


class MissingError(IndexRefusedError):
    """There is no such index or document yet."""


class Meili:
    """One server; use it as a context."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="meilisearch")

    async def ask(self, question: Callable[[Client], T]) -> T:
        """What the server answers; raises `IndexUnavailableError`, `IndexRefusedError`."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._asked, question)
        except MeilisearchApiError as error:
            # The client adds a hint of its own, that its version may be another.
            message = str(error.message).partition(". Hint: ")[0]
            said = f"{public(self._url)} said: {message}"
            if error.status_code >= _BROKEN or error.status_code in _LATER:
                raise IndexUnavailableError(said) from error
            if error.code in {"index_not_found", "document_not_found"}:
                raise MissingError(said) from error
            hint = "; check CURVETAPE_MEILI_KEY" if error.status_code in _FORBIDDEN else ""
            raise IndexRefusedError(f"{said}{hint}") from error
        except (MeilisearchCommunicationError, MeilisearchTimeoutError) as error:
            said = f"{public(self._url)} could not be reached"
            raise IndexUnavailableError(f"{said}; check CURVETAPE_MEILI_URL") from error
        except (OSError, ValueError) as error:
            said = f"{public(self._url)} did not answer as Meilisearch does: {error}"
            raise IndexUnavailableError(said) from error

    async def do(self, order: Callable[[Client], TaskInfo]) -> None:
        """Have something done, and wait until it is; the server only takes note at first.

        Raises `IndexRefusedError` where it fails, and `IndexUnavailableError` where it takes longer
        than `TASK_WAIT_S_MAX`, or nobody knows.
        """
        number = (await self.ask(order)).task_uid
        wait_s = TASK_POLL_S_MIN
        try:
            async with asyncio.timeout(TASK_WAIT_S_MAX):
                while True:
                    task = await self.ask(lambda client: client.get_task(number))
                    if task.status not in {"enqueued", "processing"}:
                        break
                    await asyncio.sleep(wait_s)
                    wait_s = min(wait_s * 2, TASK_POLL_S_MAX)
        except TimeoutError as error:
            raise IndexUnavailableError(
                f"{public(self._url)} has not done its task {number} in {TASK_WAIT_S_MAX:g} s"
            ) from error
        if task.status != "succeeded":
            reason = (task.error or {}).get("message", "no reason was given")
            raise IndexRefusedError(f"Meilisearch's task {number} has {task.status}: {reason}")

    def _asked(self, question: Callable[[Client], T]) -> T:
        # A client changes its headers while it asks, so none is shared between threads.
        return question(Client(self._url, self._key, timeout=ANSWER_WAIT_S_MAX))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
