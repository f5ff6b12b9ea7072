"""The cursor of a list of tokens: where a page ended, as an opaque text.

It holds the last row's sort value and mint instead of a count, so what moves meanwhile neither
repeats nor pushes out a row that stays where it is.
"""

import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import TypeAlias

from projections.reads import TokenRow, TokenSort, sort_value

After: TypeAlias = tuple[float | int, str]

_TEXT = re.compile(
    r"(?P<sort>[a-z_]+) (?:(?P<integer>-?[0-9]{1,80})|(?P<real>-?[0-9.e+-]{1,30}))"
    r" (?P<mint>[1-9A-HJ-NP-Za-km-z]{1,44})",
    re.ASCII,
)


class CursorError(ValueError):
    """The text is no cursor of this list."""


def cursor(sort: TokenSort, row: TokenRow) -> str:
    """The cursor behind this row."""
    return cursor_at(sort, sort_value(row, sort), row.mint)


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
    return _number(found), found["mint"]


def _number(found: re.Match[str]) -> float | int:
    if found["integer"] is not None:
        return int(found["integer"])
    try:
        value = float(found["real"])
    except ValueError as error:
        raise CursorError("it is not the `next` of an answer") from error
    if not math.isfinite(value):
        raise CursorError("it is not the `next` of an answer")
    return value
