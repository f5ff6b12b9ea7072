"""Rows of columns as `copy … with (format binary)` reads them, made without a step for each."""

from collections.abc import Iterable, Iterator
from struct import pack
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_HEADER = b"PGCOPY\n\xff\r\n\0" + pack(">ii", 0, 0)
_TRAILER = pack(">h", -1)
_DIGIT = 10_000
_DIGITS = 5
"""So many hold any integer of 64 bits; PostgreSQL leaves out zeros that come first."""
NUMERIC = np.dtype(
    [
        *(("length", ">i4"), ("digits", ">i2"), ("weight", ">i2"), ("sign", ">i2")),
        *(("scale", ">i2"), ("digit", ">i2", (_DIGITS,))),
    ]
)
"""A `numeric` with its length before it."""


def copied(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What a COPY reads, of some rows each."""
    yield _HEADER
    yield from chunks
    yield _TRAILER


def rows_of(columns: int, *parts: pa.Array) -> bytes:
    """Rows, each of so many columns, of what stands in each of them one after the other."""
    made = pc.binary_join_element_wise(pack(">h", columns), *parts, b"")
    return bytes(made.buffers()[2])


def numerics(values: npt.NDArray[np.int64]) -> npt.NDArray[np.void]:
    """Integers from 0 on, as `NUMERIC`."""
    made = np.zeros(len(values), NUMERIC)
    made["length"], made["digits"], made["weight"] = NUMERIC.itemsize - 4, _DIGITS, _DIGITS - 1
    for place in reversed(range(_DIGITS)):
        values, made["digit"][:, place] = np.divmod(values, _DIGIT)
    return made


def texts(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Each text's length, and the text."""
    known = values.cast(pa.binary())
    return fixed(pc.binary_length(known).to_numpy().astype(">i4")), known


def fixed(values: npt.NDArray[Any]) -> pa.Array:
    """Each element's bytes."""
    return sliced(values, np.arange(len(values)), len(values))


def sliced(values: npt.NDArray[Any], firsts: npt.NDArray[Any], count: int) -> pa.Array:
    """The bytes of rows of values, those from one of `firsts` to the next together."""
    width = values.nbytes // len(values)
    offsets = np.append(firsts, count).astype(np.int32) * width
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.binary(), len(firsts), buffers)
