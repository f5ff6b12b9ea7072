"""A segment's trades as candles of the shortest interval."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from adapters.archive.pieces import ALL, events_of, kind_of, made_of, rows_in
from adapters.archive.segment import Content, filled, read_group, row_groups
from domain.log import Recorded
from projections.candle_columns import LENGTHS_S, Framed, finest, fits, framed
from projections.candles import Candle, Candles, Key
from projections.fill_columns import odd, trades
from projections.fill_frames import KINDS, RARE, columns_of

_TEXTS = ("mint", "side", "base_mint", "quote_mint")
"""Read as places in a dictionary, as they are stored: they are never made one by one."""
_OF_ABANDONED = ("sequence", "kind", "slot")


class Part(msgspec.Struct, frozen=True):
    """What some messages that lie together in a segment make."""

    candles: Framed
    until_s: int
    """The newest trade's second, by its block; 0 without trades."""
    unpriced: int = 0
    """Trades, of those not read by columns, whose reserves make no price."""
    aside: Mapping[Key, Candle] = {}
    """Candles of all intervals whose times columns cannot hold."""


def parts(content: Content, abandoned: Mapping[int, int]) -> Iterator[Part]:
    """A segment's candles in parts.

    `abandoned` has, by slot, the sequence up to which its events were taken back after they had
    been sealed.
    """
    with (
        pq.ParquetFile(pa.BufferReader(content)) as plain,
        pq.ParquetFile(
            pa.BufferReader(content), metadata=plain.metadata, read_dictionary=list(_TEXTS)
        ) as encoded,
    ):
        rare: list[pa.Table] = []
        for groups in row_groups(plain):
            for group in groups:
                kind = kind_of(plain, group)
                if kind is not None and kind in KINDS:
                    yield from _of_kind(plain, encoded, group, kind, abandoned)
                elif kind is None or kind in RARE:
                    rare += rows_in(plain, group, abandoned, (*KINDS, *RARE))
        if rare:  # so few that making them together is most of what can be saved
            yield _by_events(made_of(pa.concat_tables(rare, promote_options="default")))


def until_of(found: Sequence[Part]) -> int:
    """The newest second of some parts."""
    return max((part.until_s for part in found), default=0)


def _of_kind(
    plain: pq.ParquetFile,
    encoded: pq.ParquetFile,
    group: int,
    kind: str,
    abandoned: Mapping[int, int],
) -> Iterator[Part]:
    # What is the same in all rows is not read.
    names = ["counts", *columns_of(kind), *filled(plain, group, ("payload",))]
    if abandoned:
        names += _OF_ABANDONED

    def picked(*more: str) -> pa.Table:
        wanted = list(dict.fromkeys((*names, *more)))
        return ALL.picked(read_group(encoded, group, wanted), abandoned)

    rows = picked()
    strange = odd(kind, rows)
    if "payload" in names:
        strange |= rows["payload"].is_valid().combine_chunks().to_numpy(zero_copy_only=False)
    if strange.any():
        chosen = picked("sequence").filter(pa.array(strange))["sequence"]
        yield _by_events(events_of(read_group(plain, group), chosen))
        rows = rows.filter(pa.array(~strange))
    if len(rows):
        columns, mints = trades(kind, rows)
        newest_s = int(columns["start_s"].max(initial=0))
        yield Part(finest(columns, mints), newest_s)


def _by_events(events: Sequence[Recorded]) -> Part:
    """What the core makes of some messages, one event after the other."""
    made = Candles().finest(events)
    if all(map(fits, made.candles)):
        until_s = max((start_s for _, _, start_s in made.candles), default=0)
        return Part(framed(made.candles, LENGTHS_S[0]), until_s, made.unpriced)
    # So rare that all of it may be merged at the end, as what comes late is.
    return Part(framed({}, LENGTHS_S[0]), 0, made.unpriced, Candles().apply(events).candles)
