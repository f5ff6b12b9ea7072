"""What stands before the web framework: answers that are kept go out without asking it."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple, TypeAlias

import falcon
from falcon.util.mediatypes import quality

from api.cache import EDITION, MISS, Answer, Cache, Kept
from api.edition import Edition
from api.guard import ADDRESS_BYTES_MAX
from api.ready import Ready

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[..., Awaitable[None]]

_METHODS = frozenset(("GET", "HEAD"))
_WITH_CONTENT = frozenset((b"content-length", b"transfer-encoding"))
"""Requests that bring something are for the app to refuse."""
_NEVER_KEPT = frozenset(("/", "/healthz", "/readyz", "/openapi.json"))
_MEDIA_GRAPHQL = b"application/graphql-response+json"
"""Who takes it is answered by it under `/graphql`."""
_MEDIA_EVENTS = b"text/event-stream"
_OTHER_ORIGIN = b"-"


class _Asked(NamedTuple):
    """What a request asks for."""

    key: bytes
    has: bytes
    """The entity tags that it names."""
    packs: bool
    """Whether it takes gzip."""


class _PassedOnError(Exception):
    """The answer must not be kept, and has been sent to who asked for it."""


class Front:
    """An ASGI application that answers from the cache, and has `app` make what is not in it."""

    def __init__(self, app: AsgiApp, cache: Cache, *, origins: Sequence[str]) -> None:
        """`origins` as `api.app.create_app` has them: answers differ by them."""
        self._app = app
        self._cache = cache
        self._origins = frozenset(each.encode() for each in origins)
        self._everyone = "*" in origins

    def at_once(self, scope: Scope) -> Ready | None:
        """What is kept for a request, and holds; None where the app has to be asked."""
        asked = self._asked(scope)
        if asked is None or (kept := self._cache.held(asked.key)) is None:
            return None
        form = kept.form(has=asked.has, packs=asked.packs)
        return form.ready if scope["method"] == "GET" else form.ready_without

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand on what is none that could be kept."""
        asked = self._asked(scope)
        if asked is None:
            await self._app(scope, receive, send)
            return
        key = asked.key
        kept = self._cache.held(key) or await self._made(key, scope, receive, send)
        if kept is not None:
            form = kept.form(has=asked.has, packs=asked.packs)
            start = {"type": "http.response.start", "status": form.status, "headers": form.headers}
            await send(start)
            content = form.content if scope["method"] == "GET" else b""
            await send({"type": "http.response.body", "body": content})

    def _asked(self, scope: Scope) -> _Asked | None:
        """None for what is none that could be kept."""
        if scope["type"] != "http" or scope["method"] not in _METHODS:
            return None
        origin = has = accept = b""
        packs = False
        query = scope["query_string"]
        # One that is too long is for the app to refuse, and is not looked at here.
        if scope["path"] in _NEVER_KEPT or len(query) > ADDRESS_BYTES_MAX:
            return None
        for name, value in scope["headers"]:
            # What comes more than once is one list to the app as well.
            if name == b"origin":
                origin = origin + b"," + value if origin else value
            elif name == b"if-none-match":
                has = has + b"," + value
            elif name == b"accept-encoding":
                packs = _takes_gzip(value)
            elif name == b"accept":
                accept = accept + b"," + value if accept else value
            elif name in _WITH_CONTENT:
                return None
        if accept and not _takes_json(accept):
            return None
        key = b"%b %b?%b" % (
            self._variant(origin, accept),
            scope.get("raw_path") or scope["path"].encode(),
            canonical(query) if query else query,
        )
        return _Asked(key, has, packs)

    def _variant(self, origin: bytes, accept: bytes) -> bytes:
        newer = b"newer " if _MEDIA_GRAPHQL in accept else b""
        if self._everyone or not origin:
            return newer
        return newer + (origin if origin in self._origins else _OTHER_ORIGIN)

    async def _made(self, key: bytes, scope: Scope, receive: Receive, send: Send) -> Kept | None:
        """What the app answers, None where that was sent already."""
        if scope["method"] == "HEAD":  # without the content it is no use to others
            await self._app(scope, receive, send)
            return None
        try:
            made = await self._cache.answer(key, lambda: self._make(key, scope, receive, send))
        except _PassedOnError:
            return None
        return made if isinstance(made, Kept) else Kept(made, MISS)

    async def _make(self, key: bytes, scope: Scope, receive: Receive, send: Send) -> Answer:
        """Let the app make the whole answer; what must not be kept is sent as it comes."""
        start: Message = {}
        contents: list[bytes] = []
        passing = False

        async def take(message: Message) -> None:
            nonlocal passing, start
            if message["type"] == "http.response.start":
                start = message
                passing = message["status"] != HTTPStatus.OK or EDITION not in scope
                if passing:
                    self._cache.let_go(key)
            if passing:
                await send(message)
            elif message["type"] == "http.response.body":
                contents.append(message.get("body", b""))

        await self._app(scope, receive, take)
        if passing or not start:
            raise _PassedOnError
        edition: Edition = scope[EDITION]
        return Answer(
            status=start["status"],
            headers=[(bytes(name), bytes(value)) for name, value in start["headers"]],
            content=b"".join(contents),
            states=edition.states,
            tag=edition.tag.removeprefix("W/").encode(),
        )


@lru_cache(4_096)
def canonical(query: bytes) -> bytes:
    """The query with its parameters by name, so that their order makes no other answer."""
    if b"%" in query or b"+" in query:
        return query  # a name can be written in several ways, and the same one must stay in order
    parameters = query.split(b"&")
    parameters.sort(key=_name)
    return b"&".join(parameters)


def _name(parameter: bytes) -> bytes:
    return parameter.partition(b"=")[0]


@lru_cache(256)
def _takes_gzip(accept: bytes) -> bool:
    """Whether it is named, and not in order to be refused."""
    for each in accept.lower().split(b","):
        coding, _, quality_of = each.replace(b" ", b"").partition(b";q=")
        if coding == b"gzip":
            return quality_of.strip(b"0.") != b"" or not quality_of
    return False


@lru_cache(256)
def _takes_json(accept: bytes) -> bool:
    if _MEDIA_EVENTS in accept:
        return False  # under `/graphql` that is what is answered then
    try:
        return quality(falcon.MEDIA_JSON, accept.decode("latin-1")) > 0
    except (ValueError, falcon.HTTPError):
        return False  # the app says what is wrong with it
