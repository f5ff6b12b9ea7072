"""One stream of an endpoint, from its request to its end."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from google.protobuf.message import DecodeError

from adapters.yellowstone.endpoint import Connection, Stream
from adapters.yellowstone.inbox import Inbox
from adapters.yellowstone.origin import Origin
from adapters.yellowstone.wire import geyser_pb2 as pb

CONTROL_BYTES_MAX = 64
"""Longer updates are never pings or pongs."""

_PING = pb.SubscribeRequest(ping=pb.SubscribeRequestPing(id=1))


class StreamError(Exception):
    """A stream has to be replaced; the sentence says why."""


class StreamSilentError(StreamError):
    """A stream is open and brings nothing, though its server has something newer."""

    def __init__(self, silence_s: float, cause: str) -> None:
        super().__init__(f"no update for {silence_s:.0f} s, and {cause}")
        self.silence_s = silence_s


class DamagedError(StreamError):
    """A stream brought bytes that are no Yellowstone update."""

    def __init__(self, damage: str, after_slot: int) -> None:
        super().__init__(
            f"it sent bytes that are no Yellowstone update behind slot {after_slot}: {damage}"
        )
        self.after_slot = after_slot


class TooSlowError(StreamError):
    """A stream of blocks falls behind further and further, though all it brings is read."""

    def __init__(self, behind_slots: int) -> None:
        super().__init__(
            f"its blocks come {behind_slots} slots late and later all the time, so block metas "
            "and transactions are put together from now on"
        )
        self.behind_slots = behind_slots


class Session:
    """Moves one stream's updates into the inbox, answers pings and notices silence."""

    def __init__(
        self,
        connection: Connection,
        request: pb.SubscribeRequest,
        origin: Origin,
        inbox: Inbox,
        *,
        silence_s_max: float,
        newer: Callable[[], Awaitable[str]],
        began: Callable[[], None],
    ) -> None:
        """`newer` is asked when the stream is silent: what else there is, empty for nothing.

        `began` is called when the first update of the chain has come.
        """
        self._connection = connection
        self._request = request
        self._origin = origin
        self._inbox = inbox
        self._silence_s_max = silence_s_max
        self._newer = newer
        self._began = began
        self._arrived_s = 0.0
        self._waits_for_room = False

    async def run(self) -> None:
        """Until the server ends the stream; `grpc.aio.AioRpcError` or `StreamError`."""
        self._arrived_s = time.monotonic()
        stream = await self._connection.subscribe(self._request)
        tasks = (
            asyncio.create_task(self._read(stream)),
            asyncio.create_task(self._watch()),
            asyncio.create_task(self._stop_at_damage()),
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

    async def _read(self, stream: Stream) -> None:
        inbox, origin, read = self._inbox, self._origin, stream.read
        begun = False
        while isinstance(update := await read(), bytes):
            if len(update) <= CONTROL_BYTES_MAX and (kind := _control(update)) is not None:
                if kind == "ping":
                    await stream.write(_PING)
                continue
            self._arrived_s = time.monotonic()
            if not begun:
                begun = True
                self._began()
            inbox.put((update, time.time_ns(), origin))
            if inbox.full:
                self._waits_for_room = True
                await inbox.room()
                self._waits_for_room = False
                self._arrived_s = time.monotonic()

    async def _watch(self) -> None:
        while True:
            silence_s = time.monotonic() - self._arrived_s
            if silence_s < self._silence_s_max:
                await asyncio.sleep(self._silence_s_max - silence_s)
            elif self._waits_for_room or not self._inbox.empty:
                await asyncio.sleep(self._silence_s_max)
            elif cause := await self._newer():
                # What came while it was asked for is no silence.
                if time.monotonic() - self._arrived_s >= silence_s:
                    raise StreamSilentError(silence_s, cause)
            else:
                self._arrived_s = time.monotonic()

    async def _stop_at_damage(self) -> None:
        await self._origin.damaged()
        raise StreamError("what it sent was damaged")


def _control(update: bytes) -> str | None:
    """`ping` or `pong`, for updates that are about the stream and not about the chain."""
    try:
        kind = pb.SubscribeUpdate.FromString(update).WhichOneof("update_oneof")
    except DecodeError:
        return None  # whoever reads the inbox says what is wrong
    return kind if kind in {"ping", "pong"} else None
