"""What holds for every request and answer: limits, and headers that keep browsers safe."""

from collections.abc import Collection, Sequence

import falcon
import falcon.asgi

from api.problems import ADDRESS_TOO_LONG, CONTENT_REFUSED, ProblemError

ADDRESS_BYTES_MAX = 4_096

_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """Middleware around every resource; `vary_by_origin` where not all origins are allowed."""

    def __init__(
        self, *, vary_by_origin: bool, exposed: Sequence[str], takes_content: Collection[str] = ()
    ) -> None:
        """`exposed` are headers that pages may read.

        `takes_content` are the paths whose resources read content, and limit it themselves.
        """
        self._vary_by_origin = vary_by_origin
        self._headers = dict(_SECURITY)
        if not vary_by_origin:
            # Also to who is no page: what a CDN keeps of that answer is given to pages, too.
            self._headers["Access-Control-Allow-Origin"] = "*"
            self._headers["Access-Control-Expose-Headers"] = ", ".join(exposed)
        self._takes_content = frozenset(takes_content)

    async def process_request(self, req: falcon.asgi.Request, _resp: falcon.asgi.Response) -> None:
        """Refuse what no resource takes."""
        scope = req.scope
        address_bytes = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
        if address_bytes > ADDRESS_BYTES_MAX:
            raise ProblemError(
                ADDRESS_TOO_LONG,
                f"path and query had {address_bytes} bytes, at most {ADDRESS_BYTES_MAX} are read",
            )
        if req.path in self._takes_content:
            return
        if req.content_length or req.get_header("Transfer-Encoding") is not None:
            # The connection ends, since what was announced would have to be read otherwise.
            raise ProblemError(
                CONTENT_REFUSED,
                "no resource here takes content; parameters go into the address",
                headers={"Connection": "close"},
            )

    async def process_response(
        self,
        _req: falcon.asgi.Request,
        resp: falcon.asgi.Response,
        _resource: object,
        _succeeded: bool,  # the framework's signature
    ) -> None:
        """Add the headers that the resource did not choose itself."""
        for name, value in self._headers.items():
            if resp.get_header(name) is None:
                resp.set_header(name, value)
        if self._vary_by_origin:
            resp.append_header("Vary", "Origin")
