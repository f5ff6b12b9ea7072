"""The one place where a resource meets HTTP: parameters in, dated and tagged JSON out."""

from typing import Any
from urllib.parse import urlencode

import falcon
import falcon.asgi
import msgspec

from api.cache import EDITION
from api.edition import POSITION_HEADER, Editions, has
from api.operation import AnyResource
from api.parameters import Reader
from api.problems import NOT_ACCEPTABLE, ProblemError

REVALIDATE = "no-cache"
"""Keep it, but ask whether it still holds: an answer of 304 costs next to nothing."""

_encoder = msgspec.json.Encoder()


class Endpoint:
    """Serves one resource to GET and HEAD."""

    def __init__(self, resource: AnyResource, editions: Editions) -> None:
        self._resource = resource
        self._operation = resource.operation
        self._editions = editions
        self._reader: Reader[Any] = Reader(self._operation, self._operation.parameters)

    async def on_get(
        self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **path: str
    ) -> None:
        """Answer, or raise `ProblemError` or `ReadsUnavailableError`."""
        if not req.client_accepts(falcon.MEDIA_JSON):
            raise ProblemError(
                NOT_ACCEPTABLE, "Accept has to allow application/json, or be left out"
            )
        asked = self._reader.read(path, req.params)
        tag = None
        if self._operation.read_models:
            current = await self._editions.current(self._operation.read_models)
            resp.set_header(POSITION_HEADER, str(current.position))
            tag = current.tag
            req.scope[EDITION] = current
        if tag is None or not has(req, tag):
            answer = await self._resource.answer(asked)
            resp.data = _encoder.encode(answer)
            resp.content_type = falcon.MEDIA_JSON
            self._link(req, resp, answer)
        else:
            resp.status = falcon.HTTP_304
        resp.set_header("Cache-Control", "no-store" if tag is None else REVALIDATE)
        if tag is not None:
            resp.set_header("ETag", tag)

    async def on_head(
        self, req: falcon.asgi.Request, resp: falcon.asgi.Response, **path: str
    ) -> None:
        """The same without the body, which the framework leaves out."""
        await self.on_get(req, resp, **path)

    def _link(
        self, req: falcon.asgi.Request, resp: falcon.asgi.Response, answer: msgspec.Struct
    ) -> None:
        parameter = self._operation.next_parameter
        following: str | None = getattr(answer, "next", None)
        if parameter is None or following is None:
            return
        query: dict[str, object] = {**req.params}
        query[parameter] = following
        resp.append_link(f"{req.path}?{urlencode(query)}", "next")
