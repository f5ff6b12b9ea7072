"""What the decoder finds in a transaction: events as the programs wrote them."""

from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from ingest.layouts.layout import Layout, Version

Source: TypeAlias = Literal["cpi", "log", "account"]
"""Where something was found: in an instruction that its program called on itself, in a log line,
which says the same, or in an account."""

Reason: TypeAlias = Literal[
    "unknown_event",
    "unreadable_event",
    "unreadable_log",
    "not_recorded",
    "place_out_of_range",
    "mints_unknown",
    "unreadable_transaction",
    "unreadable_account",
]
"""Why something of ours could not be used."""


class Place(NamedTuple):
    """Where in a transaction an event stands, with the meanings of `domain.position`."""

    outer: int
    inner: int
    stack_height: int
    """Of the instruction that carries the event; 0 where it is not known."""
    source: Source


class WireEvent(msgspec.Struct, frozen=True, gc=False):
    """An event with the values of its layout's version; `data[start:]` is the event itself."""

    layout: Layout
    version: Version
    values: list[Any]
    """The fields' values in the layout's order; keys as 32 bytes."""
    data: bytes
    start: int
    """Where the event's discriminator stands in `data`."""
    end: int
    """Where the bytes begin that no known version accounts for."""
    place: Place

    @property
    def tail(self) -> bytes:
        """The bytes behind the longest version that fits."""
        return self.data[self.end :]

    @property
    def padded(self) -> list[Any]:
        """The values, with None for the fields of later versions."""
        return self.values + self.layout.padding[len(self.values)]

    @property
    def time_s(self) -> int | None:
        """The block time that the event itself says, None if its layout has none."""
        index = self.layout.time_index
        return None if index is None or index >= len(self.values) else self.values[index]

    def plain(self) -> dict[str, Any]:
        """The fields by name as JSON can show them."""
        return self.layout.plain(self.values)


class Undecoded(msgspec.Struct, frozen=True, gc=False):
    """Something of our programs that could not be used, with what is needed to try again."""

    program: str
    reason: Reason
    detail: str
    data: bytes
    """The event from its discriminator on, or the text of the log line."""
    place: Place


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """All that a transaction holds of our programs, in the order of its instructions."""

    events: list[WireEvent]
    undecoded: list[Undecoded]
