"""What a segment holds of some kinds, by columns where that is exact and as events where not."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeAlias, cast

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adapters.archive.columns import KINDS
from adapters.archive.segment import Content, filled, read_group, row_groups, texts
from adapters.archive.selection import Selection
from domain.events import decode
from domain.log import Recorded

ALL = Selection()
"""All that counts."""
_ALWAYS = ("sequence", "kind", "slot", "counts", "payload")


class Reading(msgspec.Struct, frozen=True):
    """Which kinds are wanted, and how they are read."""

    by_columns: Collection[str]
    columns_of: Callable[[str], Sequence[str]]
    """The columns that are wanted of such a kind."""
    is_odd: Callable[[str], pl.Expr]
    """Of each row of such a kind, whether it has to be read as an event all the same."""
    as_events: Collection[str] = ()
    """Kinds that are too rare to be worth columns."""


class Columns(msgspec.Struct, frozen=True):
    """Events of one kind, none of which is odd, with the columns that were asked for."""

    kind: str
    rows: pl.DataFrame


Piece: TypeAlias = Columns | Sequence[Recorded]
"""Events that lie together in a segment; those that are odd or rare as they are."""


def pieces(content: Content, abandoned: Mapping[int, int], reading: Reading) -> Iterator[Piece]:
    """What counts of a segment, as any number of pieces of each block of its messages.

    `abandoned` has, by slot, the sequence up to which its events were taken back after they had
    been sealed.
    """
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        for groups in row_groups(file):
            for group in groups:
                yield from _of_group(file, group, abandoned, reading)


def kind_of(file: pq.ParquetFile, group: int) -> str | None:
    """The kind of all rows of a group, None where there are several."""
    kinds = file.metadata.row_group(group).column(file.schema.names.index("kind")).statistics
    return str(kinds.min) if kinds.min == kinds.max else None


def events_in(
    file: pq.ParquetFile, group: int, abandoned: Mapping[int, int], kinds: Collection[str]
) -> Iterator[Sequence[Recorded]]:
    """The events of some kinds of a group that count, where there are any."""
    for table in rows_in(file, group, abandoned, kinds):
        yield made_of(table)


def rows_in(
    file: pq.ParquetFile, group: int, abandoned: Mapping[int, int], kinds: Collection[str]
) -> Iterator[pa.Table]:
    """The rows of some kinds of a group that count, where there are any, for `made_of`."""
    table = ALL.picked(read_group(file, group, list(_ALWAYS)), abandoned)
    wanted = table.filter(pc.is_in(table["kind"], pa.array(kinds, pa.string())))["sequence"]
    if len(wanted):
        columns = {*_ALWAYS, *(name for kind in kinds for name in KINDS[kind].columns)}
        yield _chosen(read_group(file, group, filled(file, group, columns)), wanted)


def events_of(table: pa.Table, sequences: pa.Array) -> Sequence[Recorded]:
    """The messages of some sequences."""
    return made_of(_chosen(table, sequences))


def made_of(table: pa.Table) -> Sequence[Recorded]:
    """The messages of a table."""
    return [
        Recorded(sequence, decode(text.encode()))
        for sequence, text in zip(
            table["sequence"].to_pylist(), texts(table).to_pylist(), strict=True
        )
    ]


def _chosen(table: pa.Table, sequences: pa.Array) -> pa.Table:
    return table.filter(pc.is_in(table["sequence"], pa.array(sequences.to_pylist(), pa.int64())))


def _of_group(
    file: pq.ParquetFile, group: int, abandoned: Mapping[int, int], reading: Reading
) -> Iterator[Piece]:
    only = kind_of(file, group)
    if only is None:
        held = set(pc.unique(read_group(file, group, ["kind"])["kind"]).to_pylist())
    else:
        held = {only}
    for kind in sorted(held.intersection(reading.by_columns)):
        yield from _of_kind(file, group, kind, abandoned, reading)
    if rare := held.intersection(reading.as_events):
        yield from events_in(file, group, abandoned, rare)


def _of_kind(
    file: pq.ParquetFile, group: int, kind: str, abandoned: Mapping[int, int], reading: Reading
) -> Iterator[Piece]:
    names = list(dict.fromkeys((*_ALWAYS, *reading.columns_of(kind))))
    picked = ALL.picked(read_group(file, group, names), abandoned)
    rows = cast("pl.DataFrame", pl.from_arrow(picked)).filter(pl.col("kind") == kind)
    odd = rows.select(reading.is_odd(kind) | pl.col("payload").is_not_null()).to_series()
    if odd.any():
        yield events_of(read_group(file, group), rows.filter(odd)["sequence"].to_arrow())
        rows = rows.filter(~odd)
    if len(rows):
        yield Columns(kind, rows)
