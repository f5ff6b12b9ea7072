"""What clients ask for over Socket.IO."""

from typing import Annotated, TypeVar, get_args

import msgspec
from msgspec import Meta

from api.parameters import Interval, Mint
from api.search import SearchResult

Asked = TypeVar("Asked")
_MINT = get_args(Mint)[1].description
"""What a mint is, for those who sent none."""


class SubscribeToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To follow a token."""

    mint: Mint
    after: Annotated[int, Meta(ge=0)] | None = None
    """The last sequence that was seen, to go on behind it."""
    history: Annotated[int, Meta(ge=0, le=500)] = 100
    """Trades to list at first."""
    interval: Interval | None = None
    """Of the candles to be told of."""


class SubscribeMarket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To follow all tokens."""

    after: Annotated[int, Meta(ge=0)] | None = None


class UnsubscribeToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To stop following a token."""

    mint: Mint


class SearchTold(SearchResult, frozen=True, kw_only=True, rename="camel"):
    """What was found, as REST shows it, with the text and the page that were asked for."""

    q: str
    page: int


class RefusedError(Exception):
    """The request cannot be answered, for a reason that the client is told."""


def read(kind: type[Asked], given: object, *, single: str = "mint") -> Asked:
    """A request from what the client sent: an object, nothing, or the `single` field alone."""
    if isinstance(given, str):
        given = {single: given}
    try:
        return msgspec.convert({} if given is None else given, kind)
    except msgspec.ValidationError as error:
        raise RefusedError(
            f"{error}; send {'a text' if single == 'q' else 'a mint'}, or an object as "
            "docs/sockets.md shows"
        ) from error
