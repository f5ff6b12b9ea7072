"""What never changes while the process runs: the OpenAPI document, and pages."""

import hashlib
from collections.abc import Mapping

import falcon
import falcon.asgi

from api.edition import has

CACHE = "max-age=300"


class Document:
    """Serves the same bytes to every GET and HEAD."""

    def __init__(
        self, content: bytes, content_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self._content = content
        self._content_type = content_type
        self._tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        self._headers = {"ETag": self._tag, "Cache-Control": CACHE, **(headers or {})}

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """The document, or 304 to those who have it."""
        resp.set_headers(self._headers)
        if has(req, self._tag):
            resp.status = falcon.HTTP_304
            return
        resp.data = self._content
        resp.content_type = self._content_type

    async def on_head(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """The same without the body, which the framework leaves out."""
        await self.on_get(req, resp)
