"""What clients ask for over Socket.IO."""

from functools import cache
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from api.parameters import Interval, Mint, descriptions, misfit, sentence
from api.search import SearchResult

Asked = TypeVar("Asked", bound=msgspec.Struct)
_descriptions = cache(descriptions)


_AFTER = Meta(description="The last sequence that was seen, to go on behind it; 0 or more.")


class SubscribeToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To follow a token."""

    mint: Mint
    after: Annotated[Annotated[int, Meta(ge=0)] | None, _AFTER] = None
    history: Annotated[
        int, Meta(ge=0, le=500, description="Trades to list at first; 0 to 500.")
    ] = 100
    interval: Annotated[Interval | None, Meta(description="Of the candles to be told of.")] = None


class SubscribeMarket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To follow all tokens."""

    after: Annotated[Annotated[int, Meta(ge=0)] | None, _AFTER] = None


class UnsubscribeToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To stop following a token."""

    mint: Mint


class SearchTold(SearchResult, frozen=True, kw_only=True, rename="camel"):
    """What was found, as REST shows it, with the text and the page that were asked for."""

    q: str
    page: int


class RefusedError(Exception):
    """The request cannot be answered, for a reason that the client is told."""


def read(kind: type[Asked], given: object, *, single: str | None = None) -> Asked:
    """A request from what the client sent: an object, nothing, or the `single` field alone."""
    if isinstance(given, str) and single is not None:
        given = {single: given}
    asked = {} if given is None else given
    known = _descriptions(kind)
    fields = ", ".join(known)
    if not isinstance(asked, dict):
        alone = f"the {single} alone" if single is not None else "nothing"
        raise RefusedError(f"{_of(given)} was sent; send {alone}, or an object with {fields}")
    for name in asked:
        if name not in known:
            raise RefusedError(f"there is no {str(name)[:60]!r} in it; known: {fields}")
    try:
        return msgspec.convert(asked, kind)
    except msgspec.ValidationError as error:
        name, reason = misfit(error)
        if name not in asked:
            missing = next(it for it in known if it not in asked)
            raise RefusedError(f"{missing} is missing. {known[missing]}") from error
        raise RefusedError(sentence(name, asked[name], reason, known[name])) from error


def _of(given: object) -> str:
    kinds = {list: "a list", bytes: "something binary", bool: "true or false"}
    return kinds.get(type(given), "a text" if isinstance(given, str) else "a number")
