"""The one place where a resource meets HTTP: parameters in, dated and tagged JSON out."""

from typing import Any
from urllib.parse import urlencode

import falcon
import falcon.asgi
import msgspec

from api.cache import EDITION
from api.edition import Edition, Editions, date, has
from api.operation import AnyResource
from api.parameters import Reader
from api.problems import NOT_ACCEPTABLE, ProblemError
from api.waiting import PARAMETER, passed, position_of

CURRENT = "public, max-age=1, stale-while-revalidate=5"
"""Whoever keeps it spares a crowd's requests; nobody is told what is older than a slot or two."""
FINAL = "public, max-age=3600, stale-while-revalidate=86400"
"""What only a correction could change."""

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
        tag, keep = None, CURRENT
        if self._operation.read_models:
            current = await self._current(req)
            date(resp, current)
            tag = current.tag
            req.scope[EDITION] = current
        if tag is None or not has(req, tag):
            answer = await self._resource.answer(asked)
            resp.data = _encoder.encode(answer)
            resp.content_type = falcon.MEDIA_JSON
            self._link(req, resp, answer)
            keep = FINAL if getattr(answer, "final", False) else CURRENT
        else:
            resp.status = falcon.HTTP_304
        resp.set_header("Cache-Control", "no-store" if tag is None else keep)
        if tag is not None:
            resp.set_header("ETag", tag)

    async def _current(self, req: falcon.asgi.Request) -> Edition:
        """The state that the answer is from; waits for it if the request says so."""
        read_models = self._operation.read_models
        if (text := req.params.get(PARAMETER)) is None:
            return await self._editions.current(read_models)
        return await passed(self._editions, read_models, position_of(text))

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
