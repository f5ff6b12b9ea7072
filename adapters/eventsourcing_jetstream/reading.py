"""Reading an aggregate, or all events in the order in which they were stored."""

import asyncio
from collections.abc import Sequence

from .client import PAGE_MESSAGES, RETRY_WAIT_S, Client
from .records import Record, topic

SKIPPED_MIN = 200
"""From as many versions on that are not wanted, their end is searched for rather than read to."""


class Reader:
    """Reads the messages of one purpose."""

    def __init__(self, subject: str) -> None:
        self.subject = subject

    async def records(
        self, client: Client, subject: str, *, gt: int | None = None, lte: int | None = None
    ) -> Sequence[Record]:
        """An aggregate's messages of these versions, in the order in which they were stored."""
        last: Record | None = None
        start = 1
        replicated = await client.replicated()
        if replicated or (gt is not None and gt >= SKIPPED_MIN):
            last = await client.last(subject)
            if last is None or (last.highest is None and gt is not None and last.version <= gt):
                return []
            if last.highest is None and gt is not None and gt >= SKIPPED_MIN:
                start = await self._first_above(client, subject, gt, last)
        found: list[Record] = []
        while True:
            page, ended = await client.page(subject, start=start, count_max=PAGE_MESSAGES)
            found += page
            start = page[-1].sequence + 1 if page else start
            if not ended:
                continue
            if last is None or not replicated or start > last.sequence:
                break
            await asyncio.sleep(RETRY_WAIT_S)  # a replica that is behind has answered
        return [
            record
            for record in found
            if (gt is None or record.version > gt) and (lte is None or record.version <= lte)
        ]

    async def _first_above(self, client: Client, subject: str, version: int, last: Record) -> int:
        """The sequence of the first message above a version; versions ascend here."""
        low, high = 1, last.sequence
        while low < high:
            middle = (low + high) // 2
            found = await client.next(subject, start=middle)
            if found is not None and found.version <= version:
                low = found.sequence + 1
            else:
                high = middle
        return low

    async def newest(self, client: Client, subject: str) -> Record | None:
        """An aggregate's message of its highest version."""
        last = await client.last(subject)
        if last is None or last.highest is None or last.highest == last.version:
            return last
        return max(await self.records(client, subject), key=lambda record: record.version)

    async def all(
        self,
        client: Client,
        *,
        start: int,
        stop: int | None,
        count_max: int,
        topics: Sequence[str],
        written: int,
    ) -> Sequence[Record]:
        """Events from a sequence on, up to and with `stop`, in the order of sequences.

        What was stored here, up to `written`, is waited for where a replica is behind.
        """
        replicated = await client.replicated()
        found: list[Record] = []
        while len(found) < count_max and (stop is None or start <= stop):
            wanted = PAGE_MESSAGES if topics else count_max - len(found)
            page, ended = await client.page(f"{self.subject}.>", start=start, count_max=wanted)
            for record in page:
                if stop is not None and record.sequence > stop:
                    return found
                if not topics or topic(record) in topics:
                    found.append(record)
                    if len(found) == count_max:
                        return found
            start = page[-1].sequence + 1 if page else start
            if ended and (not replicated or start > written):
                break
            if ended:
                await asyncio.sleep(RETRY_WAIT_S)
        return found

    async def last_sequence(self, client: Client) -> int | None:
        """The sequence of the last event.

        Searched for by halves: the server itself would look at every aggregate.
        """
        info = await client.api(f"STREAM.INFO.{client.settings.stream}", {})
        high = int(info["state"]["last_seq"])
        subject = f"{self.subject}.>"
        step = 1
        low: int | None = None
        while low is None:
            start = max(1, high - step + 1)
            record = await client.next(subject, start=start)
            if record is not None:
                low = record.sequence
            elif start == 1:
                return None
            else:
                high, step = start - 1, step * 2
        while low < high:
            record = await client.next(subject, start=(low + high + 1) // 2)
            if record is None:
                high = (low + high + 1) // 2 - 1
            else:
                low = record.sequence
                high = max(high, low)
        return low
