"""What never changes while the process runs: the OpenAPI document, and a page about it all."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape

import falcon
import falcon.asgi

from api.edition import has
from api.operation import Operation
from api.problems import KINDS

CACHE = "max-age=300"

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"
    "code{background:#8882;padding:.1em .3em}dd{margin:0 0 .8em}"
)
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
INDEX_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}


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


def index(operations: Sequence[Operation]) -> bytes:
    """A page for people who open the API's address in a browser."""
    routes = "".join(
        f"<dt>{_link(operation)}</dt><dd>{escape(operation.summary)}</dd>"
        for operation in operations
    )
    problems = "".join(
        f'<dt id="{kind.name}"><code>{kind.type}</code> · {kind.status} · {escape(kind.title)}</dt>'
        f"<dd>{_prose(kind.meaning)}</dd>"
        for kind in KINDS
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Curvetape</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body><h1>Curvetape</h1>"
        "<p>Analytics for pump.fun tokens whose every number can be proven. "
        'See <a href="/status">the pipeline at work</a>.</p>'
        f'<h2>What is here</h2><dl>{routes}<dt><a href="/openapi.json">/openapi.json</a></dt>'
        "<dd>All of it as OpenAPI 3.1, to generate clients from</dd></dl>"
        "<h2>Problems</h2><p>The <code>type</code> of a problem leads here.</p>"
        f"<dl>{problems}</dl></body></html>"
    ).encode()


def _prose(text: str) -> str:
    return re.sub("`(.+?)`", r"<code>\1</code>", escape(text))


def _link(operation: Operation) -> str:
    path = escape(operation.path)
    return f"<code>{path}</code>" if operation.in_path else f'<a href="{path}">{path}</a>'
