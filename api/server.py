"""The HTTP server's settings, and limits on what a client may send before a request is one."""

import asyncio
import logging
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from api.live.channel import FramedProtocol
from api.live.sockets import MESSAGE_BYTES_MAX
from api.problems import HEADERS_TOO_LARGE, MEDIA_PROBLEM, REQUEST_INVALID, TOO_SLOW, Kind, problem
from api.ready import AtOnce, Ready, lines

HEAD_BYTES_MAX = 32_768
"""Request line and headers together."""
REQUEST_WAIT_S_MAX = 10.0
"""From a request's first byte to its last."""
KEEP_ALIVE_S_MAX = 65
"""Longer than the minute for which most proxies keep an idle connection."""
STOP_WAIT_S_MAX = 10


def server_config(app: Any, *, host: str, port: int, **more: Any) -> uvicorn.Config:
    """How to serve an ASGI app; `more` goes to `uvicorn.Config` as it is."""
    settings: dict[str, Any] = {
        "http": GuardedProtocol,
        "loop": "uvloop",
        "ws": FramedProtocol,
        "ws_max_size": MESSAGE_BYTES_MAX,
        "ws_per_message_deflate": False,  # a frame is the same for everyone
        "lifespan": "off",
        "access_log": False,
        "log_level": logging.WARNING,  # below it are handshakes, with keys in their addresses
        "proxy_headers": False,  # `api.identity` reads them, from proxies that are set
        "log_config": None,
        "server_header": False,
        "timeout_keep_alive": KEEP_ALIVE_S_MAX,
        "timeout_graceful_shutdown": STOP_WAIT_S_MAX,
    }
    return uvicorn.Config(app, host=host, port=port, **(settings | more))


class GuardedProtocol(HttpToolsProtocol):
    """Ends connections whose request is without end: the parser itself has no limits.

    Of an application that has `at_once`, an `api.ready.AtOnce`, what is ready is written as soon as
    a request's head was read. That takes no task, no message for each part, and one system call.
    """

    _at_once: AtOnce | None = None
    _turn_taken = False
    _in_head = False
    _head_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the library has it
        """A client has come."""
        super().connection_made(transport)
        self._at_once = getattr(self.app, "at_once", None)

    def on_message_begin(self) -> None:
        """A request's first byte has come."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._timer = self.loop.call_later(REQUEST_WAIT_S_MAX, self._too_slow)

    def on_headers_complete(self) -> None:
        """The request can be answered, unless it was too large and came too fast to be stopped."""
        self._in_head = False
        if len(self.url) + sum(len(it[0]) + len(it[1]) for it in self.headers) > HEAD_BYTES_MAX:
            self._refuse_head()
            raise ValueError(HEADERS_TOO_LARGE.name)  # ends the parsing; nobody else is told
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request's last byte has come."""
        self._stop_timer()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """The request has ended; from here on another protocol has the connection."""
        self._stop_timer()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Parse, then measure what is still an unfinished head."""
        self._turn_taken = False
        super().data_received(data)
        if not self._in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse_head()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Answer a request at once, or in a task of its own.

        Only one of those that came together is answered at once, so that nobody is kept waiting
        by a pipeline, and none while the client has not read what it was sent before.
        """
        if self._at_once is not None and app is self.app:
            if not self._turn_taken and not self.flow.write_paused:
                self._turn_taken = True
                if (ready := self._at_once(cycle.scope)) is not None:
                    self._answer(cycle, ready)
                    return
            self._unset_keepalive_if_required()  # the one before was answered at once, maybe
        super()._start_asgi_task(cycle, app)

    def _answer(self, cycle: RequestResponseCycle, ready: Ready) -> None:
        """What a `RequestResponseCycle` does, all in one."""
        head, content = ready
        ending = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        head = b"%b%b%b" % (head, lines(cycle.default_headers), ending)
        # The content is not copied, as many may be waiting for the same.
        self.transport.writelines((head, content) if content else (head,))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        cycle.on_response = _done  # which has no reference back to this
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the request."""
        self._stop_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser could not read, in the form of every other error."""
        self._refuse(REQUEST_INVALID, msg)

    def _too_slow(self) -> None:
        self._refuse(TOO_SLOW, f"the request did not end within {REQUEST_WAIT_S_MAX:g} s")

    def _refuse_head(self) -> None:
        detail = f"request line and headers may have {HEAD_BYTES_MAX} bytes together"
        self._refuse(HEADERS_TOO_LARGE, detail)

    def _refuse(self, kind: Kind, detail: str) -> None:
        self._stop_timer()
        if self.transport.is_closing():
            return
        content = problem(kind, detail).encoded()
        headers = (
            f"content-type: {MEDIA_PROBLEM}\r\ncontent-length: {len(content)}\r\n"
            "cache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[kind.status] + headers.encode() + content)
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _done() -> None:
    """Nothing is left to do."""
