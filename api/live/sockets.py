"""Socket.IO: clients follow a token or the market, and go on where they were."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

import msgspec
import socketio

from api.live import pulse, snapshot
from api.live.beginning import beginning
from api.live.channel import PATH, Channel, Connections, admitted
from api.live.charts import Charts
from api.live.feed import Feed
from api.live.manager import OwnRooms
from api.live.message import MARKET, Bundle, single, token_room
from api.live.requests import (
    RefusedError,
    SearchTold,
    SubscribeMarket,
    SubscribeToken,
    UnsubscribeToken,
    read,
)
from api.live.rooms import FULL_S_MAX, Listener, Rooms
from api.live.shared import Shared
from api.live.tail import LiveLog, Tail
from api.problems import ProblemError
from api.search import SearchParameters, SearchResource
from projections.feed_reads import QueryReads
from projections.labels import Thresholds
from projections.reads import ReadsUnavailableError

ROOMS_MAX = 100
"""That one client may be in."""
UNDER_WAY_MAX = 200
"""Requests of one client that are not answered yet."""
MESSAGE_BYTES_MAX = 16 << 10
"""Of what a client sends."""
TICK_S = 1.0
"""How often candles are looked at."""
CATCH_UP_S = 0.1
"""How often those are looked at who are behind, and given a portion, or read nothing."""
END_WAIT_S = 5.0
"""That one who is let go of has to hear of it."""
START_WAIT_S_MAX = 5.0
"""A request that comes while a start reads the log's end waits for so long."""
DEFAULT_THRESHOLDS = Thresholds()

Answer: TypeAlias = Callable[[Channel, Rooms, object], Coroutine[Any, Any, dict[str, object]]]
Handler: TypeAlias = Callable[..., Coroutine[Any, Any, dict[str, object]]]

_log = logging.getLogger(__name__)


class Sockets:
    """The rooms of one process; every process reads the log by itself, and needs no other."""

    def __init__(
        self,
        reads: QueryReads,
        log: LiveLog,
        *,
        origins: Sequence[str],
        thresholds: Thresholds = DEFAULT_THRESHOLDS,
        listeners: Sequence[Listener] = (),
    ) -> None:
        """`listeners` are given what the rooms are given of the log's end, as it comes."""
        self._listeners = listeners
        self._reads = reads
        self._log = log
        self._search_of = SearchResource(reads)
        self._token_state: Shared[SubscribeToken, snapshot.State] = Shared(
            lambda asked: snapshot.state(reads, asked, thresholds)
        )
        self._market_state: Shared[None, snapshot.MarketSnapshot] = Shared(
            lambda _: snapshot.market(reads, thresholds)
        )
        self.server = socketio.AsyncServer(
            async_mode="asgi",
            client_manager=OwnRooms(),
            cors_allowed_origins="*" if "*" in origins else list(origins),
            max_http_buffer_size=MESSAGE_BYTES_MAX,
            logger=False,
            engineio_logger=False,
        )
        self._connections = Connections(self.server)
        self._channels: dict[str, Channel] = {}
        self._charts = Charts(reads)
        self._tasks: set[asyncio.Task[None]] = set()
        self._rooms: Rooms | None = None
        self._caught_up = asyncio.Event()
        self._pulse = pulse.Pulse(time.monotonic)
        self._tail: Tail | None = None
        self._on("connect", self._connect)
        self._on("disconnect", self._disconnect)
        self._on("subscribe:token", self._answering(self._subscribe_token))
        self._on("unsubscribe:token", self._free(self._unsubscribe_token))
        self._on("subscribe:market", self._answering(self._subscribe_market))
        self._on("unsubscribe:market", self._free(self._unsubscribe_market))
        self._on("subscribe:status", self._answering(self._subscribe_status))
        self._on("unsubscribe:status", self._free(self._unsubscribe_status))
        self._on("search:tokens", self._answering(self._search))
        self._on("*", self._unknown)

    async def run(self) -> None:
        """Feed the rooms for ever; raises `LogError` where the log is not the same any more."""
        begun = await beginning(self._log, self._reads)
        self._pulse = pulse.Pulse(time.monotonic, new_after=begun.last)
        self._caught_up.clear()
        self._rooms = Rooms(
            floor=begun.floor,
            stale=self._send_anew,
            listeners=self._listeners,
            new_after=begun.last,
            caught_up=self._caught_up.set,
        )
        feed = Feed(begun.sol_usd)
        self._tail = Tail(self._log, self._rooms, feed=feed, pulse=self._pulse)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tail.run())
            group.create_task(self._catch_up(self._rooms))
            group.create_task(self._tick(self._rooms))

    def _on(self, event: str, handler: Callable[..., Coroutine[Any, Any, Any]]) -> None:
        self.server.on(event, handler)

    async def _connect(self, sid: str, environ: dict[str, Any], _auth: object = None) -> None:
        session = self.server.manager.eio_sid_from_sid(sid, "/")
        take = admitted(environ)
        self._channels[sid] = Channel(self._connections, session, sid, take)

    async def _disconnect(self, sid: str, *_: object) -> None:
        channel = self._channels.pop(sid, None)
        if channel is None:
            return
        if self._rooms is not None:
            self._rooms.forget(channel)
        self._charts.forget(channel)

    def _answering(self, answer: Answer) -> Handler:
        """As `_done`, for what counts among the requests that the client's caller may make.

        Nothing is read for a client that has still to read what it was sent before.
        """

        async def once_read(channel: Channel, rooms: Rooms, given: object) -> dict[str, object]:
            if not await channel.read_meanwhile(FULL_S_MAX):
                await self._let_go(channel)
                raise RefusedError("what was sent before was not read in time")
            return await answer(channel, rooms, given)

        return self._bounded(once_read, counted=True)

    def _free(self, answer: Answer) -> Handler:
        """As `_done`, for what does not count."""
        return self._bounded(answer, counted=False)

    def _bounded(self, answer: Answer, *, counted: bool) -> Handler:
        done = self._done(answer)

        async def handler(sid: str, *given: object) -> dict[str, object]:
            refused = await self._refused(sid, counted=counted)
            channel = self._channels.get(sid)
            if refused is not None or channel is None:
                return refused or await done(sid, *given)
            channel.under_way += 1
            try:
                return await done(sid, *given)
            finally:
                channel.under_way -= 1

        return handler

    async def _refused(self, sid: str, *, counted: bool = True) -> dict[str, object] | None:
        """Count a request; what a client is told that has too many, or whose caller has."""
        channel = self._channels.get(sid)
        if channel is None:
            return None
        allowed = channel.take() if counted else None
        more: dict[str, object] = {}
        if allowed is not None and not allowed.ok:
            problem = allowed.refusal
            more = {"limit": allowed.limit, "retryAfterSeconds": allowed.wait_s}
        elif channel.under_way >= UNDER_WAY_MAX:
            problem = f"{UNDER_WAY_MAX} requests are under way; wait until one is acknowledged"
        else:
            return None
        if channel.unsent_share > 1:  # it asks and asks, and does not even read the refusals
            await self._let_go(channel)
        channel.send(single("", "problem", 0, {"detail": problem, **more}))
        return {"ok": False, "problem": problem, **more}

    def _done(self, answer: Answer) -> Handler:
        """The acknowledgement says whether it was done; `problem` says so to who asks for none."""

        async def handler(sid: str, given: object = None, *_: object) -> dict[str, object]:
            rooms, channel = await self._started(), self._channels.get(sid)
            if channel is None or rooms is None:
                return {"ok": False, "problem": "the server has just started; try again"}
            try:
                async with channel.turn:
                    return {"ok": True, **await answer(channel, rooms, given)}
            except RefusedError as error:
                problem = str(error)
            except ReadsUnavailableError:
                problem = "the read models cannot be asked just now; try again in a second"
            channel.send(single("", "problem", 0, {"detail": problem}))
            return {"ok": False, "problem": problem}

        return handler

    async def _started(self) -> Rooms | None:
        """The rooms once they have all that the log had at the start; None if that takes long."""
        if not self._caught_up.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._caught_up.wait(), START_WAIT_S_MAX)
        return self._rooms if self._caught_up.is_set() else None

    async def _unknown(self, event: str, sid: str, *_: object) -> dict[str, object]:
        if (refused := await self._refused(sid)) is not None:
            return refused
        problem = (
            f"there is no {event[:60]!r}; there are subscribe: and unsubscribe: with token, "
            "market or status behind it, and search:tokens"
        )
        if (channel := self._channels.get(sid)) is not None:
            channel.send(single("", "problem", 0, {"detail": problem}))
        return {"ok": False, "problem": problem}

    async def _subscribe_token(
        self, channel: Channel, rooms: Rooms, given: object
    ) -> dict[str, object]:
        asked = read(SubscribeToken, given, single="mint")
        room = token_room(asked.mint)
        if room not in channel.rooms and len(channel.rooms) >= ROOMS_MAX:
            raise RefusedError(f"a client may follow {ROOMS_MAX} rooms; leave one first")
        self._charts.leave(channel, asked.mint)
        resumed = asked.after is not None and rooms.resume(channel, room, asked.after)
        if not resumed:
            await self._send_token(channel, rooms, asked)
        if asked.interval is not None and room in channel.rooms:
            self._charts.join(channel, asked.mint, asked.interval)
        return {"resumed": resumed, "sequence": rooms.given(channel, room)}

    async def _unsubscribe_token(
        self, channel: Channel, rooms: Rooms, given: object
    ) -> dict[str, object]:
        asked = read(UnsubscribeToken, given, single="mint")
        rooms.leave(channel, token_room(asked.mint))
        self._charts.leave(channel, asked.mint)
        return {}

    async def _subscribe_market(
        self, channel: Channel, rooms: Rooms, given: object
    ) -> dict[str, object]:
        asked = read(SubscribeMarket, given)
        resumed = asked.after is not None and rooms.resume(channel, MARKET, asked.after)
        if not resumed:
            await self._send_market(channel, rooms)
        return {"resumed": resumed, "sequence": rooms.given(channel, MARKET)}

    async def _unsubscribe_market(
        self, channel: Channel, rooms: Rooms, _given: object
    ) -> dict[str, object]:
        rooms.leave(channel, MARKET)
        return {}

    async def _subscribe_status(
        self, channel: Channel, rooms: Rooms, _given: object
    ) -> dict[str, object]:
        rooms.join(channel, pulse.ROOM)
        return {}

    async def _unsubscribe_status(
        self, channel: Channel, rooms: Rooms, _given: object
    ) -> dict[str, object]:
        rooms.leave(channel, pulse.ROOM)
        return {}

    async def _search(self, channel: Channel, rooms: Rooms, given: object) -> dict[str, object]:
        asked = read(SearchParameters, given, single="q")
        try:
            found = await self._search_of.answer(asked)
        except ProblemError as error:
            raise RefusedError(str(error)) from error
        told = SearchTold(q=asked.q, page=asked.page, **msgspec.structs.asdict(found))
        channel.send(single("", "search:results", rooms.sequence, told))
        return {"total": found.total}

    async def _send_token(self, channel: Channel, rooms: Rooms, asked: SubscribeToken) -> None:
        """Snapshot and history, then what they do not hold yet; nothing can come in between."""
        room = token_room(asked.mint)
        held = await self._token_state.get(
            # What is not asked of the read models makes no other question of it.
            msgspec.structs.replace(asked, after=None)
        )
        shown = {each.id for each in held.trades}
        known = rooms.since(room, max(held.undecided_after, rooms.floor)) or ()
        fresh = [it for it in known if not it.ids or not shown.issuperset(it.ids)]
        first = snapshot.TokenSnapshot(
            sequence=rooms.sequence, position=held.position, mint=asked.mint, token=held.card
        )
        history = snapshot.TokenHistory(
            sequence=rooms.sequence,
            mint=asked.mint,
            trades=held.trades,
            interval=asked.interval,
            candles=held.candles,
        )
        channel.send(single(room, "token:snapshot", rooms.sequence, first))
        channel.send(single(room, "token:history", rooms.sequence, history))
        channel.send(Bundle(fresh))
        rooms.join(channel, room)

    async def _send_market(self, channel: Channel, rooms: Rooms) -> None:
        held = await self._market_state.get(None)
        told = msgspec.structs.replace(held, sequence=rooms.sequence)
        channel.send(single(MARKET, "market:snapshot", rooms.sequence, told))
        rooms.join(channel, MARKET)

    def _send_anew(self, channel: Channel, room: str) -> None:
        """For one who has missed more than is kept."""
        rooms = self._rooms
        assert rooms is not None, "it has members"
        work = (
            self._send_market(channel, rooms)
            if room == MARKET
            else self._send_token(
                channel, rooms, SubscribeToken(mint=room.removeprefix(token_room("")))
            )
        )

        async def send() -> None:
            try:
                await work
            except ReadsUnavailableError as error:
                _log.warning("a client that was behind is let go of: %s", error)
                await self._let_go(channel)

        self._keep(send())

    async def _catch_up(self, rooms: Rooms) -> None:
        while True:
            await asyncio.sleep(CATCH_UP_S)
            for channel in rooms.catch_up():
                _log.warning("a client that reads too slowly is let go of")
                await self._let_go(channel)
            for session in self._connections.flooded():
                _log.warning("a client that asks and asks, and reads no answers, is cut off")
                await self._connections.end(session)

    async def _tick(self, rooms: Rooms) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self._charts.send()
                await self._tell_status(rooms)
            except ReadsUnavailableError as error:
                _log.warning("no candles and no status are sent: %s", error)

    async def _tell_status(self, rooms: Rooms) -> None:
        if not rooms.watched(pulse.ROOM):
            return
        positions = await self._reads.positions()
        told = self._pulse.told(
            sequence=rooms.sequence,
            deaf=self._tail is not None and self._tail.deaf,
            clients=len(self._channels),
            positions=positions,
        )
        bundle = single(pulse.ROOM, "status", rooms.sequence, told)
        for channel in rooms.members(pulse.ROOM):
            if channel.unsent_share <= 1:
                channel.send(bundle)

    async def _let_go(self, channel: Channel) -> None:
        """Say so; and end the connection soon, as one that reads nothing will not hear it."""
        await self.server.disconnect(channel.sid)

        async def end() -> None:
            await asyncio.sleep(END_WAIT_S)
            await self._connections.end(channel.session)

        self._keep(end())

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def with_sockets(app: Any, sockets: Sockets) -> Any:
    """An ASGI application that has Socket.IO under its usual path, and `app` everywhere else."""
    return socketio.ASGIApp(sockets.server, other_asgi_app=app, socketio_path=PATH)
