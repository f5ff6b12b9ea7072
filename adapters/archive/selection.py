"""What a replay shows of the log, and how it is picked from tables of rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adapters.archive.columns import SCHEMA
from adapters.archive.decisions import ALWAYS_COUNT, taken_back
from adapters.archive.segment import Content, read_group, row_groups
from domain.archive import Manifest

NS_PER_S = 1_000_000_000

_ALWAYS = ("sequence", "kind", "slot", "counts")


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which events; what is empty or None leaves none out."""

    mints: Sequence[str] = ()
    kinds: Sequence[str] = ()
    wallets: Sequence[str] = ()
    """Of who signed the transaction or is named as the user."""
    signature: str | None = None
    from_slot: int = 0
    to_slot: int | None = None
    until_time_s: int | None = None
    """The last second, by the block's time; of what has none by when it was received."""
    uncounted: bool = False
    """Also what does not count: taken back, or not decided."""

    def may_hold(self, manifest: Manifest) -> bool:
        """Whether anything of a segment can be selected, as far as its manifest tells."""
        return (
            manifest.slots.last >= self.from_slot
            and (self.to_slot is None or manifest.slots.first <= self.to_slot)
            and (not self.kinds or any(kind in manifest.kinds for kind in self.kinds))
        )

    @property
    def narrow(self) -> bool:
        """Whether it is worth looking at some columns before all are read."""
        return bool(
            self.mints or self.wallets or self.signature or self.kinds or self.from_slot
        ) or (self.to_slot is not None or self.until_time_s is not None)

    @property
    def columns(self) -> set[str]:
        """The columns that `chosen` looks at."""
        wanted = set(_ALWAYS)
        if self.mints:
            wanted.add("mint")
        if self.wallets:
            wanted |= {"signer", "user"}
        if self.signature is not None:
            wanted.add("signature")
        if self.until_time_s is not None:
            wanted |= {"block_time_s", "received_at_ns"}
        return wanted

    def chosen(self, table: pa.Table, abandoned: Mapping[int, int]) -> pa.ChunkedArray | None:
        """Of each row whether it is selected; None where all are.

        `abandoned` has, by slot, the sequence up to which its events were taken back after the
        table's `counts` was decided.
        """
        masks = [*self._by_count(table, abandoned), *self._by_place(table)]
        if self.kinds:
            masks.append(_among(table["kind"], self.kinds))
        if self.mints:
            masks.append(_among(_column(table, "mint"), self.mints))
        if self.wallets:
            signs = _among(_column(table, "signer"), self.wallets)
            masks.append(pc.or_(signs, _among(_column(table, "user"), self.wallets)))
        if self.signature is not None:
            masks.append(_among(_column(table, "signature"), [self.signature]))
        mask = None
        for each in masks:
            mask = each if mask is None else pc.and_(mask, each)
        return mask

    def _by_count(self, table: pa.Table, abandoned: Mapping[int, int]) -> Iterator[pa.ChunkedArray]:
        if self.uncounted:
            return
        if not pc.all(table["counts"]).as_py():
            yield table["counts"]
        if abandoned:
            always = _among(table["kind"], ALWAYS_COUNT)
            yield pc.or_(always, pc.invert(taken_back(table, abandoned)))

    def _by_place(self, table: pa.Table) -> Iterator[pa.ChunkedArray]:
        if self.from_slot:
            yield pc.greater_equal(table["slot"], self.from_slot)
        if self.to_slot is not None:
            yield pc.less_equal(table["slot"], self.to_slot)
        if self.until_time_s is not None:
            yield pc.less_equal(_time_s(table), self.until_time_s)

    def picked(self, table: pa.Table, abandoned: Mapping[int, int]) -> pa.Table:
        """The rows that are selected."""
        mask = self.chosen(table, abandoned)
        return table if mask is None else table.filter(mask)


def selected(
    content: Content,
    selection: Selection,
    abandoned: Mapping[int, int],
    columns: Sequence[str] | None = None,
) -> Iterator[list[pa.Table]]:
    """What is selected of a segment, block by block, as one table of each row group.

    With `columns` only these, or else all there are. Row groups without any such row are not read
    further than it takes to know.
    """
    for read in reads(content, selection, abandoned, columns):
        if found := read():
            yield found


def reads(
    content: Content,
    selection: Selection,
    abandoned: Mapping[int, int],
    columns: Sequence[str] | None = None,
) -> Iterator[Callable[[], list[pa.Table]]]:
    """The blocks of `selected`, each read when it is called, in whichever thread that is."""
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        metadata, blocks = file.metadata, row_groups(file)

    def read(groups: Sequence[int]) -> list[pa.Table]:
        with pq.ParquetFile(pa.BufferReader(content), metadata=metadata) as file:
            parts = [_group(file, group, selection, abandoned, columns) for group in groups]
            return [part for part in parts if part is not None and len(part)]

    for groups in blocks:
        yield partial(read, groups)


def _group(
    file: pq.ParquetFile,
    group: int,
    selection: Selection,
    abandoned: Mapping[int, int],
    columns: Sequence[str] | None,
) -> pa.Table | None:
    def read(names: Sequence[str] | None) -> pa.Table:
        return read_group(file, group, names)

    slots = file.metadata.row_group(group).column(SCHEMA.names.index("slot")).statistics
    if slots.max < selection.from_slot:
        return None
    if selection.to_slot is not None and slots.min > selection.to_slot:
        return None
    if selection.narrow:
        mask = selection.chosen(read(sorted(selection.columns)), abandoned)
        if mask is None:
            return read(columns)
        return read(columns).filter(mask) if pc.any(mask).as_py() else None
    if columns is None:
        return selection.picked(read(None), abandoned)
    table = read(sorted({*columns, *_ALWAYS}))
    return selection.picked(table, abandoned).select(columns)


def _among(values: pa.ChunkedArray, wanted: Sequence[str]) -> pa.ChunkedArray:
    return pc.fill_null(pc.is_in(values, pa.array(wanted, pa.string())), fill_value=False)


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column, which a table of one kind may not have."""
    if name in table.column_names:
        return table[name]
    return pa.chunked_array([pa.nulls(len(table), pa.string())])


def _time_s(table: pa.Table) -> pa.ChunkedArray:
    received_s = pc.divide(table["received_at_ns"], NS_PER_S)
    if "block_time_s" not in table.column_names:
        return received_s
    return pc.coalesce(table["block_time_s"], received_s)
