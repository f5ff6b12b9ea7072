"""A JSON-RPC server over a chain of ours, which can be made to fail as real ones do."""

import asyncio
from collections import Counter
from http import HTTPStatus

import httptools
import msgspec

from adapters.solana_rpc.chain import RpcChain
from adapters.solana_rpc.faults import RpcFault, RpcFaults
from adapters.solana_rpc.methods import MethodError, Methods, Question

GENESIS_HASH = "5imuLatedChainsHaveThisGenesisHash1111111111"
REQUEST_BYTES_MAX = 64 * 1024
READ_BYTES_MAX = 16 * 1024
CONNECTIONS_MAX = 256

PARSE_ERROR = -32700
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"


class _Answer(msgspec.Struct, kw_only=True):
    """What goes back over HTTP."""

    body: bytes
    status: int = 200
    kind: str = "application/json"
    retry_after_s: float | None = None
    sent_share: float = 1.0
    """How much of the body is sent before the connection ends; 1 to keep it open."""

    def head(self) -> bytes:
        """Status line and headers."""
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"content-type: {self.kind}",
            f"content-length: {len(self.body)}",
        ]
        if self.retry_after_s is not None:
            lines.append(f"retry-after: {self.retry_after_s:g}")
        return "\r\n".join((*lines, "", "")).encode()


class _Request:
    """One HTTP request as httptools reads it."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.complete = False

    def on_body(self, part: bytes) -> None:
        """More of the body."""
        self.body += part

    def on_message_complete(self) -> None:
        """All of the body."""
        self.complete = True


class RpcServer:
    """Serves `getBlock` and what goes with it, over HTTP on one address."""

    def __init__(
        self,
        chain: RpcChain,
        address: str = "127.0.0.1:0",
        *,
        genesis_hash: str = GENESIS_HASH,
    ) -> None:
        """`address` is `host:port`; port 0 takes a free one."""
        self.faults = RpcFaults()
        self.asked: Counter[str] = Counter()
        """How often each method was asked for."""
        self.busy_max = 0
        """The most questions that were being answered at once."""
        self._busy = 0
        self._address = address
        self._methods = Methods(chain, self.faults, genesis_hash=genesis_hash)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._server is not None, "start the server first"
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Where to ask."""
        return f"http://{self._address.rpartition(':')[0]}:{self.port}"

    async def start(self) -> None:
        """Listen; `OSError` if the address is taken."""
        host, _, port = self._address.rpartition(":")
        self._server = await asyncio.start_server(self._connected, host.strip("[]"), int(port))

    async def stop(self) -> None:
        """Close every connection, and listen no more."""
        assert self._server is not None, "start the server first"
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None, "a connection is served by a task"
        try:
            if len(self._connections) < CONNECTIONS_MAX:
                self._connections.add(connection)
                await self._serve(reader, writer)
        except (ConnectionError, httptools.HttpParserError):
            pass  # the client went away, or is none
        except asyncio.CancelledError:
            pass  # stopped; the task has nothing else to do, and asyncio would report it
        finally:
            self._connections.discard(connection)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (body := await self._read(reader)) is not None:
            self._busy += 1
            self.busy_max = max(self.busy_max, self._busy)
            try:
                answer = await self._answer(body)
            finally:
                self._busy -= 1
            sent = answer.body[: int(len(answer.body) * answer.sent_share)]
            writer.write(answer.head() + sent)
            await writer.drain()
            if answer.sent_share < 1:
                return

    async def _read(self, reader: asyncio.StreamReader) -> bytes | None:
        """The next request's body; None when the client has no more."""
        request, size_bytes = _Request(), 0
        parser = httptools.HttpRequestParser(request)
        while not request.complete:
            data = await reader.read(READ_BYTES_MAX)
            size_bytes += len(data)
            if not data or size_bytes > REQUEST_BYTES_MAX:
                return None
            parser.feed_data(data)
        return bytes(request.body)

    async def _answer(self, body: bytes) -> _Answer:
        try:
            question = msgspec.json.decode(body, type=Question)
        except msgspec.DecodeError as error:
            return _Answer(body=_failure(None, PARSE_ERROR, f"Parse error: {error}"))
        self.asked[question.method] += 1
        fault = self.faults.take(question.method, question.slot)
        if fault is not None and fault.kind in {"error", "status", "html"}:
            return _failed(fault, question)
        if fault is not None and fault.wait_s:
            await asyncio.sleep(fault.wait_s)
        try:
            result = self._methods.result(question)
        except MethodError as error:
            return _Answer(body=_failure(question.id, error.code, error.message))
        answer = _Answer(body=_success(question.id, result))
        if fault is not None and fault.kind == "truncated":
            answer.body = answer.body[: len(answer.body) // 2]
        if fault is not None and fault.kind == "broken":
            answer.sent_share = 0.5
        return answer


def _failed(fault: RpcFault, question: Question) -> _Answer:
    if fault.kind == "error":
        return _Answer(body=_failure(question.id, fault.code, fault.message))
    if fault.kind == "html":
        return _Answer(body=_HTML, kind="text/html")
    return _Answer(
        body=b"", status=fault.status, kind="text/plain", retry_after_s=fault.retry_after_s
    )


def _success(number: int | str | None, result: object) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", "result": result, "id": number})


def _failure(number: int | str | None, code: int, message: str) -> bytes:
    error = {"code": code, "message": message}
    return msgspec.json.encode({"jsonrpc": "2.0", "error": error, "id": number})
