"""A version of a layout with the lengths of its texts: all of an event read by one `struct`."""

from collections.abc import Sequence
from struct import Struct
from typing import Any

from ingest.layouts.types import Bool, Text, Type, Vec, Wide


class Shape:
    """Reads the events that have a text of one length, nothing in their lists, and no more bytes.

    It reads nothing that the types themselves would not, and in the same way: what does not fit
    is left to them.
    """

    def __init__(self, types: Sequence[Type], data: bytes, offset: int) -> None:
        """The shape of an event that `data` holds from `offset` on."""
        codes, at = ["<"], offset
        self._bools: list[int] = []
        """Offsets of bytes that have to be 0 or 1."""
        self._sizes: list[tuple[int, int, bytes]] = []
        """Where the sizes of texts and lists stand, and what they have to be."""
        self._texts: list[int] = []
        self._lists: list[int] = []
        self._wides: list[tuple[int, bool]] = []
        """Indexes among the values of those that are still bytes; of integers with signedness."""
        for index, kind in enumerate(types):
            code = kind.code
            if code is None:
                size = data[at : at + 4]
                length = int.from_bytes(size, "little") if isinstance(kind, Text) else 0
                self._sizes.append((at - offset, at - offset + 4, size))
                (self._texts if isinstance(kind, Text) else self._lists).append(index)
                code = f"4x{length}s"
                at += 4 + length
            else:
                if isinstance(kind, Bool):
                    self._bools.append(at - offset)
                elif isinstance(kind, Wide):
                    self._wides.append((index, kind.signed))
                at += kind.size_min
            codes.append(code)
        self._unpack = Struct("".join(codes)).unpack_from

    @staticmethod
    def of(
        types: Sequence[Type], values: Sequence[Any], data: bytes, offset: int
    ) -> "Shape | None":
        """The shape of an event that was read; None where it has none."""
        texts = 0
        for kind, value in zip(types, values, strict=True):
            if isinstance(kind, Text):
                texts += 1
            elif kind.code is None and (not isinstance(kind, Vec) or value):
                return None
        # The lengths of several texts would be too many to remember.
        return Shape(types, data, offset) if texts < 2 else None

    def read(self, data: bytes, offset: int) -> list[Any] | None:
        """The values of an event that ends with `data`, as long as the one the shape was made of.

        None where it has another shape.
        """
        for start, end, size in self._sizes:
            if data[offset + start : offset + end] != size:
                return None
        for byte in self._bools:
            if data[offset + byte] > 1:
                return None
        values: list[Any] = [*self._unpack(data, offset)]
        for index in self._texts:
            values[index] = values[index].decode("utf-8", "replace")
        for index in self._lists:
            values[index] = []
        for index, signed in self._wides:
            values[index] = int.from_bytes(values[index], "little", signed=signed)
        return values
