"""Arguments of fields, held to the limits that REST has for them."""

import re
from typing import Any, TypeVar

import msgspec

from api.cursors import After, CursorError, after
from api.problems import PARAMETER_INVALID, ProblemError

P = TypeVar("P", bound=msgspec.Struct)

POS_CURSOR = re.compile(r"[0-9]{1,19}")
_ADDRESS = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_GOT = re.compile(r", got `\w+`")
SHOWN_MAX = 60


def address(name: str, value: str) -> str:
    """A public key in base58."""
    if not _ADDRESS.fullmatch(value):
        raise refused(
            name,
            f"{name} was {value[:SHOWN_MAX]!r}; it has to be a public key in base58: 32 to 44 "
            "characters, without 0, O, I and l",
        )
    return value


def printable(name: str, value: str) -> None:
    """Refuse what cannot be asked of a store."""
    if not value.isprintable():
        raise refused(name, f"{name} has characters that cannot be printed")


def page(name: str, value: int, most: int) -> int:
    """How many to list."""
    if not 1 <= value <= most:
        raise refused(name, f"{name} was {value}; it has to be 1 to {most}")
    return value


def before(text: str | None) -> int | None:
    """The position that the cursor of a list by position holds."""
    if text is None:
        return None
    if not POS_CURSOR.fullmatch(text):
        raise refused("after", f"after was {text[:SHOWN_MAX]!r}; it is no cursor of this list")
    return int(text)


def behind(text: str | None, order: str) -> After | None:
    """Where the cursor of a list by value points."""
    if text is None:
        return None
    try:
        return after(text, order)
    except CursorError as error:
        raise no_cursor(text, str(error)) from error


def no_cursor(text: str, reason: str) -> ProblemError:
    """REST's reason why a text is no cursor of a list, in the words of a connection."""
    told = reason.replace("the `next` of an answer", "a `cursor` or the `endCursor` of this list")
    return refused("after", f"after was {text[:SHOWN_MAX]!r}: {told}")


def checked(kind: type[P], **values: Any) -> P:
    """REST's parameters from arguments; those that were not given are left out."""
    given = {name: value for name, value in values.items() if value is not None}
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        reason, _, at = str(error).partition(" - at `$.")
        name = at.removesuffix("`")
        raise refused(
            name, f"{name} was {str(given.get(name))[:SHOWN_MAX]!r}: {_GOT.sub('', reason)}"
        ) from error


def refused(name: str, detail: str) -> ProblemError:
    """The problem that an argument has a value that it cannot have."""
    return ProblemError(PARAMETER_INVALID, detail, parameter=name)
