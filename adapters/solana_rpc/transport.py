"""One question to a JSON-RPC node over HTTP, and its answer or what is wrong with it."""

import asyncio
import logging
import time
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec

from domain.chain import SourceError
from domain.node import NodeBusyError, NodeError

CONNECT_WAIT_S_MAX = 5.0
ANSWER_WAIT_S_MAX = 30.0
ANSWER_BYTES_MAX = 128 << 20
"""Of an answer after decompression; a full block of the main chain has 5 to 20 MB."""
RETRY_AFTER_S_MAX = 300.0
QUOTED_LENGTH_MAX = 160
SECRET_LENGTH_MIN = 8
"""A part of the path that is at least this long may be a key, and is never shown."""

BUSY_CODES = {-32005, -32429, 429}
"""What providers answer in place of status 429; -32005 is also a node that lags behind."""
_BUSY_STATUSES = {429, 503}
_REFUSED_STATUSES = {401, 403}

# Their own lines show whole addresses, and so the key.
for _logger in ("httpx", "httpcore"):
    logging.getLogger(_logger).setLevel(logging.WARNING)


class Request(Protocol):
    """A question, as `solders.rpc.requests` has them."""

    def to_json(self) -> str:
        """The body of the HTTP request."""
        ...


class RpcError(NodeError):
    """The node answered a question with an error of JSON-RPC."""

    def __init__(self, node: str, code: int, message: str) -> None:
        super().__init__(node, f"{message} ({code})")
        self.code = code
        self.message = message


class _Failure(msgspec.Struct):
    code: int
    message: str = "no message"


class _Answer(msgspec.Struct):
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: _Failure | None = None


_decoder = msgspec.json.Decoder(_Answer)


class Transport:
    """A node's address and the connections to it."""

    def __init__(
        self,
        url: str,
        *,
        parallel_max: int,
        answer_wait_s_max: float = ANSWER_WAIT_S_MAX,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
    ) -> None:
        """`SourceError` if the address is none; what may be a key in it is never shown."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SourceError("the address of a JSON-RPC node is http(s)://host[:port][/path]")
        host = parts.netloc.rpartition("@")[2]
        self.name = f"{parts.scheme}://{host}"
        self._secrets = _secrets(url)
        self._url = url
        self._answer_wait_s_max = answer_wait_s_max
        self._answer_bytes_max = answer_bytes_max
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(answer_wait_s_max, connect=CONNECT_WAIT_S_MAX),
            limits=httpx.Limits(max_connections=parallel_max),
            # Reading the authorities' certificates takes a tenth of a second.
            verify=parts.scheme == "https",
            headers={"content-type": "application/json"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, request: Request) -> msgspec.Raw:
        """The answer's `result`, not yet decoded.

        `RpcError` where the node answers with an error, `NodeBusyError` where it is asked too
        often, `NodeError` for everything else that is no answer.
        """
        try:
            async with asyncio.timeout(self._answer_wait_s_max):
                status, headers, body = await self._post(request.to_json())
        except (TimeoutError, httpx.TimeoutException) as error:
            reason = f"it did not answer within {self._answer_wait_s_max:g} s"
            raise NodeError(self.name, reason) from error
        except httpx.ConnectError as error:
            raise NodeError(self.name, f"it cannot be reached: {self._shown(error)}") from error
        except httpx.HTTPError as error:
            reason = f"its answer broke off: {self._shown(error) or type(error).__name__}"
            raise NodeError(self.name, reason) from error
        return self._result(status, headers, body)

    async def _post(self, question: str) -> tuple[int, httpx.Headers, bytes]:
        body = bytearray()
        async with self._http.stream("POST", self._url, content=question) as answer:
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > self._answer_bytes_max:
                    limit = f"{self._answer_bytes_max:,} bytes"
                    raise NodeError(self.name, f"its answer is longer than {limit}")
        return answer.status_code, answer.headers, bytes(body)

    def _result(self, status: int, headers: httpx.Headers, body: bytes) -> msgspec.Raw:
        if status in _BUSY_STATUSES:
            raise self._busy(f"it is asked too often (HTTP {status})", headers)
        if status in _REFUSED_STATUSES:
            reason = f"it refuses us (HTTP {status}); check the key in its address, and the plan"
            raise NodeError(self.name, reason)
        try:
            answer = _decoder.decode(body)
        except msgspec.DecodeError as error:
            kind = headers.get("content-type", "no content type")
            start = self._shown(body[: 2 * QUOTED_LENGTH_MAX].decode(errors="replace"))
            reason = f"no JSON-RPC, but HTTP {status} with {kind}: {start or 'nothing'} ({error})"
            raise NodeError(self.name, reason) from error
        if answer.error is not None:
            message = self._shown(answer.error.message)
            if answer.error.code in BUSY_CODES:
                raise self._busy(f"{message} ({answer.error.code})", headers)
            raise RpcError(self.name, answer.error.code, message)
        if status != 200 or isinstance(answer.result, msgspec.UnsetType):
            raise NodeError(self.name, f"HTTP {status} without a result or an error")
        return answer.result

    def _busy(self, reason: str, headers: httpx.Headers) -> NodeBusyError:
        retry_after_s = _seconds(headers.get("retry-after", ""))
        return NodeBusyError(self.name, reason, retry_after_s=retry_after_s)

    def _shown(self, said: object) -> str:
        """What the node or the network said, in one short line, and without our key."""
        text = str(said)
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return " ".join(text.split())[:QUOTED_LENGTH_MAX]


def _secrets(url: str) -> list[str]:
    parts = urlsplit(url)
    candidates = [parts.username, parts.password, parts.query, parts.fragment]
    candidates += [value for _, value in parse_qsl(parts.query)]
    candidates += [part for part in parts.path.split("/") if len(part) >= SECRET_LENGTH_MIN]
    return sorted({each for each in candidates if each}, key=len, reverse=True)


def _seconds(retry_after: str) -> float | None:
    """How long `Retry-After` says to wait: a number of seconds, or a date."""
    if retry_after.strip().isdecimal():
        wait_s = float(retry_after)
    else:
        try:
            wait_s = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(wait_s, 0.0), RETRY_AFTER_S_MAX)
