"""The cursor of a list of tokens: where a page ended, as an opaque text.

It holds the last row's sort value and mint instead of a count, so what moves meanwhile neither
repeats nor pushes out a row that stays where it is.
"""

import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from api.parameters import TIME_S_MAX, Address

After: TypeAlias = tuple[float | int, str]

_TEXT = re.compile(
    r"(?P<sort>[a-z_]+) (?:(?P<integer>-?[0-9]{1,80})|(?P<real>-?[0-9.e+-]{1,30}))"
    r" (?P<mint>[1-9A-HJ-NP-Za-km-z]{1,44})",
    re.ASCII,
)


class CursorError(ValueError):
    """The text is no cursor of this list."""


def cursor_at(order: str, value: float, mint: str) -> str:
    """The cursor behind the row with this value in a list of this order."""
    text = f"{order} {value!r} {mint}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def after(text: str, sort: str) -> After:
    """Where the cursor points in a list of this order, or `CursorError`."""
    try:
        decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (Base64Error, UnicodeDecodeError) as error:
        raise CursorError("it is not the `next` of an answer") from error
    found = _TEXT.fullmatch(decoded)
    if found is None:
        raise CursorError("it is not the `next` of an answer")
    if found["sort"] != sort:
        raise CursorError(f"it belongs to a list with another sort, {found['sort']}")
    value = int(found["integer"]) if found["integer"] is not None else _real(found["real"])
    return value, found["mint"]


def _real(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise CursorError("it is not the `next` of an answer") from error
    if not math.isfinite(value):
        raise CursorError("it is not the `next` of an answer")
    return value


class ListCursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a page of the token list ended, and the moment that the whole list is of."""

    sort: str
    value: Annotated[float, Meta(ge=-1, le=1e300)] | Annotated[int, Meta(ge=-1, le=(1 << 63) - 1)]
    mint: Address
    pos: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
    now_s: Annotated[int, Meta(ge=0, le=TIME_S_MAX)] | None
    """The chain's clock of that moment, which ages are told by."""
    sol_usd: Annotated[float, Meta(ge=1e-12, le=1e12)] | None
    """What a SOL was worth, where amounts are ranked; what is ranked is divided by it."""

    def encoded(self) -> str:
        """As an opaque text."""
        return urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def list_cursor(text: str, sort: str) -> ListCursor:
    """The cursor that such a text is, of a list of this order, or `CursorError`."""
    try:
        found = msgspec.json.decode(
            urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=ListCursor
        )
    except (Base64Error, msgspec.DecodeError) as error:
        raise CursorError("it is not the `next` of an answer") from error
    if found.sort != sort:
        raise CursorError(f"it belongs to a list with another sort, {found.sort}")
    return found
