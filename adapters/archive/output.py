"""How a replay writes what it selected: JSON lines, CSV, a table for the eye, or Parquet."""

import fcntl
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from adapters.archive.columns import POSITION, SCHEMA
from adapters.archive.segment import AT_ONCE_EVENTS, content_bytes, in_sequence, texts

Order: TypeAlias = Literal["log", "chain"]
M = TypeVar("M")
Format: TypeAlias = Literal["jsonl", "csv", "table", "parquet"]

SHOWN = (
    *("sequence", "kind", "slot", "tx_index", "outer_index", "inner_index", "block_time_s"),
    *("signature", "mint", "side", "user", "quote_mint", "quote_amount", "token_amount"),
    "base_amount",
)
"""The columns of CSV and of the table."""
WIDTHS = {
    "sequence": 11,
    "kind": 18,
    "slot": 10,
    "block_time_s": 11,
    "mint": 44,
    "side": 4,
    "quote_amount": 20,
    "amount": 20,
    "signature": 88,
}
"""The columns of the table for the eye, in characters."""
PIPE_BYTES = 1 << 20
"""How much a pipe may hold before the writer waits; the system's own limit for most users."""
FILE_ROWS_MAX = 65_536
"""Rows of one row group of a Parquet file that is written."""

_KEYS: dict[Order, list[str]] = {"log": ["sequence"], "chain": [*POSITION, "sequence"]}


class Output(Protocol[M]):
    """Takes what was selected, in stretches that follow each other in the order asked for.

    Stretches may be made in several threads at once, and are written one after the other.
    """

    def make(self, tables: Sequence[pa.Table]) -> M:
        """What to write of a stretch, given as tables in any order with rows in any order."""
        ...

    def write(self, made: M) -> None:
        """Write a stretch."""
        ...

    def close(self) -> None:
        """Finish; nothing is written afterwards."""
        ...


class Pipe:
    """Writes bytes to a file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        with suppress(OSError):  # a file, or more than this user may have
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def write(self, content: bytes | memoryview) -> None:
        """Write all of it; raises `BrokenPipeError` when nobody reads any more."""
        left = memoryview(content)
        while left:
            left = left[os.write(self._descriptor, left) :]


class Lines:
    """Each message as the log holds it, on a line of its own."""

    def __init__(self, pipe: Pipe, order: Order) -> None:
        self._pipe = pipe
        self._order = order

    def make(self, tables: Sequence[pa.Table]) -> Sequence[memoryview]:
        """The lines, some together."""
        if self._order == "log":
            return [content_bytes(made) for _, made in in_sequence(tables, end="\n")]
        keys = pa.concat_tables([table.select(_KEYS["chain"]) for table in tables])
        places = pc.sort_indices(keys, sort_keys=[(key, "ascending") for key in _KEYS["chain"]])
        made = pa.concat_arrays([texts(table, end="\n") for table in tables])
        return [
            content_bytes(made.take(places.slice(at, AT_ONCE_EVENTS)))
            for at in range(0, len(places), AT_ONCE_EVENTS)
        ]

    def write(self, made: Sequence[memoryview]) -> None:
        """Write a stretch."""
        for content in made:
            self._pipe.write(content)

    def close(self) -> None:
        """Nothing is left to be written."""


class Csv:
    """The columns that most want, with a header."""

    def __init__(self, pipe: Pipe, order: Order) -> None:
        self._pipe = pipe
        self._order = order
        self._header = True

    def make(self, tables: Sequence[pa.Table]) -> memoryview:
        """The rows."""
        return _csv(_sorted(tables, self._order), header=False)

    def write(self, made: memoryview) -> None:
        """Write a stretch, the first one below the header."""
        self.close()
        self._pipe.write(made)

    def close(self) -> None:
        """Write the header if nothing else was written."""
        if self._header:
            self._header = False
            self._pipe.write(_csv(SCHEMA.empty_table(), header=True))


class Text:
    """A table for the eye: what is most telling of each event, in columns."""

    def __init__(self, pipe: Pipe, order: Order) -> None:
        self._pipe = pipe
        self._order = order
        self._header = True

    def make(self, tables: Sequence[pa.Table]) -> bytes:
        """The rows."""
        table = _sorted(tables, self._order)
        amounts = pc.coalesce(table["token_amount"], table["base_amount"])
        columns = [(amounts if name == "amount" else table[name]).to_pylist() for name in WIDTHS]
        rows = (
            _row(["" if it is None else str(it) for it in values])
            for values in zip(*columns, strict=True)
        )
        return "".join(rows).encode()

    def write(self, made: bytes) -> None:
        """Write a stretch, the first one below the header."""
        if self._header:
            self._header = False
            self._pipe.write(_row(list(WIDTHS)).encode())
        self._pipe.write(made)

    def close(self) -> None:
        """Nothing is left to be written."""


class File:
    """A Parquet file with all columns, as segments have them."""

    def __init__(self, path: str, order: Order) -> None:
        self._order = order
        self._writer = pq.ParquetWriter(path, SCHEMA, compression="zstd")

    def make(self, tables: Sequence[pa.Table]) -> pa.Table:
        """The rows."""
        return _sorted(tables, self._order)

    def write(self, made: pa.Table) -> None:
        """Write a stretch."""
        self._writer.write_table(made, row_group_size=FILE_ROWS_MAX)

    def close(self) -> None:
        """Write the file's end, without which it cannot be read."""
        self._writer.close()


PIPED: dict[str, Callable[[Pipe, Order], Output[Any]]] = {"jsonl": Lines, "csv": Csv, "table": Text}
"""The formats that are written to a pipe."""


def _sorted(tables: Sequence[pa.Table], order: Order) -> pa.Table:
    table = pa.concat_tables([SCHEMA.empty_table(), *tables], promote_options="default")
    return table.sort_by([(key, "ascending") for key in _KEYS[order]])


def _csv(table: pa.Table, *, header: bool) -> memoryview:
    sink = pa.BufferOutputStream()
    options = pa_csv.WriteOptions(include_header=header, quoting_style="needed")
    pa_csv.write_csv(table.select(SHOWN), sink, options)
    return memoryview(sink.getvalue())


def _row(values: Sequence[str]) -> str:
    cells = (
        f"{value:>{width}}" if value.isdecimal() else f"{value:<{width}}"
        for value, width in zip(values, WIDTHS.values(), strict=True)
    )
    return "  ".join(cells).rstrip() + "\n"
