"""GraphQL over HTTP: a request in, an answer with its log position out."""

from collections.abc import Sequence
from typing import Any

import falcon
import falcon.asgi
import msgspec
from graphql import GraphQLError, OperationType

from api.cache import EDITION
from api.documents import Document
from api.edition import POSITION_HEADER, Edition, has
from api.endpoint import CURRENT
from api.graphql.documents import InvalidError
from api.graphql.errors import BAD_REQUEST, UNAVAILABLE, refused, told
from api.graphql.events import Stream, single
from api.graphql.execution import Answer, invalid
from api.graphql.hub import Hub
from api.graphql.limits import REQUEST_BYTES_MAX
from api.graphql.page import HEADERS, PAGE
from api.graphql.request import Request, read, unreadable
from api.graphql.schema import SDL
from api.graphql.websocket import Session
from api.limits import TAKE, uncounted
from api.problems import RETRY_AFTER_S

PATH = "/graphql"
SDL_PATH = "/graphql/schema.graphql"
MEDIA_EVENTS = "text/event-stream"
MEDIA_GRAPHQL = "application/graphql-response+json"
_PARAMETERS = ("query", "variables", "operationName", "extensions")

_encode = msgspec.json.Encoder().encode


class GraphResource:
    """Answers by POST, GET, server-sent events and WebSocket; and a page for people."""

    def __init__(self, hub: Hub, origins: Sequence[str]) -> None:
        """Browsers may open WebSockets from `origins`; `*` allows all."""
        self._hub = hub
        self._graph = hub.graph
        self._origins = frozenset(origins)

    async def on_websocket(self, req: falcon.asgi.Request, ws: falcon.asgi.WebSocket) -> None:
        """Serve a connection of graphql-transport-ws."""
        origin = req.get_header("Origin")
        if origin is not None and not self._origins.intersection(("*", origin)):
            await ws.close()
            return
        await Session(self._hub, ws, req.scope.get(TAKE, uncounted)).run()

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer the query of the address; without one, the page for people."""
        if not any(name in req.params for name in _PARAMETERS):
            if req.client_accepts(falcon.MEDIA_HTML):
                resp.set_headers(HEADERS)
                resp.content_type = falcon.MEDIA_HTML
                resp.data = PAGE
                return None
            return _refuse(req, resp, unreadable("the address has no query"))
        try:
            request = _of_address(req)
        except GraphQLError as error:
            return _refuse(req, resp, error)
        return await self._answer(req, resp, request)

    async def on_head(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """The same without the body, which the framework leaves out."""
        await self.on_get(req, resp)

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer the query of the content."""
        kind, _, _ = (req.content_type or "").partition(";")
        if kind.strip().lower() != falcon.MEDIA_JSON:
            other = refused(BAD_REQUEST, "The content has to be application/json.")
            return _refuse(req, resp, other, status=falcon.HTTP_415)
        if (req.content_length or 0) <= REQUEST_BYTES_MAX:
            content = await req.stream.read(REQUEST_BYTES_MAX + 1)
        else:
            content = None
        if content is None or len(content) > REQUEST_BYTES_MAX:
            # The connection ends, since what was announced would have to be read otherwise.
            resp.set_header("Connection", "close")
            too_long = refused(BAD_REQUEST, f"A request may have {REQUEST_BYTES_MAX} bytes.")
            return _refuse(req, resp, too_long, status=falcon.HTTP_413)
        try:
            request = read(content)
        except GraphQLError as error:
            return _refuse(req, resp, error)
        return await self._answer(req, resp, request)

    async def _answer(
        self, req: falcon.asgi.Request, resp: falcon.asgi.Response, request: Request
    ) -> None:
        events = MEDIA_EVENTS in (req.get_header("Accept") or "")
        say = _say_as_event if events else _say
        try:
            operation = self._graph.operation(request)
        except InvalidError as error:
            return say(req, resp, invalid(error))
        if operation.kind is OperationType.SUBSCRIPTION:
            if not events:
                other = refused(
                    BAD_REQUEST,
                    "Subscriptions are told by WebSocket, or with Accept: text/event-stream.",
                )
                return _say(req, resp, Answer(errors=[told(other)]))
            resp.content_type = MEDIA_EVENTS
            try:
                if req.method == "HEAD":  # a stream would go on, and nobody read it
                    self._graph.wanted(operation)
                else:
                    resp.sse = Stream(self._hub, operation).events()
            except InvalidError as error:
                return say(req, resp, invalid(error))
            resp.set_header("Cache-Control", "no-store")
            resp.set_header("X-Accel-Buffering", "no")
            return None
        answer, edition = await self._graph.dated(operation)
        if (position := answer.extensions.get("logPosition")) is not None:
            resp.set_header(POSITION_HEADER, str(position))
        say(req, resp, answer)
        if edition is not None and req.method != "POST" and not events:
            _date(req, resp, edition)
        return None


def add_routes(app: "falcon.asgi.App[Any, Any]", hub: Hub, origins: Sequence[str]) -> None:
    """Answer the graph, and its schema as text where it may be asked for."""
    app.add_route(PATH, GraphResource(hub, origins))
    if hub.graph.limits.introspection:
        app.add_route(SDL_PATH, Document(SDL.encode(), "text/plain; charset=utf-8"))


def _of_address(req: falcon.asgi.Request) -> Request:
    given: dict[str, str] = {}
    for name in _PARAMETERS:
        value = req.params.get(name)
        if isinstance(value, Sequence) and not isinstance(value, str):
            raise unreadable(f"{name} was given more than once")
        if value is not None:
            given[name] = value
    parts: dict[str, object] = {
        name: given.get(name) for name in ("query", "operationName") if name in given
    }
    try:
        for name in ("variables", "extensions"):
            if name in given:
                parts[name] = msgspec.json.decode(given[name])
        return msgspec.convert(parts, Request)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise unreadable(str(error)) from error


def _say(req: falcon.asgi.Request, resp: falcon.asgi.Response, answer: Answer) -> None:
    """The status tells of errors only to those who ask by the newer media type."""
    newer = MEDIA_GRAPHQL in (req.get_header("Accept") or "")
    resp.content_type = MEDIA_GRAPHQL if newer else falcon.MEDIA_JSON
    resp.set_header("Cache-Control", "no-store")
    if newer and answer.data is msgspec.UNSET:
        unavailable = any(it["extensions"]["code"] == UNAVAILABLE for it in answer.errors)
        resp.status = falcon.HTTP_503 if unavailable else falcon.HTTP_400
        if unavailable:
            resp.set_header("Retry-After", str(RETRY_AFTER_S))
    resp.data = _encode(answer)


def _date(req: falcon.asgi.Request, resp: falcon.asgi.Response, edition: Edition) -> None:
    """Let it be kept as REST's answers are: it depends on its address, and on the media type."""
    req.scope[EDITION] = edition
    resp.set_header("ETag", edition.tag)
    resp.set_header("Cache-Control", CURRENT)
    resp.append_header("Vary", "Accept")
    if has(req, edition.tag):
        resp.status = falcon.HTTP_304
        resp.data = None


def _say_as_event(_req: falcon.asgi.Request, resp: falcon.asgi.Response, answer: Answer) -> None:
    """Errors, too: who reads events sees nothing of an answer that is something else."""
    resp.set_header("Cache-Control", "no-store")
    resp.sse = single(answer)


def _refuse(
    req: falcon.asgi.Request,
    resp: falcon.asgi.Response,
    error: GraphQLError,
    *,
    status: str = falcon.HTTP_400,
) -> None:
    """For what is no request of GraphQL."""
    _say(req, resp, Answer(errors=[told(error)]))
    resp.status = status
