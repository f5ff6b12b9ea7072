"""Tells subscribers what happens: each message is run and encoded once for all who ask the same.

Messages come from the log's end by way of the rooms that Socket.IO has, too. Whoever asks the same
operation with the same variables is of one group; a group that asks nothing of the read models is
told at once, the others together, so that what they ask of many tokens is asked once.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any, Protocol, TypeAlias

import msgspec

from api.graphql.errors import UNAVAILABLE
from api.graphql.errors import told as error_told
from api.graphql.execution import Answer, Graph, Operation, unavailable
from api.graphql.outbox import ANSWER_BYTES_MAX, too_large
from api.graphql.subscriptions import READ, Event, ToldTrade, Wanted, Watched, WatchedCandle
from api.live.alerts import Alert, Alerts
from api.live.message import MARKET, Message
from api.parameters import TIME_S_MAX
from projections.reads import INTERVALS_S, ReadsUnavailableError, TokenRow

TICK_S = 1.0
"""How often cards and candles that are watched are looked at; newly watched ones at once."""
GATHER_S = 0.02
"""What is newly watched within this time is looked at together."""
TOGETHER_MAX = 500
"""Messages that are run together, and mints that are asked for at once."""
WAITING_MAX = 2_000
"""Messages that may wait for the read models in a group; beyond it the group is let go of."""

_log = logging.getLogger("curvetape.api")
_encode = msgspec.json.Encoder().encode
Key: TypeAlias = tuple[str, str | None, bytes]


class Follower(Protocol):
    """One who has subscribed."""

    def give(self, answer: bytes) -> None:
        """Take the JSON of an answer, without waiting."""
        ...

    def let_go(self) -> None:
        """Take notice that nothing more will come, since too much would have to wait."""
        ...

    def end(self) -> None:
        """Take notice that the server stops."""
        ...


class Group:
    """All who have asked for the same."""

    def __init__(self, key: Key, operation: Operation, wanted: Wanted) -> None:
        self.key = key
        self.operation = operation
        self.wanted = wanted
        self.followers: set[Follower] = set()
        self.waiting: deque[object] = deque()
        self.seen: object = None
        """The card or candle that was told last."""
        self.last: bytes | None = None
        """What was told of it."""
        self._alerts = Alerts(wanted.rules) if wanted.rules else None

    def telling(self, told: object) -> Iterable[object]:
        """What is to be told of what happened: each of its kind, or what rules make of it."""
        if self._alerts is None:
            return (told,)
        assert isinstance(told, ToldTrade), "rules are about trades"
        return self._alerts.take(told)

    def give(self, answer: bytes) -> None:
        """Give all of them an answer."""
        for follower in list(self.followers):
            follower.give(answer)


class Hub:
    """The subscriptions of one process."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._groups: dict[Key, Group] = {}
        self._events: dict[Event, set[Group]] = {}
        self._watched: set[Group] = set()
        self._new: set[Group] = set()
        """Those of them that were not looked at yet."""
        self._pending: dict[Group, None] = {}
        self._wake = asyncio.Event()
        self._look = asyncio.Event()
        self._own = count()

    def join(self, operation: Operation, follower: Follower) -> Group:
        """Have a follower told of what a subscription asks for; raises `InvalidError`."""
        request = operation.request
        text = str(request.query or request.extensions)
        variables = msgspec.json.encode(request.variables, order="deterministic")
        key = (text, request.operation_name, variables)
        group = self._groups.get(key)
        if group is None:
            wanted = self.graph.wanted(operation)
            if wanted.is_own:
                key = (f"{text}#{next(self._own)}", request.operation_name, variables)
            group = Group(key, operation, wanted)
            self._groups[key] = group
            source = group.wanted.source
            if isinstance(source, Event):
                self._events.setdefault(source, set()).add(group)
            else:
                self._watched.add(group)
                self._new.add(group)
                self._look.set()
        group.followers.add(follower)
        if group.last is not None:
            follower.give(group.last)
        return group

    def leave(self, group: Group, follower: Follower) -> None:
        """Stop that; harmless where it has stopped already."""
        group.followers.discard(follower)
        if group.followers or self._groups.get(group.key) is not group:
            return
        del self._groups[group.key]
        self._pending.pop(group, None)
        self._watched.discard(group)
        self._new.discard(group)
        source = group.wanted.source
        if isinstance(source, Event):
            groups = self._events[source]
            groups.discard(group)
            if not groups:
                del self._events[source]

    def take(self, messages: Sequence[Message]) -> None:
        """Tell of what the log's end brings; a `Listener` of the rooms."""
        for message in messages if self._events else ():
            groups = self._events.get(Event(message.room, message.name))
            if not groups:
                continue
            told = READ[message.name.removeprefix(f"{MARKET}:")](message.body)
            for group in list(groups):
                for each in group.telling(told):
                    if group.wanted.reads:
                        self._wait(group, each)
                    else:
                        self._tell(group, each, self.graph.run_at_once(group.operation, each))

    async def run(self) -> None:
        """Tell of what needs the read models, for ever."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._answer())
                tasks.create_task(self._watch())
        finally:
            for group in list(self._groups.values()):
                for follower in list(group.followers):
                    follower.end()

    def _wait(self, group: Group, told: object) -> None:
        if len(group.waiting) >= WAITING_MAX:
            _log.warning("a subscription is let go of: %d messages wait", WAITING_MAX)
            for follower in list(group.followers):
                follower.let_go()
                self.leave(group, follower)
            return
        group.waiting.append(told)
        self._pending[group] = None
        self._wake.set()

    def _tell(self, group: Group, told: object, answer: Answer) -> None:
        of = told.trade if isinstance(told, Alert) else told
        for name in ("sequence", "provisional"):
            if (value := getattr(of, name, None)) is not None:
                answer.extensions[name] = value
        encoded = _encode(answer)
        if len(encoded) > ANSWER_BYTES_MAX:
            encoded = _encode(Answer(errors=[error_told(too_large(len(encoded)))]))
        if isinstance(group.wanted.source, Watched):
            if any(error["extensions"].get("code") == UNAVAILABLE for error in answer.errors):
                group.seen = group.last = None  # it is told anew once it can be
            else:
                group.last = encoded
        group.give(encoded)

    async def _answer(self) -> None:
        while True:
            await self._wake.wait()
            work = list(self._next())
            if not work:
                self._wake.clear()
                continue
            try:
                context = await self.graph.context()
            except ReadsUnavailableError as error:
                for group, told in work:
                    self._tell(group, told, unavailable(error))
                continue
            answers = await asyncio.gather(
                *(self.graph.run(group.operation, context, told) for group, told in work)
            )
            for (group, told), answer in zip(work, answers, strict=True):
                self._tell(group, told, answer)

    def _next(self) -> Iterator[tuple[Group, object]]:
        """What waits, each group's in its order."""
        left = TOGETHER_MAX
        for group in list(self._pending):
            while group.waiting and left:
                left -= 1
                yield group, group.waiting.popleft()
            if not group.waiting:
                del self._pending[group]
            if not left:
                return

    async def _watch(self) -> None:
        now_s = asyncio.get_running_loop().time
        due_s = now_s() + TICK_S
        while True:
            try:
                async with asyncio.timeout_at(due_s):
                    await self._look.wait()
                await asyncio.sleep(GATHER_S)
            except TimeoutError:
                pass
            groups = self._new
            if now_s() >= due_s:
                groups, due_s = self._watched, now_s() + TICK_S
            looked_at = list(groups)
            self._look.clear()
            self._new.clear()
            try:
                await self._look_at(looked_at)
            except ReadsUnavailableError as error:
                _log.warning("nothing that is watched can be looked at: %s", error)

    async def _look_at(self, groups: Sequence[Group]) -> None:
        for start in range(0, len(groups), TOGETHER_MAX):
            some = groups[start : start + TOGETHER_MAX]
            sources = [each.wanted.source for each in some]
            watched = {each for each in sources if isinstance(each, Watched)}
            seen = await self._seen(watched)
            for group, source in zip(some, sources, strict=True):
                now = seen.get(source) if isinstance(source, Watched) else None
                if now is not None and now != group.seen:
                    group.seen = now
                    self._wait(group, now)

    async def _seen(self, watched: set[Watched]) -> dict[Watched, Any]:
        """Cards and candles as the read models have them now."""
        mints = sorted({each.mint for each in watched})
        rows = await self.graph.reads.tokens_of(mints) if mints else {}
        seen: dict[Watched, TokenRow | WatchedCandle] = {
            each: rows[each.mint] for each in watched if each.interval is None and each.mint in rows
        }
        for interval in {each.interval for each in watched if each.interval is not None}:
            of = [each for each in watched if each.interval == interval and each.mint in rows]
            candles = await self.graph.reads.candles_of(
                [each.mint for each in of],
                interval_s=INTERVALS_S[interval],
                from_s=0,
                to_s=TIME_S_MAX,
                limit=1,
            )
            for each in of:
                if found := candles[each.mint]:
                    seen[each] = WatchedCandle(found[-1], rows[each.mint])
        return seen
