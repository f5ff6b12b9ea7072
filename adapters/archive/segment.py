"""A segment's file: how its rows lie in Parquet, and how its messages are read back."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adapters.archive.columns import KINDS, LOW_CARDINALITY, POSITION, SCHEMA
from adapters.archive.lines import lines

BLOCK_EVENTS_MAX = 65_536
"""Messages that lie together in a file, and that a reader has in memory at a time."""
AT_ONCE_EVENTS = 16_384
"""Messages whose texts are made at a time."""
SCATTERED_FACTOR = 2
"""How many neighbours a reader makes for each message that it wants, before it picks rows."""
COMPRESSION_LEVEL = 9
DICTIONARY_BYTES_MAX = 64 * 1024 * 1024

APART = ("curve.traded", "pool.traded")
"""Kinds with row groups of their own; all others share one in each block."""

_FEW_VALUES = LOW_CARDINALITY | frozenset(
    each.name
    for each in SCHEMA
    if each.name.endswith(("_bps", "_decimals"))
    or each.name
    in (
        *("outer_index", "inner_index", "compute_units", "base_supply", "unnamed_u64", "cashback"),
        *("total_unclaimed_tokens", "total_claimed_tokens", "current_sol_volume"),
        *("last_update_time_s", "holder_rewards", "slot", "block_time_s"),
    )
)
_ENCODINGS = {
    each.name: "BYTE_STREAM_SPLIT" if each.type == pa.int64() else "DELTA_LENGTH_BYTE_ARRAY"
    for each in SCHEMA
    if each.name not in _FEW_VALUES and each.type != pa.bool_()
} | {"sequence": "DELTA_BINARY_PACKED"}

Content: TypeAlias = bytes | memoryview


def written(tables: Sequence[pa.Table]) -> bytes:
    """A segment's file, of tables each of one kind, with rows in any order.

    The same rows make the same bytes.
    """
    first = min(pc.min(table["sequence"]).as_py() for table in tables)
    last = max(pc.max(table["sequence"]).as_py() for table in tables)
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        SCHEMA,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=sorted(_FEW_VALUES),
        column_encoding=_ENCODINGS,
        dictionary_pagesize_limit=DICTIONARY_BYTES_MAX,
        data_page_version="2.0",
        write_page_checksum=True,
    ) as writer:
        for start in range(first, last + 1, BLOCK_EVENTS_MAX):
            for group in _grouped([between(it, start, BLOCK_EVENTS_MAX) for it in tables]):
                writer.write_table(group, row_group_size=len(group))
    return bytes(sink.getvalue())


def between(table: pa.Table, first: int, count: int) -> pa.Table:
    """The rows of some sequences."""
    sequence = table["sequence"]
    return table.filter(
        pc.and_(pc.greater_equal(sequence, first), pc.less(sequence, first + count))
    )


def _grouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    together: dict[str, list[pa.Table]] = {}
    for table in tables:
        if len(table):
            tag = table["kind"][0].as_py()
            together.setdefault(tag if tag in APART else "", []).append(table)
    for tag in sorted(together):
        group = pa.concat_tables([SCHEMA.empty_table(), *together[tag]], promote_options="default")
        yield group.sort_by([(name, "ascending") for name in (*POSITION, "sequence")])


def blocks(content: Content, columns: Collection[str] | None = None) -> Iterator[list[pa.Table]]:
    """A segment's blocks one after the other, each as its row groups.

    Blocks follow each other in sequence, and rows of a row group in the order of the chain. Every
    table has the columns asked for, or all that are not null throughout.
    """
    names = None if columns is None else [it for it in SCHEMA.names if it in columns]
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        for groups in row_groups(file):
            yield [read_group(file, group, names) for group in groups]


def read_group(file: pq.ParquetFile, group: int, columns: Sequence[str] | None = None) -> pa.Table:
    """A row group with the columns asked for; of all, those that are not null in every row.

    A segment from before a field existed does not have its column, which is then null throughout.
    """
    held = file.schema.names
    if columns is None:
        columns = filled(file, group)
    table = file.read_row_group(group, columns=columns, use_threads=False)
    for name in columns:
        if name not in held:
            table = table.append_column(
                SCHEMA.field(name), pa.nulls(len(table), SCHEMA.field(name).type)
            )
    return table


def filled(file: pq.ParquetFile, group: int, among: Collection[str] | None = None) -> list[str]:
    """The columns that are not null in every row of a row group."""
    metadata = file.metadata.row_group(group)
    return [
        name
        for place, name in enumerate(file.schema.names)
        if (among is None or name in among)
        and metadata.column(place).statistics.null_count < metadata.num_rows
    ]


def row_groups(file: pq.ParquetFile) -> list[list[int]]:
    """The numbers of each block's row groups: those whose sequences are in the same stretch."""
    metadata = file.metadata
    firsts = [
        metadata.row_group(number).column(0).statistics.min
        for number in range(metadata.num_row_groups)
    ]
    start = min(firsts, default=0)
    found: dict[int, list[int]] = {}
    for number, first in enumerate(firsts):
        found.setdefault((first - start) // BLOCK_EVENTS_MAX, []).append(number)
    return [found[block] for block in sorted(found)]


def payloads(content: Content, *, end: str = "") -> Iterator[tuple[int, pa.Array]]:
    """A segment's messages in sequence: the first one's sequence, and some of them as texts.

    Behind each is `end`.
    """
    for block in blocks(content):
        for sequences, made in in_sequence(block, end=end):
            yield sequences[0].as_py(), made


def in_sequence(
    tables: Sequence[pa.Table], *, end: str = ""
) -> Iterator[tuple[pa.Array, pa.Array]]:
    """The messages of some tables: their sequences, rising, and their texts.

    They come a few at a time, so that what is made is used while it is still in the cache.
    """
    parts = [_Rising(table, end) for table in tables]
    first = min(part.first for part in parts)
    last = max(part.last for part in parts)
    step = max(1, (last - first + 1) * AT_ONCE_EVENTS // max(1, sum(map(len, tables))))
    for start in range(first, last + 1, step):
        taken = [it for part in parts if (it := part.take(start + step)) is not None]
        if not taken:
            continue
        sequences = pa.concat_arrays([sequence for sequence, _, _ in taken])
        places, offset = [], 0
        for _, made, place in taken:
            places.append(pc.add(place, pa.scalar(offset, pa.uint64())))
            offset += len(made)
        order = pc.sort_indices(sequences)
        every = pa.concat_arrays(places).take(order)
        yield sequences.take(order), pa.concat_arrays([it for _, it, _ in taken]).take(every)


class _Rising:
    """Hands out a table's messages by rising sequence."""

    def __init__(self, table: pa.Table, end: str) -> None:
        self._table = table
        self._end = end
        sequences = table["sequence"].combine_chunks()
        self._order = pc.sort_indices(sequences)
        self._sequences = sequences.take(self._order)
        self._done = 0
        few = len(table) <= AT_ONCE_EVENTS // 2
        self._made = texts(table, end=end) if few or len(table["kind"].unique()) > 1 else None
        self.first: int = self._sequences[0].as_py()
        self.last: int = self._sequences[-1].as_py()

    def take(self, stop: int) -> tuple[pa.Array, pa.Array, pa.Array] | None:
        """Up to a sequence: the sequences, texts that theirs are among, and where."""
        start, self._done = (
            self._done,
            bisect_left(self._sequences, stop, lo=self._done, key=lambda it: it.as_py()),
        )
        if start == self._done:
            return None
        count = self._done - start
        order = self._order.slice(start, count)
        sequences = self._sequences.slice(start, count)
        extremes = pc.min_max(order)
        low, high = extremes["min"].as_py(), extremes["max"].as_py()
        if self._made is not None:
            made = self._made.slice(low, high - low + 1)
        elif high - low + 1 > SCATTERED_FACTOR * count:
            low, made = 0, texts(self._table.take(order), end=self._end)
            order = pa.array(range(count), pa.uint64())
        else:
            made = texts(self._table.slice(low, high - low + 1), end=self._end)
        return sequences, made, pc.subtract(order, pa.scalar(low, pa.uint64()))


def texts(table: pa.Table, *, end: str = "") -> pa.Array:
    """Each row's message as text, in the order of the rows; a column that it lacks is null."""
    tags = pc.unique(table["kind"]).to_pylist()
    if len(tags) == 1:
        return _texts_of(tags[0], table, end)
    chosen = [pc.indices_nonzero(pc.equal(table["kind"], tag)) for tag in tags]
    made = [_texts_of(tag, table.take(rows), end) for tag, rows in zip(tags, chosen, strict=True)]
    return pa.concat_arrays(made).take(pc.sort_indices(pa.concat_arrays(chosen)))


def content_bytes(made: pa.Array) -> memoryview:
    """The bytes of texts, one after the other."""
    if not len(made):
        return memoryview(b"")
    _, offsets, values = made.buffers()
    ends = memoryview(offsets).cast("i")
    return memoryview(values)[ends[made.offset] : ends[made.offset + len(made)]]


def _texts_of(tag: str, table: pa.Table, end: str) -> pa.Array:
    known = set(table.column_names)
    columns = {name: table[name].combine_chunks() for name in KINDS[tag].columns if name in known}
    made = lines(tag, columns, len(table), end=end)
    if "payload" not in known or table["payload"].null_count == len(table):
        return made
    kept = pc.binary_join_element_wise(table["payload"].combine_chunks(), end.encode(), b"")
    return pc.coalesce(kept.cast(pa.string(), safe=False), made)
