"""A segment's trades as candles of the shortest interval, read by columns where that is exact."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adapters.archive.segment import Content, read_group, row_groups, texts
from adapters.archive.selection import Selection
from domain.events import decode
from domain.log import Recorded
from projections.candle_frames import KINDS, LENGTHS_S, columns_of, finest, framed, is_odd
from projections.candles import Candles

_ALL = Selection()
_OTHERS = "completion.traded"
"""Moves charts as well, and is too rare to be worth columns."""
_ALWAYS = ("sequence", "kind", "slot", "counts", "payload")


class Part(msgspec.Struct, frozen=True):
    """What some messages that lie together in a segment make."""

    candles: pl.DataFrame
    until_s: int
    """The newest trade's second, by its block; 0 without trades."""
    unpriced: int = 0
    """Trades, of those not read by columns, whose reserves make no price."""


def parts(content: Content, abandoned: Mapping[int, int]) -> Iterator[Part]:
    """A segment's candles, as one or more parts of each block of its messages.

    `abandoned` has, by slot, the sequence up to which its events were taken back after they had
    been sealed.
    """
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        for groups in row_groups(file):
            for group in groups:
                yield from _of_group(file, group, abandoned)


def _of_group(file: pq.ParquetFile, group: int, abandoned: Mapping[int, int]) -> Iterator[Part]:
    kinds = file.metadata.row_group(group).column(file.schema_arrow.names.index("kind")).statistics
    if kinds.min == kinds.max and kinds.min in KINDS:
        yield from _of_kind(file, group, kinds.min, abandoned)
        return
    table = _ALL.picked(read_group(file, group, list(_ALWAYS)), abandoned)
    wanted = table.filter(pc.is_in(table["kind"], pa.array([*KINDS, _OTHERS])))["sequence"]
    if len(wanted):
        yield _by_events(read_group(file, group), wanted)


def _of_kind(
    file: pq.ParquetFile, group: int, kind: str, abandoned: Mapping[int, int]
) -> Iterator[Part]:
    names = list(dict.fromkeys((*_ALWAYS, *columns_of(kind))))
    rows = cast(
        "pl.DataFrame", pl.from_arrow(_ALL.picked(read_group(file, group, names), abandoned))
    )
    odd = rows.select(is_odd(kind) | pl.col("payload").is_not_null()).to_series()
    if odd.any():
        yield _by_events(read_group(file, group), rows.filter(odd)["sequence"].to_arrow())
        rows = rows.filter(~odd)
    if len(rows):
        newest_s = cast("int", rows["block_time_s"].max())
        yield Part(finest(kind, rows), newest_s)


def _by_events(table: pa.Table, sequences: pa.Array) -> Part:
    """What the core makes of some messages, one event after the other."""
    chosen = table.filter(pc.is_in(table["sequence"], pa.array(sequences.to_pylist(), pa.int64())))
    events = [
        Recorded(sequence, decode(text.encode()))
        for sequence, text in zip(
            chosen["sequence"].to_pylist(), texts(chosen).to_pylist(), strict=True
        )
    ]
    made = Candles().apply(events)
    candles = framed(made.candles, LENGTHS_S[0])
    until_s = max((start_s for _, _, start_s in made.candles), default=0)
    return Part(candles, until_s, made.unpriced)


def until_of(found: Sequence[Part]) -> int:
    """The newest second of some parts."""
    return max((part.until_s for part in found), default=0)
