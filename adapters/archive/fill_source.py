"""A segment's trades, read by columns where that is exact and as events where it is not."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias, cast

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adapters.archive.segment import Content, read_group, row_groups, texts
from adapters.archive.selection import Selection
from domain.events import decode
from domain.log import Recorded
from projections.fill_frames import KINDS, is_odd

ALL = Selection()
"""All that counts."""
_OTHERS = "completion.traded"
"""A trade as well, and too rare to be worth columns."""
_ALWAYS = ("sequence", "kind", "slot", "counts", "payload")


class Columns(msgspec.Struct, frozen=True):
    """Trades of one kind, none of which is odd, with the columns that were asked for."""

    kind: str
    rows: pl.DataFrame


Piece: TypeAlias = Columns | Sequence[Recorded]
"""Trades that lie together in a segment; events are left to the event-by-event core."""


def pieces(
    content: Content, abandoned: Mapping[int, int], columns_of: Callable[[str], Sequence[str]]
) -> Iterator[Piece]:
    """A segment's trades that count, as one or more pieces of each block of its messages.

    `abandoned` has, by slot, the sequence up to which its events were taken back after they had
    been sealed. `columns_of` names the columns that are wanted of a kind, those of
    `fill_frames.columns_of` among them.
    """
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        for groups in row_groups(file):
            for group in groups:
                yield from _of_group(file, group, abandoned, columns_of)


def _of_group(
    file: pq.ParquetFile,
    group: int,
    abandoned: Mapping[int, int],
    columns_of: Callable[[str], Sequence[str]],
) -> Iterator[Piece]:
    kind = kind_of(file, group)
    if kind is None:
        yield from others_of(file, group, abandoned)
    else:
        yield from _of_kind(file, group, kind, abandoned, columns_of(kind))


def kind_of(file: pq.ParquetFile, group: int) -> str | None:
    """The kind of all rows of a group, None unless its columns are known."""
    kinds = file.metadata.row_group(group).column(file.schema_arrow.names.index("kind")).statistics
    return str(kinds.min) if kinds.min == kinds.max and kinds.min in KINDS else None


def others_of(
    file: pq.ParquetFile, group: int, abandoned: Mapping[int, int]
) -> Iterator[Sequence[Recorded]]:
    """The trades of a group of many kinds, where there are any."""
    table = ALL.picked(read_group(file, group, list(_ALWAYS)), abandoned)
    wanted = table.filter(pc.is_in(table["kind"], pa.array([*KINDS, _OTHERS])))["sequence"]
    if len(wanted):
        yield events_of(read_group(file, group), wanted)


def _of_kind(
    file: pq.ParquetFile,
    group: int,
    kind: str,
    abandoned: Mapping[int, int],
    columns: Sequence[str],
) -> Iterator[Piece]:
    names = list(dict.fromkeys((*_ALWAYS, *columns)))
    rows = cast(
        "pl.DataFrame", pl.from_arrow(ALL.picked(read_group(file, group, names), abandoned))
    )
    odd = rows.select(is_odd(kind) | pl.col("payload").is_not_null()).to_series()
    if odd.any():
        yield events_of(read_group(file, group), rows.filter(odd)["sequence"].to_arrow())
        rows = rows.filter(~odd)
    if len(rows):
        yield Columns(kind, rows)


def events_of(table: pa.Table, sequences: pa.Array) -> Sequence[Recorded]:
    """The messages of some sequences."""
    chosen = table.filter(pc.is_in(table["sequence"], pa.array(sequences.to_pylist(), pa.int64())))
    return [
        Recorded(sequence, decode(text.encode()))
        for sequence, text in zip(
            chosen["sequence"].to_pylist(), texts(chosen).to_pylist(), strict=True
        )
    ]
