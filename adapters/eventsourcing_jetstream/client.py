"""The connection of one factory: asks, and asks again while the server is away."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import nats
import nats.errors
from eventsourcing.persistence import OperationalError, ProgrammingError
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg

from .records import Record
from .replies import Replies, Reply, UnansweredError
from .settings import Settings

T = TypeVar("T")

ANSWER_WAIT_S_MAX = 5.0
"""For one answer; a call asks again until its own time is over."""
RETRY_WAIT_S = 0.1
RECONNECT_WAIT_S = 0.1
PING_WAIT_S = 10
PINGS_MAX = 2
"""A server that answers none of these is taken for dead, and reconnected to."""
PENDING_BYTES_MAX = 64 * 1024 * 1024
BATCHES_MAX = 16
"""Stored at a time; the server allows 50 per stream and refuses what is over."""
PAGE_MESSAGES = 1_000
PAGE_BYTES = 8 * 1024 * 1024

NO_MESSAGE = 10037
NO_STREAM = 10059
AGAIN = {10007, 10008, 10009, 10176, 10210}
"""A cluster without a leader; a batch that came in part, or is one too many under way."""


class Client:
    """Everything that is asked of the server; used on one event loop only."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = ",".join(_public(url) for url in settings.url.split(","))
        """Where it leads to, without credentials."""
        self.trouble = "no connection was made"
        """What went wrong last, for whoever runs out of time."""
        self.epoch = 0
        """How many connections were made so far."""
        self._replicated: tuple[int, bool] | None = None
        self.nats: Nats | None = None
        self._connecting = asyncio.Lock()
        self._up = asyncio.Event()
        self._replies: Replies | None = None
        self.under_way = asyncio.Semaphore(BATCHES_MAX)
        self._on_loss: set[Callable[[], None]] = set()

    async def connected(self) -> Nats:
        """The connection, once there is one."""
        async with self._connecting:
            if self.nats is None:
                self.nats = await self._connect()
                self._replies = await Replies.open(self.nats)
        await self._up.wait()
        return self.nats

    async def _connect(self) -> Nats:
        async def remember(error: Exception) -> None:
            self.trouble = str(error) or type(error).__name__

        client = Nats()
        try:
            await client.connect(
                self.settings.url.split(","),
                name="eventsourcing",
                error_cb=remember,
                disconnected_cb=self._lost,
                reconnected_cb=self._found,
                user_credentials=self.settings.credentials,
                reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # it sleeps it
                max_reconnect_attempts=-1,
                pending_size=PENDING_BYTES_MAX,
                ping_interval=PING_WAIT_S,
                max_outstanding_pings=PINGS_MAX,
            )
        except nats.errors.AuthorizationError as error:
            await client.close()
            raise OperationalError(f"{self.url} refuses the user: {error}") from error
        except BaseException:
            await client.close()
            raise
        await self._found()
        return client

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self.nats is not None:
            await self.nats.close()

    def on_loss(self, call: Callable[[], None]) -> None:
        """Have `call` called each time that the connection is lost."""
        self._on_loss.add(call)

    def off_loss(self, call: Callable[[], None]) -> None:
        """Take back an `on_loss`."""
        self._on_loss.discard(call)

    async def _lost(self) -> None:
        self._up.clear()
        if self._replies is not None:
            self._replies.lose()
        for call in list(self._on_loss):
            call()

    async def _found(self) -> None:
        self.epoch += 1
        self._up.set()

    async def pause(self) -> None:
        """Wait a moment before the next attempt."""
        await asyncio.sleep(RETRY_WAIT_S)

    async def retrying(self, once: Callable[[], Awaitable[T]]) -> T:
        """The result of `once`, which is done again for as long as nothing answers."""
        while True:
            await self.connected()
            try:
                return await once()
            except UnansweredError as error:
                self.trouble = str(error)
            except (nats.errors.ConnectionClosedError, nats.errors.OutboundBufferLimitError):
                self.trouble = "the connection was lost"
            await asyncio.sleep(RETRY_WAIT_S)

    def expect(self, *, ends_with_first: bool) -> AbstractAsyncContextManager[Reply]:
        """A place for an answer; there has to have been a connection."""
        assert self._replies is not None, "opened with the connection"
        return self._replies.expect(ends_with_first=ends_with_first)

    async def ask(self, subject: str, question: dict[str, Any]) -> dict[str, Any]:
        """One answer of JetStream's own API, with its `error` in it where it refused."""
        connection = await self.connected()
        async with self.expect(ends_with_first=True) as reply:
            await connection.publish(f"$JS.API.{subject}", _json(question), reply=reply.subject)
            (answer,) = await reply.all(ANSWER_WAIT_S_MAX)
        if status(answer):
            raise UnansweredError("no JetStream answers")
        found: dict[str, Any] = json.loads(answer.data)
        return found

    async def api(self, subject: str, question: dict[str, Any]) -> dict[str, Any]:
        """The same, asked until it answers; only `NO_MESSAGE` is left to the caller.

        Raises `ProgrammingError` for a stream that is not there, `OperationalError` for the rest.
        """
        while True:
            answer = await self.retrying(lambda: self.ask(subject, question))
            code = error_code(answer)
            if code == NO_STREAM:
                raise self.no_stream()
            if code in AGAIN:
                self.trouble = answer["error"]["description"]
                await asyncio.sleep(RETRY_WAIT_S)
                continue
            if code and code != NO_MESSAGE:
                raise OperationalError(f"the server said: {answer['error']['description']}")
            return answer

    def no_stream(self) -> ProgrammingError:
        """What to raise where there is no stream."""
        return ProgrammingError(
            f"{self.url} has no stream {self.settings.stream}; create it or set CREATE_TABLE=yes"
        )

    async def replicated(self) -> bool:
        """Whether a server that is behind may answer a direct read; asked once a connection."""
        if self._replicated is None or self._replicated[0] != self.epoch:
            info = await self.api(f"STREAM.INFO.{self.settings.stream}", {})
            self._replicated = self.epoch, info["config"]["num_replicas"] > 1
        return self._replicated[1]

    async def last(self, subject: str) -> Record | None:
        """The last message on a subject, as the stream's leader has it."""
        return await self._get({"last_by_subj": subject})

    async def next(self, subject: str, *, start: int) -> Record | None:
        """The first message on a subject from a sequence on, as the stream's leader has it."""
        return await self._get({"seq": start, "next_by_subj": subject})

    async def _get(self, question: dict[str, Any]) -> Record | None:
        answer = await self.api(f"STREAM.MSG.GET.{self.settings.stream}", question)
        if "error" in answer:
            return None
        said = answer["message"]
        headers = b64decode(said.get("hdrs", "")).decode().splitlines()[1:]
        pairs = (line.partition(":") for line in headers if line)
        return Record(
            subject=said["subject"],
            sequence=said["seq"],
            headers={key: value.strip() for key, _, value in pairs},
            payload=b64decode(said.get("data", "")),
        )

    async def page(
        self, subject: str, *, start: int, count_max: int
    ) -> tuple[Sequence[Record], bool]:
        """Messages on a subject from a sequence on, and whether there are none behind them.

        At most `PAGE_MESSAGES`, or what fits into `PAGE_BYTES`. Where there are replicas, the one
        that answers may be behind.
        """
        question = {
            "seq": start,
            "next_by_subj": subject,
            "batch": min(count_max, PAGE_MESSAGES),
            "max_bytes": PAGE_BYTES,
        }
        return await self.retrying(lambda: self._page(question))

    async def _page(self, question: dict[str, Any]) -> tuple[Sequence[Record], bool]:
        connection = await self.connected()
        target = f"$JS.API.DIRECT.GET.{self.settings.stream}"
        async with self.expect(ends_with_first=False) as reply:
            await connection.publish(target, _json(question), reply=reply.subject)
            *found, end = await reply.all(ANSWER_WAIT_S_MAX)
        match status(end):
            case "204":
                assert end.headers is not None, "a status is a header"
                return [_record(one) for one in found], end.headers["Nats-Num-Pending"] == "0"
            case "404":
                return [], True
            case "503":
                await self.api(f"STREAM.INFO.{self.settings.stream}", {})
                raise UnansweredError(
                    f"nobody reads {self.settings.stream} directly; it needs allow_direct"
                )
            case said:
                raise OperationalError(f"the server refused a read with status {said}")


def error_code(answer: dict[str, Any]) -> int:
    """JetStream's own number of the error in an answer; 0 for none."""
    return int(answer["error"].get("err_code", 1)) if "error" in answer else 0


def status(message: Msg) -> str:
    """The status of a message that is only one, as in `404`; empty for all others."""
    return "" if message.headers is None else message.headers.get("Status", "")


def _record(message: Msg) -> Record:
    headers = message.headers
    assert headers is not None, "the server adds some to each direct read"
    return Record(headers["Nats-Subject"], int(headers["Nats-Sequence"]), headers, message.data)


def _json(question: dict[str, Any]) -> bytes:
    return json.dumps(question).encode() if question else b""


def _public(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
