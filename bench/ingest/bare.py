"""The peer that reads: grpc.aio alone, on the same streams, throwing the messages away."""

import asyncio
import time
from typing import Any

import grpc

from adapters.yellowstone.session import CONTROL_BYTES_MAX
from adapters.yellowstone.wire import geyser_pb2 as pb
from bench.answering import answer_lines
from bench.ingest.chain import EARLY, TRUTH

MESSAGE_BYTES_MAX = 64 << 20


class Reader:
    """Counts what comes; a ping is nothing that counts."""

    def __init__(self) -> None:
        self._read = 0
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._cpu_s = 0.0

    async def answer(self, question: dict[str, Any]) -> object:
        """Do what is asked."""
        if question["ask"] == "open":
            requests = (EARLY, TRUTH) if question["early"] else (TRUTH,)
            target = question["url"].removeprefix("http://")
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._tasks = [asyncio.create_task(self._run(target, one)) for one in requests]
            return True
        if question["ask"] == "begin":
            self._read, self._cpu_s = 0, time.process_time()
            return True
        while self._read < question["updates"]:
            self._changed.clear()
            await self._changed.wait()
        return {"ended_s": time.monotonic(), "cpu_s": time.process_time() - self._cpu_s}

    async def _run(self, target: str, request: pb.SubscribeRequest) -> None:
        options = [("grpc.max_receive_message_length", MESSAGE_BYTES_MAX)]
        async with grpc.aio.insecure_channel(target, options) as channel:
            method: grpc.aio.StreamStreamMultiCallable[pb.SubscribeRequest, bytes]
            method = channel.stream_stream(
                "/geyser.Geyser/Subscribe",
                request_serializer=pb.SubscribeRequest.SerializeToString,
            )
            stream = method()
            await stream.write(request)
            while isinstance(update := await stream.read(), bytes):
                if len(update) > CONTROL_BYTES_MAX:
                    self._read += 1
                    self._changed.set()


if __name__ == "__main__":
    asyncio.run(answer_lines(Reader().answer))
