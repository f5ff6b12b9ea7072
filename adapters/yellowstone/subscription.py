"""One subscriber's stream on the server: its filters, its place in the chain, its pings."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import grpc

from adapters.yellowstone.encoding import PING, pong
from adapters.yellowstone.hub import Hub, Place, SlotGoneError
from adapters.yellowstone.selection import FilterError, Selection, selection
from adapters.yellowstone.wire import geyser_pb2

PING_INTERVAL_S = 15.0
LAG_TRANSACTIONS_MAX = 100_000
"""How far a subscriber that had caught up may fall behind before it is cut."""
PONGS_MAX = 1_000

Write = Callable[[bytes], Awaitable[None]]


class StreamEndError(Exception):
    """The stream has to end with this status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


class Subscription:
    """Walks through the hub's steps as fast as its client reads, and no faster."""

    def __init__(
        self,
        hub: Hub,
        write: Write,
        *,
        ping_interval_s: float = PING_INTERVAL_S,
        lag_transactions_max: int = LAG_TRANSACTIONS_MAX,
    ) -> None:
        self._hub = hub
        self._write = write
        self._ping_interval_s = ping_interval_s
        self._lag_transactions_max = lag_transactions_max
        self._changed = asyncio.Event()
        self._end: asyncio.Future[StreamEndError] = asyncio.get_running_loop().create_future()
        self._asked: Selection | None = None
        self._place = Place(0)
        self._live = False
        self._idle = False
        self._pongs: list[bytes] = []
        self._ping_due_s = time.monotonic() + ping_interval_s

    def take(self, request: geyser_pb2.SubscribeRequest) -> None:
        """Answer a ping, or replace the filters; called once for each request of the client."""
        if request.HasField("ping"):
            if len(self._pongs) >= PONGS_MAX:
                self.stop(grpc.StatusCode.RESOURCE_EXHAUSTED, "pings arrive faster than pongs")
                return
            self._pongs.append(pong(request.ping.id))
        else:
            self._select(request)
        self._changed.set()

    @property
    def caught_up(self) -> bool:
        """Whether its client has been sent everything so far."""
        return self._asked is None or self._idle

    def notice(self) -> None:
        """There is a new step: check that the client keeps up, and wake."""
        self._changed.set()
        if (asked := self._asked) is None or not self._live:
            return
        if self._hub.behind(self._place.step, asked.commitment) > self._lag_transactions_max:
            self.stop(grpc.StatusCode.INTERNAL, "lagged to send an update")

    def stop(self, code: grpc.StatusCode, details: str) -> None:
        """End the stream with this status, whatever is still to be sent."""
        if not self._end.done():
            self._end.set_result(StreamEndError(code, details))

    async def run(self) -> StreamEndError:
        """Send until the stream has to end; the answer says how."""
        writing = asyncio.create_task(self._send_all())
        self._hub.followers.add(self)
        try:
            # A client that does not read holds up a write for ever: the end must not wait for it.
            await asyncio.wait((writing, self._end), return_when=asyncio.FIRST_COMPLETED)
            return self._end.result() if self._end.done() else writing.result()
        finally:
            self._hub.followers.discard(self)
            writing.cancel()

    def _select(self, request: geyser_pb2.SubscribeRequest) -> None:
        try:
            asked = selection(request)
            if request.HasField("from_slot"):
                self._place = self._hub.begin(asked, request.from_slot)
                self._live = False
            elif self._asked is None:
                self._place = self._hub.begin(asked, None)
        except FilterError as error:
            self.stop(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except SlotGoneError as error:
            self.stop(grpc.StatusCode.OUT_OF_RANGE, str(error))
        except StreamEndError as error:
            self.stop(error.code, error.details)
        else:
            self._asked = asked

    async def _send_all(self) -> StreamEndError:
        while True:
            self._changed.clear()
            await self._send_controls()
            place = self._hub.after(self._place)
            if self._asked is None or place is None:
                self._live = self._asked is not None
                self._idle = True
                await self._wait()
                self._idle = False
                continue
            if self._hub.gone(place.step, self._asked.commitment):
                return StreamEndError(grpc.StatusCode.INTERNAL, "lagged to receive geyser messages")
            # The place is counted first: a request that arrives meanwhile may move it.
            self._place = Place(place.step, place.part + 1)
            for update in self._hub.updates(place, self._asked):
                await self._write(update)

    async def _send_controls(self) -> None:
        pongs, self._pongs = self._pongs, []
        for each in pongs:
            await self._write(each)
        if time.monotonic() >= self._ping_due_s:
            self._ping_due_s = time.monotonic() + self._ping_interval_s
            await self._write(PING)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(max(0.0, self._ping_due_s - time.monotonic())):
                await self._changed.wait()
        except TimeoutError:
            pass
