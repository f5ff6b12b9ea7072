"""One answer for all who ask the same at about the same time."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

FRESH_S = 0.25
"""So long an answer is given to others, too, once it is there."""

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class Shared(Generic[Key, Answer]):
    """Asks once where many ask, as all clients of a process do after it has been started anew."""

    def __init__(self, make: Callable[[Key], Coroutine[Any, Any, Answer]]) -> None:
        self._make = make
        self._asked: dict[Key, asyncio.Task[Answer]] = {}

    async def get(self, key: Key) -> Answer:
        """The answer, at most `FRESH_S` old; an error goes to all who wait, and is not kept."""
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._make(key))
            task.add_done_callback(lambda done: self._made(key, done))
        # Whoever goes away meanwhile does not take the answer from the others.
        return await asyncio.shield(task)

    def _made(self, key: Key, task: "asyncio.Task[Answer]") -> None:
        if task.cancelled() or task.exception() is not None:
            self._asked.pop(key, None)
        else:
            asyncio.get_running_loop().call_later(FRESH_S, self._asked.pop, key, None)
