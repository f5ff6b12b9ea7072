"""Answers that are ready: bytes to be written at once, without a task and messages for them."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, TypeAlias

Ready: TypeAlias = tuple[bytes, bytes]
"""Status line and headers, each line with its end but without the empty one behind them; then the
content. Date and connection are for the server to add."""
AtOnce: TypeAlias = Callable[[Any], Ready | None]
"""Tells for an ASGI scope what is ready; None where the application has to be called."""

_NO_LINE = frozenset(b"\r\n\0")


def head(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Status line and headers; raises `ValueError` for what would be more lines than that."""
    line = b"HTTP/1.1 %d %b\r\n" % (status, HTTPStatus(status).phrase.encode())
    return line + lines(headers)


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers only; raises `ValueError` as `head` does."""
    made = []
    for name, value in headers:
        if not _NO_LINE.isdisjoint(name + value):
            raise ValueError(f"the header {name!r} has more than one line")
        made.append(b"%b: %b\r\n" % (name, value))
    return b"".join(made)
