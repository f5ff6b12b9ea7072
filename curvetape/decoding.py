"""Decoding on other cores: transactions go to worker processes, and entries come back.

Measured on blocks of the simulated market: the reading process spends 44 us a transaction instead
of 50, so workers pay where cores are idle, and not on two cores that a log's server shares.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TypeAlias

import msgspec

from curvetape.decoding_worker import Answer, Request, Worker, WorkerEndedError, sent
from domain.chain import RawTransaction
from ingest.transaction import Batch, entries

INLINE_MAX = 64
"""So few transactions are decoded at once, for the way to a worker would take longer."""
PART_MAX = 150
"""Transactions that a worker is handed together; less than a pipe holds, where they are usual."""
PARTS_PER_WORKER_MAX = 3
"""Parts that a worker has at a time, so that it goes on while the reading process is busy."""
TRIES_MAX = 3
"""Workers that may die of a part before it is decoded in ingest itself."""

Say: TypeAlias = Callable[[str], None]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode


def cores() -> int:
    """The cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Decoders:
    """A bounded number of workers; `decode` is as `ingest.pipeline.Decoding` wants it.

    Workers are started when the block is entered, and again when they have died. They end with
    this process, however it ends.
    """

    def __init__(self, count: int, *, say: Say) -> None:
        """At most `count` workers, and no more than there are cores beside the one that reads."""
        self.workers = [Worker(say) for _ in range(min(count, cores() - 1))]
        self._free: asyncio.Queue[Worker] = asyncio.Queue()
        self._under_way: set[asyncio.Task[Sequence[Batch]]] = set()

    async def __aenter__(self) -> Self:
        for worker in self.workers:
            worker.start()
        for _ in range(PARTS_PER_WORKER_MAX):
            for worker in self.workers:
                self._free.put_nowait(worker)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for part in self._under_way:
            part.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        for worker in self.workers:
            worker.stop()

    async def decode(self, transactions: Sequence[RawTransaction]) -> Sequence[Batch]:
        """A batch for each transaction, in their order."""
        if not self.workers or len(transactions) <= INLINE_MAX:
            return [entries(tx) for tx in transactions]
        tasks = [
            asyncio.create_task(self._decode_part(transactions[start : start + PART_MAX]))
            for start in range(0, len(transactions), PART_MAX)
        ]
        for task in tasks:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return [batch for part in await asyncio.gather(*tasks) for batch in part]

    async def _decode_part(self, transactions: Sequence[RawTransaction]) -> Sequence[Batch]:
        for _ in range(TRIES_MAX):
            worker = await self._free.get()
            try:
                request: Request = [sent(tx) for tx in transactions]
                return _decode(await worker.ask(_encode(request)))
            except WorkerEndedError:
                continue
            finally:
                self._free.put_nowait(worker)
        return [entries(tx) for tx in transactions]
