"""Asks strangers' servers for small documents, and takes nothing that they do for granted."""

import asyncio
import ssl
import zlib
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import httpcore
import httpx

from adapters.metadata.network import ForbiddenError, LookUp, PublicNetwork, look_up
from domain.document import DOCUMENT_BYTES_MAX, Answer, Fetched, Unfetched

ANSWER_S_MAX = 10.0
"""From the question to the last byte, over all redirects."""
CONNECT_S_MAX = 5.0
REDIRECTS_MAX = 3
IDLE_S = 15.0
"""How long a connection is kept for the next question to the same server."""

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_PASSING = frozenset((408, 425, 429))
"""Refusals that say to come again; so does everything from 500 on."""
_HEADERS = [
    (b"accept", b"application/json, */*;q=0.5"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", b"curvetape"),
]
_TIMES = {"connect": CONNECT_S_MAX, "read": ANSWER_S_MAX, "write": CONNECT_S_MAX, "pool": None}
_BROKEN = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ConnectionNotAvailable,
    ssl.SSLError,
    OSError,
)


class HttpDocuments:
    """Fits `ingest.metadata.attempts.Documents`; use it as a context manager.

    Only http and https are spoken, on ports 80 and 443 of public addresses; `allowed` are hosts
    with their ports that may be asked all the same.
    """

    def __init__(
        self,
        *,
        connections_max: int,
        allowed: Iterable[tuple[str, int]] = (),
        look_up: LookUp = look_up,
        tls: ssl.SSLContext | None = None,
        answer_s_max: float = ANSWER_S_MAX,
    ) -> None:
        self._answer_s_max = answer_s_max
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=connections_max,
            max_keepalive_connections=connections_max,
            keepalive_expiry=IDLE_S,
            network_backend=PublicNetwork(look_up=look_up, allowed=allowed),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._pool.aclose()

    async def fetch(self, address: str) -> Answer:
        """The document at an address, or why it could not be had, within `answer_s_max`."""
        try:
            async with asyncio.timeout(self._answer_s_max):
                return await self._followed(address)
        except (TimeoutError, httpcore.TimeoutException):
            detail = f"it did not come within {self._answer_s_max:g} s"
            return Unfetched(failure="timeout", detail=detail, passing=True)
        except ForbiddenError as error:
            return Unfetched(failure=error.failure, detail=error.detail, passing=False)
        except _BROKEN as error:
            detail = str(error) or type(error).__name__
            return Unfetched(failure="unreachable", detail=detail, passing=True)

    async def _followed(self, address: str) -> Answer:
        url = _checked(address)
        for _ in range(REDIRECTS_MAX + 1):
            answer = await self._ask(url)
            if not isinstance(answer, str):
                return answer
            url = _checked(answer, url)
        detail = f"it was redirected more than {REDIRECTS_MAX} times"
        return Unfetched(failure="redirects", detail=detail, passing=False)

    async def _ask(self, url: httpx.URL) -> Answer | str:
        """One question; a text is where the answer sends us."""
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        headers = [(b"host", url.netloc), *_HEADERS]
        async with self._pool.stream(
            "GET", target, headers=headers, extensions={"timeout": _TIMES}
        ) as response:
            told = {name.lower(): value for name, value in response.headers}
            if response.status in _REDIRECTS and b"location" in told:
                return told[b"location"].decode("utf-8", "replace")
            if not 200 <= response.status < 300:
                return _refused(response.status)
            return await _read(response, told)


def _checked(address: str, base: httpx.URL | None = None) -> httpx.URL:
    """An address as one to be asked, from the one that led there; `ForbiddenError`."""
    try:
        url = httpx.URL(address) if base is None else base.join(address)
    except (httpx.InvalidURL, ValueError) as error:
        raise ForbiddenError("address", f"it was no address: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ForbiddenError("address", f"the scheme was {url.scheme!r}")
    if url.userinfo:
        raise ForbiddenError("address", "the address had a user in it")
    return url


def _refused(status: int) -> Unfetched:
    passing = status in _PASSING or status >= 500
    return Unfetched(
        failure="status", detail=f"status {status}", passing=passing, http_status=status
    )


async def _read(response: httpcore.Response, told: dict[bytes, bytes]) -> Answer:
    length = told.get(b"content-length", b"")
    if length.isdigit() and int(length[:20]) > DOCUMENT_BYTES_MAX:
        return _too_large()
    body = bytearray()
    async for part in response.aiter_stream():
        body += part
        if len(body) > DOCUMENT_BYTES_MAX:
            return _too_large()
    coding = told.get(b"content-encoding", b"identity").strip().lower()
    if coding in {b"", b"identity"}:
        return Fetched(bytes(body))
    return _unpacked(bytes(body), coding)


def _unpacked(body: bytes, coding: bytes) -> Answer:
    """What a server packed that was asked not to."""
    if coding not in {b"gzip", b"x-gzip", b"deflate"}:
        detail = f"it was packed as {coding.decode('ascii', 'replace')}"
        return Unfetched(failure="not_json", detail=detail, passing=False)
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        unpacked = unpacking.decompress(body, DOCUMENT_BYTES_MAX + 1)
    except zlib.error as error:
        return Unfetched(
            failure="not_json", detail=f"it was packed wrongly: {error}", passing=False
        )
    return _too_large() if len(unpacked) > DOCUMENT_BYTES_MAX else Fetched(unpacked)


def _too_large() -> Unfetched:
    detail = f"it was longer than {DOCUMENT_BYTES_MAX:,} bytes"
    return Unfetched(failure="too_large", detail=detail, passing=False)
