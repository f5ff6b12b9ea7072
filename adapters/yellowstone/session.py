"""One stream of an endpoint, from its request to its end."""

import asyncio
import time
from collections.abc import Callable

import grpc
from google.protobuf.message import DecodeError

from adapters.yellowstone.endpoint import ANSWER_WAIT_S_MAX, Connection, Stream
from adapters.yellowstone.failures import sentence
from adapters.yellowstone.inbox import Begin, Inbox
from adapters.yellowstone.wire import geyser_pb2 as pb

CONTROL_BYTES_MAX = 64
"""Longer updates are never pings or pongs."""

_PING = pb.SubscribeRequest(ping=pb.SubscribeRequestPing(id=1))


class StreamSilentError(Exception):
    """A stream is open and brings nothing, though its server has something newer."""

    def __init__(self, silence_s: float, cause: str) -> None:
        super().__init__(f"no update for {silence_s:.0f} s, and {cause}")
        self.silence_s = silence_s


class Session:
    """Moves one stream's updates into the inbox, answers pings and notices silence."""

    def __init__(
        self,
        connection: Connection,
        request: pb.SubscribeRequest,
        inbox: Inbox,
        *,
        silence_s_max: float,
        newest_slot: Callable[[], int],
    ) -> None:
        """`newest_slot` says which slot the inbox's reader has got to."""
        self._connection = connection
        self._request = request
        self._inbox = inbox
        self._silence_s_max = silence_s_max
        self._newest_slot = newest_slot
        self._arrived_ns = 0
        self._waits_for_room = False
        self.begun = False
        """Whether any update of the chain has come."""

    async def run(self, begin: Begin) -> None:
        """Until the server ends the stream; `grpc.aio.AioRpcError` or `StreamSilentError`."""
        self._arrived_ns = time.time_ns()
        stream = await self._connection.subscribe(self._request)
        tasks = (
            asyncio.create_task(self._read(stream, begin)),
            asyncio.create_task(self._watch()),
        )
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            stream.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, stream: Stream, begin: Begin) -> None:
        inbox, read = self._inbox, stream.read
        while isinstance(update := await read(), bytes):
            now_ns = time.time_ns()
            if len(update) <= CONTROL_BYTES_MAX and (kind := _control(update)) is not None:
                if kind == "ping":
                    await stream.write(_PING)
                continue
            self._arrived_ns = now_ns
            if not self.begun:
                self.begun = True
                inbox.put((begin, now_ns))
            inbox.put((update, now_ns))
            if inbox.full:
                self._waits_for_room = True
                await inbox.room()
                self._waits_for_room = False
                self._arrived_ns = time.time_ns()

    async def _watch(self) -> None:
        while True:
            silence_s = (time.time_ns() - self._arrived_ns) / 1e9
            if silence_s < self._silence_s_max:
                await asyncio.sleep(self._silence_s_max - silence_s)
            elif self._waits_for_room or not self._inbox.empty:
                await asyncio.sleep(self._silence_s_max)
            else:
                await self._prove_rest(silence_s)
                self._arrived_ns = time.time_ns()

    async def _prove_rest(self, silence_s: float) -> None:
        """Return only if the chain itself has nothing newer."""
        try:
            newest = await self._connection.newest_slot(
                self._request.commitment,
                wait_s_max=min(self._silence_s_max, ANSWER_WAIT_S_MAX),
            )
        except grpc.aio.AioRpcError as error:
            raise StreamSilentError(silence_s, f"the server says {sentence(error)}") from error
        if newest > self._newest_slot():
            raise StreamSilentError(silence_s, f"the server is at slot {newest}")


def _control(update: bytes) -> str | None:
    """`ping` or `pong`, for updates that are about the stream and not about the chain."""
    try:
        kind = pb.SubscribeUpdate.FromString(update).WhichOneof("update_oneof")
    except DecodeError:
        return None  # whoever reads the inbox says what is wrong
    return kind if kind in {"ping", "pong"} else None
