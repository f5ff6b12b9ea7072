"""A Yellowstone server for one side: answers each JSON line on stdin with one on stdout."""

import asyncio
import time
from itertools import repeat
from typing import Any

from adapters.yellowstone.server import YellowstoneServer
from adapters.yellowstone.subscription import Subscription, Write
from adapters.yellowstone.wire import lean_pb2
from bench.answering import answer_lines
from bench.ingest.chain import SLOT_MS, EncodedChain

LAG_TRANSACTIONS_MAX = 1 << 40
"""Nobody is cut: what is prepared counts as published."""
LOOK_S = 0.001
SENT_S_MAX = 120.0
CATCH_UP_S_MAX = 0.05
"""What a late spread update may hurry after; sleeping takes longer than was asked for."""


class Server(YellowstoneServer):
    """Writes as fast as it is read, or spread over time as a node does that executes blocks."""

    def __init__(self, chain: EncodedChain) -> None:
        super().__init__(chain, lag_transactions_max=LAG_TRANSACTIONS_MAX)
        self.gap_s = 0.0
        """Between two updates of one stream; 0 for none."""
        self.spread: list[tuple[bytes, int]] = []
        """The updates that were, and when each was handed to gRPC: nanoseconds since 1970."""

    def subscription(self, write: Write) -> Subscription:
        """One whose updates are spread where that is asked for."""
        due_s = 0.0

        async def spread(update: bytes) -> None:
            nonlocal due_s
            if self.gap_s:
                due_s = max(due_s + self.gap_s, time.monotonic() - CATCH_UP_S_MAX)
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
                self.spread.append((update, time.time_ns()))
            await write(update)

        return super().subscription(spread)


class Serving:
    """The chain, the server, and what may be asked of both."""

    def __init__(self) -> None:
        self._chain = EncodedChain()
        self._server = Server(self._chain)

    async def stop(self) -> None:
        """Stop listening."""
        await self._server.stop()

    async def answer(self, question: dict[str, Any]) -> object:
        """Do what is asked."""
        chain = self._chain
        match question["ask"]:
            case "start":
                await self._server.start()
                return self._server.url
            case "prepare":
                return chain.prepare(question["blocks"])
            case "wait":
                await self._all_sent(question["streams"])
                return True
            case "show":
                return await self._show(at_once=question["at_once"])
            case _:
                return await self._pace(question["rate_per_s"])

    async def _show(self, *, at_once: bool) -> dict[str, float]:
        """Show all that is hidden; else the next block once all streams have sent the last."""
        chain, cpu_s, started_s = self._chain, time.process_time(), time.monotonic()
        while chain.hidden:
            chain.show(chain.hidden if at_once else 1)
            await asyncio.sleep(0)
            await self._all_sent()
        return {"started_s": started_s, "cpu_s": time.process_time() - cpu_s}

    async def _all_sent(self, streams: int = 0) -> None:
        """Wait until there are so many streams and each has sent all that is shown."""
        async with asyncio.timeout(SENT_S_MAX):
            for wait_s in repeat(LOOK_S):
                if len(self._chain.followers) >= streams and self._chain.followed:
                    return
                await asyncio.sleep(wait_s)

    async def _pace(self, rate_per_s: float) -> list[tuple[int, int, int]]:
        """Show a block whenever the chain would have made one, its transactions spread evenly.

        The answer is each early transaction's slot and index, and when it was sent (nanoseconds).
        """
        self._server.gap_s = 1 / rate_per_s
        due_s = time.monotonic()
        while self._chain.hidden:
            self._chain.show(1)
            due_s += SLOT_MS / 1_000
            await asyncio.sleep(due_s - time.monotonic())
        await self._all_sent()
        spread, self._server.gap_s, self._server.spread = self._server.spread, 0.0, []
        read = [(lean_pb2.Update.FromString(update), sent_ns) for update, sent_ns in spread]
        return [
            (update.transaction.slot, update.transaction.transaction.index, sent_ns)
            for update, sent_ns in read
            if update.HasField("transaction")
        ]


async def main() -> None:
    """Until stdin ends."""
    serving = Serving()
    try:
        await answer_lines(serving.answer)
    finally:
        await serving.stop()


if __name__ == "__main__":
    asyncio.run(main())
