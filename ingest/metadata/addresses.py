"""Where the document that a token's uri names can be asked for."""

import re
from collections.abc import Sequence

from domain.document import Unfetched

URI_CHARS_MAX = 2_048

_IPFS = re.compile(r"ipfs://(?:ipfs/)?(?P<path>.*)", re.IGNORECASE | re.DOTALL)
_GATEWAY = re.compile(r"https?://[^/?#]+/ipfs/(?P<path>.*)", re.IGNORECASE | re.DOTALL)
_CONTENT = re.compile(r"(?P<cid>[A-Za-z0-9]{32,128})(?P<rest>[/?#].*)?", re.DOTALL)
_WEB = re.compile(r"https?://[^/?#]", re.IGNORECASE)


def addresses(uri: str, gateways: Sequence[str]) -> Sequence[str] | Unfetched:
    """The addresses to ask, in this order; what can never be asked for is `Unfetched`.

    What is named by its content is the same wherever it is, so it is asked for at the `gateways`
    alone, each with a slash at its end, whichever gateway the uri names.
    """
    uri = uri.strip()
    if not uri or len(uri) > URI_CHARS_MAX or not uri.isprintable():
        return _never("it was empty, too long or not printable")
    named = _IPFS.fullmatch(uri) or _GATEWAY.fullmatch(uri)
    content = None if named is None else _CONTENT.fullmatch(named["path"])
    if content is not None:
        return [gateway + content["cid"] + (content["rest"] or "") for gateway in gateways]
    if _WEB.match(uri):
        return [uri]
    return _never("it was neither an http or https address nor one of IPFS")


def _never(detail: str) -> Unfetched:
    return Unfetched(failure="address", detail=detail, passing=False)
