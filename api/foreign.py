"""Routes in the shapes of somebody else's API: lenient where that is, dated and tagged as ours are.

Unknown parameters of a query are passed over, since the originals do so and clients send them.
Answers of 200 and errors are whatever the original would answer; only what concerns this server
itself, such as read models that are away, is told as a problem.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import falcon
import falcon.asgi
import msgspec

from api.cache import EDITION
from api.documents import Document
from api.edition import VERSION, Editions, date, has
from api.endpoint import CURRENT

Json: TypeAlias = dict[str, Any]
Asked: TypeAlias = Mapping[str, str]
"""The parameters of path and query; of one that is given twice, the last."""

_encoder = msgspec.json.Encoder()
_SCHEMAS = "#/components/schemas/{name}"


class Parameter(msgspec.Struct, frozen=True):
    """A parameter that a route reads; those that its path names are required."""

    name: str
    description: str
    example: str | None = None


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A GET of another API."""

    name: str
    """Its name in generated clients."""
    path: str
    summary: str
    parameters: Sequence[Parameter]
    answer: Any
    """The type of what it answers with 200."""
    read_models: tuple[str, ...]
    """Whose positions date the answer; without any it is not dated and never cached."""
    make: Callable[[Asked], Awaitable[Any]]
    error: Any = None
    """The type of what it answers with 400 or 404, or with 200 as well, where it does."""
    error_is_ok: bool = False
    """Whether errors have the status 200, too."""
    media: str = falcon.MEDIA_JSON


class ForeignError(Exception):
    """The original would answer with this status and content."""

    def __init__(self, status: int, content: Any) -> None:
        super().__init__(f"answered with {status}")
        self.status = status
        self.content = content


class _Endpoint:
    """Serves one route to GET and HEAD."""

    def __init__(self, route: Route, editions: Editions) -> None:
        self._route = route
        self._editions = editions

    async def on_get(
        self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **path: str
    ) -> None:
        """Answer, or raise `ReadsUnavailableError`."""
        tag = None
        if self._route.read_models:
            current = await self._editions.current(self._route.read_models)
            date(resp, current)
            tag = current.tag
            req.scope[EDITION] = current
        resp.set_header("Cache-Control", "no-store" if tag is None else CURRENT)
        if tag is not None:
            resp.set_header("ETag", tag)
            if has(req, tag):
                resp.status = falcon.HTTP_304
                return
        query = {
            name: value[-1] if isinstance(value, list) else value
            for name, value in req.params.items()
        }
        resp.content_type = self._route.media
        try:
            resp.data = _encoder.encode(await self._route.make({**query, **path}))
        except ForeignError as error:
            resp.status = falcon.code_to_http_status(error.status)
            resp.data = _encoder.encode(error.content)

    async def on_head(
        self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **path: str
    ) -> None:
        """The same without the body, which the framework leaves out."""
        await self.on_get(req, resp, **path)


def add_routes(
    app: "falcon.asgi.App[Any, Any]",
    routes: Sequence[Route],
    editions: Editions,
    *,
    title: str,
    described_at: str,
) -> None:
    """Serve these routes, and their OpenAPI document at `described_at`."""
    for route in routes:
        app.add_route(route.path, _Endpoint(route, editions))
    content = msgspec.json.encode(document(routes, title=title))
    app.add_route(described_at, Document(content, falcon.MEDIA_JSON))


def document(routes: Sequence[Route], *, title: str) -> Json:
    """The OpenAPI 3.1 document of these routes."""
    kinds = [route.answer for route in routes]
    kinds += [route.error for route in routes if route.error is not None]
    references, schemas = msgspec.json.schema_components(kinds, ref_template=_SCHEMAS)
    errors = iter(references[len(routes) :])
    paths = {}
    for route, referred in zip(routes, references, strict=False):
        answer: Json = referred
        error = None if route.error is None else next(errors)
        if error is not None and route.error_is_ok:
            answer, error = {"oneOf": [answer, error]}, None
        responses = {"200": _content("The answer", answer, route.media)}
        if error is not None:
            responses["4XX"] = _content("What cannot be answered", error, route.media)
        paths[route.path] = {
            "get": {
                "operationId": route.name,
                "summary": route.summary,
                "parameters": [_parameter(each, route.path) for each in route.parameters],
                "responses": responses,
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": VERSION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _parameter(parameter: Parameter, path: str) -> Json:
    in_path = f"{{{parameter.name}}}" in path
    told = {
        "name": parameter.name,
        "in": "path" if in_path else "query",
        "required": in_path,
        "description": parameter.description,
        "schema": {"type": "string"},
    }
    return told if parameter.example is None else told | {"example": parameter.example}


def _content(description: str, schema: Json, media: str) -> Json:
    return {"description": description, "content": {media: {"schema": schema}}}


def listed(text: str) -> list[str]:
    """Addresses between commas, each once, in the order given."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def plain(value: float) -> str:
    """A number as decimal text, with all its digits and without an exponent."""
    text = f"{Decimal(repr(value)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
