"""Connections to public addresses only: each name is looked up once, checked, and that is reached.

The libraries there are either look at the name before the HTTP client looks it up again, or
connect before they look.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import httpcore

from adapters.metadata.public import is_public
from domain.events import MetadataFailure

PORTS = frozenset((80, 443))
ADDRESSES_MAX = 4
"""Of a name with more addresses these many are tried."""

LookUp = Callable[[str, int], Awaitable[Sequence[str]]]
"""The IP addresses of a host's name."""


class ForbiddenError(Exception):
    """A place that must not be reached."""

    def __init__(self, failure: MetadataFailure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


async def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses of a name as the system's resolver gives them."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


class PublicNetwork(httpcore.AsyncNetworkBackend):
    """Opens every connection of an HTTP client; there is no way around it."""

    def __init__(
        self, *, look_up: LookUp = look_up, allowed: Iterable[tuple[str, int]] = ()
    ) -> None:
        """`allowed` are hosts with their ports that may be reached whatever they are."""
        self._look_up = look_up
        self._allowed = frozenset(allowed)
        self._connections = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # as the library calls it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address of the host that answers; `ForbiddenError`."""
        failed: Exception | None = None
        for address in await self._checked(host, port):
            try:
                return await self._connections.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  # as the library calls it
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise ForbiddenError("private", "a socket of this machine is not public")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def _checked(self, host: str, port: int) -> Sequence[str]:
        """The host's addresses, all of which may be reached."""
        try:
            found = await self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} could not be looked up: {error}") from error
        if (host, port) in self._allowed:
            return found[:ADDRESSES_MAX]
        if port not in PORTS:
            raise ForbiddenError("address", f"port {port} is none of 80 and 443")
        for address in found:
            if not is_public(address):
                raise ForbiddenError("private", f"{host} has the address {address}")
        return found[:ADDRESSES_MAX]
