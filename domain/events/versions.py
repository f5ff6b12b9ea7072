"""Older versions of events, which stay typed and are turned into newer ones when they are read.

The log is never rewritten: an event of an old version stands in it for ever, byte for byte. Whoever
reads it wants to know the newest version only. So an old version keeps its Struct, no writer uses
it any more, and an upcast says what the next version makes of it.
"""

from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from domain.events.base import Event

E = TypeVar("E", bound=Event)

Upcast: TypeAlias = Callable[[Any], Event]
"""Makes of an event of one version the event of the next one; the place and the id stay."""


class Versions(Generic[E]):
    """Reads events of every version and hands out the newest.

    `newest` is the union of the kinds that are written; `upcasts` has, for each older Struct, what
    turns one of its kind into the next version, which may be an older one itself.
    """

    def __init__(self, newest: Any, upcasts: Mapping[type[Event], Upcast]) -> None:
        self._upcasts = dict(upcasts)
        self._read = msgspec.json.Decoder(reduce(or_, self._upcasts, newest)).decode
        self.decode: Callable[[bytes], E] = self._newest if self._upcasts else self._read
        """The event in its newest version; `msgspec.ValidationError` says what does not fit."""

    def _newest(self, payload: bytes) -> E:
        event = self._read(payload)
        while (upcast := self._upcasts.get(type(event))) is not None:
            newer = upcast(event)
            assert (newer.id, newer.pos) == (event.id, event.pos), "it is still the same fact"
            assert type(newer) is not type(event), "an upcast leads to another version"
            event = newer
        newest: E = event
        return newest
