"""The page and what it loads, all of it from here: nothing comes from anybody else's server."""

from collections.abc import Mapping
from pathlib import Path

from api.documents import Document

PATH = "/status"
_FILES: Mapping[str, tuple[str, str]] = {
    PATH: ("page.html", "text/html; charset=utf-8"),
    f"{PATH}/page.css": ("page.css", "text/css; charset=utf-8"),
    f"{PATH}/page.js": ("page.js", "text/javascript; charset=utf-8"),
    f"{PATH}/socket.io.min.js": ("socket.io.min.js", "text/javascript; charset=utf-8"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def documents() -> Mapping[str, Document]:
    """What is served, by its path."""
    folder = Path(__file__).parent
    return {
        path: Document((folder / name).read_bytes(), media, _HEADERS)
        for path, (name, media) in _FILES.items()
    }
