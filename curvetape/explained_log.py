"""Looks for a transaction's events where the certificates say that the log has them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from domain.events import SlotAbandoned, SlotConfirmed, decode
from domain.log import LogError, Recorded, Stored
from projections.explained_reads import ExplainedEvent, explained
from projections.reads import ReadsUnavailableError
from projections.slot_reads import SlotReads

NEWEST_MAX = 20_000
"""Messages at the log's end that are looked through where no slot is given."""
SLOT_MAX = 100_000
"""Messages between the first of a slot and its certificate that are looked through at most."""
READ_BATCH_MAX = 4_096
AT_ONCE_MAX = 2
"""Who asks for more at the same time waits."""
WAIT_S_MAX = 5.0
_DECISIONS = (b'"kind":"slot.confirmed', b'"kind":"slot.abandoned')


class LogReader(Protocol):
    """The log, byte for byte."""

    async def last_sequence(self) -> int:
        """The sequence of the newest message, 0 for an empty log."""
        ...

    def read_stored(
        self, *, after: int, batch_max: int, follow: bool = True
    ) -> AsyncIterator[Sequence[Stored]]:
        """Batches of messages in sequence, from `after + 1` on."""
        ...


class LogExplanations:
    """The port `projections.explained_reads.Explanations`."""

    def __init__(self, log: LogReader, reads: SlotReads) -> None:
        self._log = log
        self._reads = reads
        self._free = asyncio.Semaphore(AT_ONCE_MAX)

    async def explained(self, signature: str, slot: int | None) -> Sequence[ExplainedEvent]:
        """The events of a transaction; without its slot the log's newest part is looked at."""
        try:
            async with asyncio.timeout(WAIT_S_MAX), self._free:
                return await self._explained(signature, slot)
        except (LogError, TimeoutError) as error:
            raise ReadsUnavailableError(f"the log cannot be read: {error}") from error

    async def _explained(self, signature: str, slot: int | None) -> Sequence[ExplainedEvent]:
        after, until = await self._stretch(slot)
        sought = f'"id":"{signature}:'.encode()
        found: list[Recorded] = []
        decisions: list[tuple[int, SlotConfirmed | SlotAbandoned]] = []
        if after >= until:
            return []
        batches: Any = self._log.read_stored(after=after, batch_max=READ_BATCH_MAX, follow=False)
        async with aclosing(batches):
            async for batch in batches:
                for message in batch:
                    if message.sequence > until:
                        return explained(found, decisions)
                    if sought in message.payload:
                        event = decode(message.payload)
                        if slot is None or event.pos.slot == slot:
                            found.append(Recorded(message.sequence, event))
                    elif any(kind in message.payload for kind in _DECISIONS):
                        event = decode(message.payload)
                        if isinstance(event, SlotConfirmed | SlotAbandoned):
                            decisions.append((message.sequence, event))
        return explained(found, decisions)

    async def _stretch(self, slot: int | None) -> tuple[int, int]:
        """Behind which sequence to look, and up to which."""
        last = await self._log.last_sequence()
        if slot is None:
            return max(0, last - NEWEST_MAX), last
        row = await self._reads.slot(slot)
        certificate = None if row is None else row.certificate
        if certificate is None:  # it may be so new that nothing has decided it yet
            return max(0, last - NEWEST_MAX), last
        first = certificate.first_sequence
        if first is None:  # its block has nothing of ours, or it died: look right before that
            return max(0, certificate.sequence - NEWEST_MAX), certificate.sequence
        return first - 1, min(certificate.sequence, first + SLOT_MAX)
