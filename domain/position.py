"""Where on the chain something happened, and the one order that follows from it."""

import msgspec

_TX_BITS, _OUTER_BITS, _INNER_BITS = 17, 7, 7
_SLOT_BITS = 63 - _TX_BITS - _OUTER_BITS - _INNER_BITS

FIRST_LOGGED_INNER = 64
"""Inner index of the first event that only a log line shows; a transaction runs at most 64
instructions in all, so no inner instruction can have this index."""

INSTRUCTION_BITS = _OUTER_BITS + _INNER_BITS
"""An order key without so many of its last bits names the transaction."""

LAST_INNER = (1 << _INNER_BITS) - 1
"""The highest inner index that a position can hold."""
LAST_OUTER = (1 << _OUTER_BITS) - 1
"""The highest outer index that a position can hold."""
LAST_TX = (1 << _TX_BITS) - 1
"""The highest transaction index that a position can hold."""
LAST_SLOT = (1 << _SLOT_BITS) - 1
"""The highest slot that a position can hold."""


class PositionOutOfRangeError(ValueError):
    """A part of a position is larger than the chain's own limits allow."""

    def __init__(self, position: "Position") -> None:
        super().__init__(f"{position} does not fit 32 slot, 17 transaction and 7 + 7 index bits")
        self.position = position


class Position(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """A place in the chain's own order; as JSON `[slot, tx, outer, inner]`.

    `tx` is the transaction's index in its block, `outer` the index of the top-level instruction
    and `inner` the index among the inner instructions below it, all counted from 0 as JSON-RPC
    does. An event that only a log line shows has `inner` from `FIRST_LOGGED_INNER` on.
    """

    slot: int
    tx: int
    outer: int
    inner: int

    @property
    def order_key(self) -> int:
        """The position as one signed 64-bit integer that sorts as the chain does."""
        if not (
            0 <= self.slot < 1 << _SLOT_BITS
            and 0 <= self.tx < 1 << _TX_BITS
            and 0 <= self.outer < 1 << _OUTER_BITS
            and 0 <= self.inner < 1 << _INNER_BITS
        ):
            raise PositionOutOfRangeError(self)
        return (
            ((self.slot << _TX_BITS | self.tx) << _OUTER_BITS | self.outer) << _INNER_BITS
        ) | self.inner

    @classmethod
    def from_order_key(cls, key: int) -> "Position":
        """The position that `order_key` came from."""
        inner = key & ((1 << _INNER_BITS) - 1)
        key >>= _INNER_BITS
        outer = key & ((1 << _OUTER_BITS) - 1)
        key >>= _OUTER_BITS
        return cls(key >> _TX_BITS, key & ((1 << _TX_BITS) - 1), outer, inner)
