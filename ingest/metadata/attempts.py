"""One attempt at a token's document: a few tries, at each of the addresses that may have it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Protocol

from domain.document import Answer, Fetched, Unfetched

TRIES_MAX = 3
"""Questions in one attempt, over all addresses."""
WAIT_S = 0.5
"""Before the second try, up to this; doubled for each further one."""

Sleep = Callable[[float], Awaitable[None]]


class Documents(Protocol):
    """Where documents are asked for."""

    async def fetch(self, address: str) -> Answer:
        """The document at an address, or why it could not be had.

        Raises nothing for strangers' faults, and takes no longer than it has promised.
        """
        ...


class Attempts:
    """Asks again what may pass, and lets be what will not."""

    def __init__(
        self, documents: Documents, *, chance: Random | None = None, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._documents = documents
        self._chance = chance or Random()  # noqa: S311  # it spreads waits, and is no secret
        self._sleep = sleep

    async def ask(self, addresses: Sequence[str]) -> Answer:
        """The first document that one of the addresses gives, or the last reason for none."""
        left = list(addresses)
        answer: Answer = Unfetched(failure="address", detail="no gateway is set", passing=False)
        for number in range(TRIES_MAX):
            if not left:
                break
            if number:
                await self._sleep(self._chance.uniform(0, WAIT_S * 2 ** (number - 1)))
            address = left.pop(0)
            answer = await self._documents.fetch(address)
            if isinstance(answer, Fetched):
                return answer
            if answer.passing:
                left.append(address)
        if isinstance(answer, Unfetched) and left and not answer.passing:
            # Another address may have it another time.
            return Unfetched(
                failure=answer.failure,
                detail=answer.detail,
                passing=True,
                http_status=answer.http_status,
            )
        return answer
