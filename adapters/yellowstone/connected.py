"""One connection of a source: its two streams, and how far they are from the chain's head."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any

import grpc
import msgspec

from adapters.yellowstone import subscriptions
from adapters.yellowstone.backoff import Backoff
from adapters.yellowstone.distance import Distance
from adapters.yellowstone.endpoint import ANSWER_WAIT_S_MAX, Connection
from adapters.yellowstone.failures import Remedy, remedy, sentence
from adapters.yellowstone.health import Health
from adapters.yellowstone.inbox import Inbox
from adapters.yellowstone.limits import Limits
from adapters.yellowstone.origin import Link, Origin
from adapters.yellowstone.session import Session, StreamError, TooSlowError
from adapters.yellowstone.wire import geyser_pb2 as pb


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a source reads, whatever the connection."""

    programs: tuple[str, ...]
    accounts: tuple[str, ...]
    limits: Limits
    early: bool
    """Whether transactions are read before their blocks are confirmed, too."""
    say: Callable[[str], None]


class Connected:
    """Runs the streams of one connection until that of the truth ends."""

    def __init__(
        self,
        connection: Connection,
        inbox: Inbox,
        health: Health,
        reading: Reading,
        backoff: Backoff,
    ) -> None:
        """`backoff` is for the stream of early transactions, which is opened again by itself."""
        self._connection = connection
        self._inbox = inbox
        self._health = health
        self._reading = reading
        self._limits = reading.limits
        self._backoff = backoff

    async def run(self, from_slot: int | None) -> None:
        """Until the stream of the truth ends; `grpc.aio.AioRpcError` or `StreamError`."""
        newest = await self._newest_slot()
        slot = newest if from_slot is None else from_slot - 1
        link = Link(Distance(self._limits, slot=slot, newest=newest))
        self._health.catching_up = link.distance.catching_up
        self._health.newest_slot = newest or 0
        origin = Origin(link, mode=self._health.mode, from_slot=from_slot)
        streams = [self._truth(origin), self._observe(link)]
        if self._reading.early:
            streams.append(self._early(link))
        await _first(*streams)

    async def _truth(self, origin: Origin) -> None:
        assert origin.mode is not None
        reading, distance = self._reading, origin.link.distance

        async def newer() -> str:
            try:
                newest = await self._ask()
            except grpc.aio.AioRpcError as error:
                return f"the server says {sentence(error)}"
            newer = distance.slot is None or newest > distance.slot
            return f"the server is at slot {newest}" if newer else ""

        def began() -> None:
            self._health.connected = True
            origin.link.begin()

        request = subscriptions.truth(
            origin.mode,
            programs=reading.programs,
            accounts=reading.accounts,
            from_slot=origin.from_slot,
        )
        await self._session(request, origin, newer, began).run()

    async def _observe(self, link: Link) -> None:
        """Ask for the newest slot, again and again; `TooSlowError` if the distance grows."""
        limits = self._limits
        while True:
            # A block whose transactions come apart from it may be whole once the chain rests.
            by_metas = self._health.mode == "meta"
            await asyncio.sleep(min(limits.observe_s, limits.settle_s if by_metas else math.inf))
            asked_s = time.monotonic()
            if (newest := await self._newest_slot()) is not None:
                self._health.confirmed_slot, self._health.asked_s = newest, asked_s
                link.distance.known(newest)
                link.judge()
                self._health.newest_slot = max(self._health.newest_slot, newest)
                self._health.catching_up = link.distance.catching_up
            lags = link.distance.lags(now_s=time.monotonic(), idle=self._inbox.empty)
            if lags and self._health.mode == "blocks":
                raise TooSlowError(link.distance.behind)

    async def _early(self, link: Link) -> None:
        """Transactions as they are executed, whenever the truth is near the chain's head."""
        request = subscriptions.early(programs=self._reading.programs)
        while True:
            await link.near()
            origin = Origin(link, mode=None)

            async def newer(origin: Origin = origin, begun_at: int = link.traded_slot) -> str:
                confirmed = link.traded_slot
                missed = confirmed > max(begun_at, origin.slot)
                return f"slot {confirmed} is confirmed with transactions" if missed else ""

            started_s = time.monotonic()
            session = self._session(request, origin, newer, lambda: None)
            ended = "the server ended it"
            try:
                await _first(session.run(), link.far())
            except StreamError as error:
                ended = str(error)
            except grpc.aio.AioRpcError as error:
                ended = sentence(error)
                if remedy(error) is not Remedy.RETRY:
                    self._reading.say(f"early transactions are not to be had: {ended}")
                    await asyncio.Event().wait()  # for as long as the connection lives
            if link.distance.catching_up:
                continue
            wait_s = self._backoff.next_wait_s(lived_s=time.monotonic() - started_s)
            self._reading.say(
                f"the stream of early transactions ended ({ended}); blocks go on, and it is "
                f"opened again in {wait_s:.1f} s"
            )
            await asyncio.sleep(wait_s)

    def _session(
        self,
        request: pb.SubscribeRequest,
        origin: Origin,
        newer: Callable[[], Coroutine[Any, Any, str]],
        began: Callable[[], None],
    ) -> Session:
        return Session(
            self._connection,
            request,
            origin,
            self._inbox,
            silence_s_max=self._limits.silence_s_max,
            newer=newer,
            began=began,
        )

    async def _newest_slot(self) -> int | None:
        """None from a server that does not say; if it is away, its streams will tell."""
        try:
            return await self._ask()
        except grpc.aio.AioRpcError:
            return None

    async def _ask(self) -> int:
        wait_s_max = min(self._limits.silence_s_max, ANSWER_WAIT_S_MAX)
        return await self._connection.newest_slot(pb.CONFIRMED, wait_s_max=wait_s_max)


async def _first(*running: Coroutine[Any, Any, None]) -> None:
    """Run all of them until one ends, and end the others; what it raises is raised."""
    tasks = [asyncio.create_task(each) for each in running]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
