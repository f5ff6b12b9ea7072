"""How rows are written as values, and values gathered into commands."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from projections.buckets import Bucket
from projections.parking import Parked
from projections.ranking import Standing
from projections.sol_prices import SolPrice
from projections.token_change import TokenChange

T = TypeVar("T")

COMMAND_VALUES_MAX = 1_000
"""A Lua function takes some thousands of arguments, not more."""


class Placed(msgspec.Struct, array_like=True, gc=False):
    """A bucket as a member of its sorted set."""

    start_s: int
    bucket: Bucket


class PricedMinute(msgspec.Struct, array_like=True, gc=False):
    """A price of SOL as a member of its sorted set."""

    start_s: int
    price: SolPrice


priced_minute = msgspec.json.Decoder(PricedMinute).decode
placed = msgspec.json.Decoder(Placed).decode
change = msgspec.json.Decoder(TokenChange).decode
standing = msgspec.json.Decoder(Standing).decode


def encode(value: Placed | PricedMinute | TokenChange | Standing | Parked) -> str:
    """A value as JSON, which has integers of any size and gives floats back as they were."""
    return msgspec.json.encode(value).decode()


def cut(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The values in parts of at most `size`."""
    return (values[start : start + size] for start in range(0, len(values), size))


def flat(pairs: Iterable[tuple[T, T]]) -> Iterator[T]:
    """The pairs one after the other."""
    return (value for pair in pairs for value in pair)
