"""Answers that were made already, ready to be sent, for as long as the read models stay put."""

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Protocol

import msgspec

from api.edition import Editions, State
from api.ready import Ready, head
from projections.reads import ReadsUnavailableError

EDITION = "curvetape.edition"
"""In an ASGI scope: the `Edition` that the answer is from. Who sets it says that the answer depends
on nothing but the address and the read models, so that it may be kept and given to others."""
BYTES_MAX = 64 << 20
ANSWER_BYTES_MAX = 4 << 20
"""A larger one is sent, but not kept."""
OVERHEAD_BYTES = 4_096
"""What is reckoned for an answer's key, headers and objects besides its content."""
PUTS_MAX = 64
"""That may be on their way to the second level; what is more is not shared."""

PACKED_BYTES_MIN, PACKED_BYTES_MAX = 1_024, 1 << 20
"""Contents that are packed for those who take gzip: smaller ones gain nothing, and larger ones
would keep all others waiting."""
GZIP_LEVEL = 1

_NOT_WITHOUT_CONTENT = frozenset((b"content-type", b"content-length", b"link"))
HIT = (b"cache-status", b"curvetape; hit")
MISS = (b"cache-status", b"curvetape; fwd=miss")


class Answer(msgspec.Struct):
    """A whole answer; headers' names are in lower case, as ASGI has them."""

    status: int
    headers: list[tuple[bytes, bytes]]
    content: bytes
    states: tuple[State, ...] = ()
    """Of the read models that it was made from; none where it must not be kept."""
    tag: bytes = b""
    """Its entity tag without `W/`."""


class Form:
    """An answer in one of its codings: as ASGI has it, and as bytes that are ready."""

    __slots__ = ("content", "headers", "ready", "ready_without", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], content: bytes) -> None:
        """Raises `ValueError` for a header of more than one line."""
        self.status = status
        self.headers = headers
        self.content = content
        made = head(status, headers)
        self.ready: Ready = made, content
        self.ready_without: Ready = made, b""


class Kept:
    """An answer for those who did not make it."""

    __slots__ = ("_packed", "_plain", "_unchanged", "answer", "bytes", "number", "tag")

    def __init__(self, answer: Answer, said: tuple[bytes, bytes] = HIT) -> None:
        """Raises `ValueError` for a header of more than one line."""
        self.answer = answer
        self.tag = answer.tag
        self.bytes = len(answer.content) + OVERHEAD_BYTES
        self.number = -1
        """The number of `Editions` for which it is known to hold."""
        headers = [*answer.headers, said]
        packs = PACKED_BYTES_MIN <= len(answer.content) <= PACKED_BYTES_MAX
        if packs:
            headers.append((b"vary", b"Accept-Encoding"))
            self.bytes += len(answer.content) // 4  # what is packed is a fraction
        self._plain = Form(HTTPStatus.OK, headers, answer.content)
        self._packed: Form | None = None if packs else self._plain
        self._unchanged: Form | None = None

    def form(self, *, has: bytes, packs: bool) -> Form:
        """What to send to who names the tags `has`, and may take gzip.

        What is packed is so when it is first asked for.
        """
        if has and self.tag in has:
            if self._unchanged is None:
                told = [it for it in self._plain.headers if it[0] not in _NOT_WITHOUT_CONTENT]
                self._unchanged = Form(HTTPStatus.NOT_MODIFIED, told, b"")
            return self._unchanged
        if not packs:
            return self._plain
        if self._packed is None:
            content = gzip.compress(self.answer.content, GZIP_LEVEL, mtime=0)
            told = [it for it in self._plain.headers if it[0] != b"content-length"]
            told += [
                (b"content-length", b"%d" % len(content)),
                (b"content-encoding", b"gzip"),
            ]
            self._packed = Form(HTTPStatus.OK, told, content)
        return self._packed


class SharedAnswers(Protocol):
    """The second level, which processes and hosts have in common."""

    async def get(self, key: bytes) -> bytes | None:
        """What was put there; None for what is not there and where it cannot be asked in time."""
        ...

    async def put(self, key: bytes, kept: bytes) -> None:
        """Have it for a while; does nothing where it cannot be."""
        ...


class Cache:
    """Answers by a key of the caller's, the least recently used ones making room.

    An answer holds until one of its read models is seen further on. Of those who want the same at
    once, one makes it and the others wait; in other processes it may be made once more each, as a
    lock across processes would cost every answer what it saves a few.
    """

    def __init__(
        self,
        editions: Editions,
        *,
        bytes_max: int = BYTES_MAX,
        shared: SharedAnswers | None = None,
    ) -> None:
        self.editions = editions
        self._bytes_max = bytes_max
        self._shared = shared
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()
        self._bytes = 0
        self._making: dict[bytes, asyncio.Future[Kept | None]] = {}
        self._putting: set[asyncio.Task[None]] = set()

    def held(self, key: bytes) -> Kept | None:
        """What is here and holds; never waits."""
        kept = self._kept.get(key)
        if kept is None or not self.editions.known():
            return None
        if kept.number != self.editions.number:
            if not self.editions.reached(kept.answer.states):
                self._forget(key)
                return None
            kept.number = self.editions.number
        self._kept.move_to_end(key)
        return kept

    async def answer(self, key: bytes, make: Callable[[], Awaitable[Answer]]) -> Answer | Kept:
        """What is kept, or what `make` makes, which may raise; that is kept if it has states."""
        if (kept := self.held(key)) is not None:
            return kept
        if (making := self._making.get(key)) is None:
            return await self._lead(key, make)
        # Where it is not to be shared, or whoever made it failed, each makes it for itself.
        return await asyncio.shield(making) or await make()

    def let_go(self, key: bytes) -> None:
        """Who makes this has found that it is not to be shared: nobody has to wait for it."""
        if (making := self._making.pop(key, None)) is not None:
            making.set_result(None)

    async def close(self) -> None:
        """Wait for what is on its way to the second level."""
        await asyncio.gather(*self._putting)

    async def _lead(self, key: bytes, make: Callable[[], Awaitable[Answer]]) -> Answer | Kept:
        making: asyncio.Future[Kept | None] = asyncio.get_running_loop().create_future()
        self._making[key] = making
        kept = None
        try:
            if (kept := await self._still_held(key) or await self._from_shared(key)) is not None:
                return kept
            answer = await make()
            if answer.states:
                kept = self._keep(key, answer)
                self._put(key, answer)
            return answer
        finally:
            if not making.done():
                del self._making[key]
                making.set_result(kept)

    async def _still_held(self, key: bytes) -> Kept | None:
        """What is here, where nobody has asked for so long that it is not known to hold."""
        if key not in self._kept:
            return None
        try:
            await self.editions.refresh()
        except ReadsUnavailableError:
            return None
        return self.held(key)

    async def _from_shared(self, key: bytes) -> Kept | None:
        if self._shared is None or not self.editions.known():
            return None
        found = await self._shared.get(key)
        if found is None:
            return None
        try:
            answer = msgspec.msgpack.decode(found, type=Answer)
            return self._keep(key, answer) if self.editions.reached(answer.states) else None
        except (msgspec.DecodeError, ValueError):
            return None  # another version's, or a stranger's

    def _keep(self, key: bytes, answer: Answer) -> Kept:
        # Whether it still holds is looked at when it is asked for: time has passed.
        kept = Kept(answer)
        if len(answer.content) > min(ANSWER_BYTES_MAX, self._bytes_max):
            return kept
        self._forget(key)
        self._kept[key] = kept
        self._bytes += kept.bytes
        while self._bytes > self._bytes_max:
            self._forget(next(iter(self._kept)))
        return kept

    def _forget(self, key: bytes) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._bytes -= gone.bytes

    def _put(self, key: bytes, answer: Answer) -> None:
        if self._shared is None or len(self._putting) >= PUTS_MAX:
            return
        task = asyncio.create_task(self._shared.put(key, msgspec.msgpack.encode(answer)))
        self._putting.add(task)
        task.add_done_callback(self._putting.discard)
