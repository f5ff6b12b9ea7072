"""Where on the chain something happened, and the one order that follows from it."""

import msgspec

_TX_BITS, _OUTER_BITS, _INNER_BITS = 17, 7, 7
_TX_AT = _OUTER_BITS + _INNER_BITS
_SLOT_AT = _TX_BITS + _TX_AT
_SLOT_BITS = 63 - _SLOT_AT

FIRST_LOGGED_INNER = 64
"""Inner index of the first event that only a log line shows; a transaction runs at most 64
instructions in all, so no inner instruction can have this index."""

INSTRUCTION_BITS = _TX_AT
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
        slot, tx, outer, inner = self.slot, self.tx, self.outer, self.inner
        # What fits comes down to 0, what is below 0 to -1. This runs several times for each event.
        if slot >> _SLOT_BITS or tx >> _TX_BITS or outer >> _OUTER_BITS or inner >> _INNER_BITS:
            raise PositionOutOfRangeError(self)
        return slot << _SLOT_AT | tx << _TX_AT | outer << _INNER_BITS | inner

    @classmethod
    def from_order_key(cls, key: int) -> "Position":
        """The position that `order_key` came from."""
        inner = key & ((1 << _INNER_BITS) - 1)
        key >>= _INNER_BITS
        outer = key & ((1 << _OUTER_BITS) - 1)
        key >>= _OUTER_BITS
        return cls(key >> _TX_BITS, key & ((1 << _TX_BITS) - 1), outer, inner)
