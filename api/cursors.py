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
    r" (?P<mint>[1-9A-HJ-NP-Za-km-z]{1,44})(?: (?P<usd>[0-9.e+-]{1,30}))?",
    re.ASCII,
)


class CursorError(ValueError):
    """The text is no cursor of this list."""


def cursor(sort: TokenSort, row: TokenRow, *, sol_usd: float | None = None) -> str:
    """The cursor behind this row, of a list that is ranked with that price of a SOL."""
    return cursor_at(sort, sort_value(row, sort, sol_usd=sol_usd), row.mint, sol_usd=sol_usd)


def cursor_at(order: str, value: float, mint: str, *, sol_usd: float | None = None) -> str:
    """The cursor behind the row with this value in a list of this order."""
    text = f"{order} {value!r} {mint}" + ("" if sol_usd is None else f" {sol_usd!r}")
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def after(text: str, sort: str) -> After:
    """Where the cursor points in a list of this order, or `CursorError`."""
    return priced_after(text, sort)[0]


def priced_after(text: str, sort: str) -> tuple[After, float | None]:
    """The same, with the price of a SOL that the list is ranked with, if it is with any."""
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
    usd = None if found["usd"] is None else _real(found["usd"])
    if usd is not None and usd <= 0:
        raise CursorError("it is not the `next` of an answer")
    return (value, found["mint"]), usd


def _real(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise CursorError("it is not the `next` of an answer") from error
    if not math.isfinite(value):
        raise CursorError("it is not the `next` of an answer")
    return value
