"""What stands before everything: who asks is found out, and who asks too often is told to wait."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias

from api.front import AsgiApp, Message, Receive, Scope, Send
from api.identity import IDENTITY, Identities, Identity, IdentityError
from api.limits import TAKE, Allowed, Limits
from api.problems import KEY_INVALID, MEDIA_PROBLEM, TOO_MANY_REQUESTS, Problem, problem
from api.ready import AtOnce, Ready, lines

ALWAYS_OPEN = frozenset(("/healthz", "/readyz"))
"""Whoever watches the process has no key, and must not be told to wait."""
WITHOUT_KEY = frozenset(("/", "/openapi.json"))
"""What says how to ask can be read by everyone."""

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

_HTTP_RESPONSE = "websocket.http.response"
_COUNTED = "curvetape.counted"
"""In the scope of a request that was counted already, and is to be refused: its `Allowed`."""
_FOR_ALL, _FOR_ONE = b"\r\ncache-control: public", b"\r\ncache-control: private"


class Gate:
    """An ASGI application in front of all others, of HTTP and of WebSockets."""

    def __init__(
        self,
        app: AsgiApp,
        identities: Identities,
        limits: Limits | None,
        *,
        origins: Sequence[str],
        hsts_s: int = 0,
        kept: AtOnce | None = None,
    ) -> None:
        """Without `limits` nobody waits. Pages of `origins` may read what was refused, too.

        For `hsts_s` seconds browsers shall come by HTTPS only. `kept` tells which answers of `app`
        are ready.
        """
        self._app = app
        self._identities = identities
        self._limits = limits
        self._origins = frozenset(each.encode() for each in origins)
        self._always: list[tuple[bytes, bytes]] = []
        if hsts_s:
            self._always.append((b"strict-transport-security", b"max-age=%d" % hsts_s))
        self._always_lines = lines(self._always)
        self._kept = kept
        self._private = identities.access == "key-only"
        self._told: dict[tuple[int, int], list[tuple[bytes, bytes]]] = {}

    def at_once(self, scope: Scope) -> Ready | None:
        """Let a request through to what is ready; None where the app has to be called."""
        if self._kept is None or (ready := self._kept(scope)) is None:
            return None
        try:
            identity = self._identities.of(scope)
        except IdentityError:
            return None
        allowed = self._take(identity)
        head, content = ready
        if self._private:
            head = head.replace(_FOR_ALL, _FOR_ONE)
        if allowed is None:
            return head + self._always_lines, content
        if not allowed.ok:
            scope[_COUNTED] = allowed
            return None
        told = b"%b%bratelimit-limit: %d\r\nratelimit-remaining: %d\r\nratelimit-reset: %d\r\n"
        numbers = (allowed.limit, allowed.remaining, allowed.wait_s)
        return told % (head, self._always_lines, *numbers), content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request or a handshake through, or refuse it with a problem."""
        if scope["type"] not in {"http", "websocket"} or scope["path"] in ALWAYS_OPEN:
            await self._app(scope, receive, send)
            return
        try:
            identity = self._identities.of(scope)
        except IdentityError as error:
            if _needs_a_key(scope):
                # Guesses are counted by where they come from.
                allowed = self._take(self._identities.nobody(scope))
                if allowed is None or allowed.ok:
                    found = problem(KEY_INVALID, str(error))
                    await self._refuse(scope, send, found, [(b"www-authenticate", b"Bearer")])
                else:
                    await self._too_many(scope, send, allowed)
                return
            identity = self._identities.nobody(scope)
        scope[IDENTITY] = identity
        scope[TAKE] = partial(self._take, identity)
        allowed = scope.get(_COUNTED) or self._take(identity)
        told_nothing = allowed is None and not self._always and not self._private
        if allowed is not None and not allowed.ok:
            await self._too_many(scope, send, allowed)
        elif told_nothing or scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            told = self._always if allowed is None else self._headers(allowed)

            async def telling(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message = {**message, "headers": self._added(message["headers"], told)}
                await send(message)

            await self._app(scope, receive, telling)

    def _added(self, headers: Headers, told: Headers) -> list[tuple[bytes, bytes]]:
        return [*(map(_for_one, headers) if self._private else headers), *told]

    def _take(self, identity: Identity) -> Allowed | None:
        if self._limits is None:
            return None
        return self._limits.take(identity.caller, identity.rate)

    def _headers(self, allowed: Allowed) -> list[tuple[bytes, bytes]]:
        """The same few lists, made once: there are as many as the limit is high."""
        told = self._told.get((allowed.limit, allowed.remaining))
        if told is None:
            told = self._told[allowed.limit, allowed.remaining] = [
                *self._always,
                (b"ratelimit-limit", b"%d" % allowed.limit),
                (b"ratelimit-remaining", b"%d" % allowed.remaining),
                (b"ratelimit-reset", b"%d" % allowed.wait_s),
            ]
        return told

    async def _too_many(self, scope: Scope, send: Send, allowed: Allowed) -> None:
        after = b"%d" % allowed.wait_s
        headers = [
            (b"ratelimit-limit", b"%d" % allowed.limit),
            (b"ratelimit-remaining", b"0"),
            (b"ratelimit-reset", after),
            (b"retry-after", after),
        ]
        await self._refuse(scope, send, problem(TOO_MANY_REQUESTS, allowed.refusal), headers)

    async def _refuse(
        self, scope: Scope, send: Send, found: Problem, headers: list[tuple[bytes, bytes]]
    ) -> None:
        """Without the app, and with what a page needs to read it."""
        content = found.encoded()
        headers = [
            (b"content-type", MEDIA_PROBLEM.encode()),
            (b"content-length", b"%d" % len(content)),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            *headers,
            *self._always,
            *self._for_pages(scope),
        ]
        kind = "http.response"
        if scope["type"] == "websocket":
            if _HTTP_RESPONSE not in scope.get("extensions", {}):
                await send({"type": "websocket.close", "code": 1008})
                return
            kind = _HTTP_RESPONSE
        await send({"type": f"{kind}.start", "status": found.status, "headers": headers})
        shown = b"" if scope.get("method") == "HEAD" else content
        await send({"type": f"{kind}.body", "body": shown})

    def _for_pages(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        everyone = b"*" in self._origins
        vary = [] if everyone else [(b"vary", b"Origin")]
        origin: Any = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if origin is None or not (everyone or origin in self._origins):
            return vary
        shown = b"Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
        return [
            (b"access-control-allow-origin", b"*" if everyone else origin),
            (b"access-control-expose-headers", shown),
            *vary,
        ]


def _for_one(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """So that no CDN gives to others what one had to have a key for."""
    name, value = header
    return (name, value.replace(b"public", b"private")) if name == b"cache-control" else header


def _needs_a_key(scope: Scope) -> bool:
    """Browsers ask first whether they may, and leave the key out."""
    return scope.get("method") != "OPTIONS" and scope["path"] not in WITHOUT_KEY
