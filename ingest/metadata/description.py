"""What a metadata document says of its token, without what no reader could bear."""

import hashlib
import unicodedata

import msgspec

from domain.document import Unfetched

DESCRIPTION_CHARS_MAX = 4_000
"""Beyond it a description is cut."""
LINK_CHARS_MAX = 1_000
"""A longer link is left out: cut, it would lead elsewhere."""
DETAIL_CHARS_MAX = 200

_LINE_ENDS = str.maketrans({"\r": "\n", "\u2028": "\n", "\u2029": "\n", "\t": " "})
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""Marks that turn the direction of the text around them, also that of a page which shows it."""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; None is what the document does not have, or not as text."""

    description: str | None = None
    image: str | None = None
    twitter: str | None = None
    telegram: str | None = None
    website: str | None = None
    document_bytes: int
    document_sha256: str


def described(body: bytes) -> Description | Unfetched:
    """Read a document, which has to be a JSON object; anything may be in it."""
    try:
        document = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _not_json(f"it was no JSON: {error}")
    if not isinstance(document, dict):
        return _not_json(f"it was JSON, but {type(document).__name__} and no object")
    return Description(
        description=_text(document.get("description")),
        image=_link(document.get("image")),
        twitter=_link(document.get("twitter")),
        telegram=_link(document.get("telegram")),
        website=_link(document.get("website")),
        document_bytes=len(body),
        document_sha256=hashlib.sha256(body).hexdigest(),
    )


def sentence(text: str) -> str:
    """A text on one line that is short enough for `detail`."""
    return cleaned(text).replace("\n", " ")[:DETAIL_CHARS_MAX]


def cleaned(text: str) -> str:
    """The text without control characters but line ends, and without blanks around it."""
    text = text.replace("\r\n", "\n").translate(_LINE_ENDS)
    kept = (char for char in text if char == "\n" or not _is_control(char))
    return "".join(kept).strip()


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs"} or char in _BIDI


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return cleaned(value)[:DESCRIPTION_CHARS_MAX].rstrip() or None


def _link(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    link = cleaned(value).replace("\n", "")
    return link if 0 < len(link) <= LINK_CHARS_MAX else None


def _not_json(detail: str) -> Unfetched:
    return Unfetched(failure="not_json", detail=detail, passing=False)
