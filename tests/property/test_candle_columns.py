"""Candles over whole columns are those of the event-by-event core, to the last bit."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curvetape.testing.events import curve_traded, histories, pool_traded, recorded
from curvetape.testing.frames import rows_of
from domain.events import AnyEvent, CurveTraded, PoolTraded
from projections.candle_columns import (
    LENGTHS_S,
    Framed,
    Gathering,
    finest,
    framed,
    unclosed,
    unframed,
)
from projections.candles import Candle, Candles, Changes, Key, merge
from projections.fill_columns import odd, trades
from projections.fill_frames import KINDS, columns_of

QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def by_columns(events: Sequence[AnyEvent]) -> list[Framed]:
    """The finest candles: of columns where they are exact, of the core for all other events."""
    frames, strange = [], [it for it in events if it.kind not in KINDS]
    for kind in KINDS:
        of_kind = [it for it in events if it.kind == kind]
        rows = table_of(kind, of_kind)
        is_odd = odd(kind, rows)
        strange += [it for it, found in zip(of_kind, is_odd, strict=True) if found]
        frames.append(finest(*trades(kind, rows.filter(pa.array(~is_odd)))))
    frames.append(framed(Candles().apply(recorded(strange)).candles, LENGTHS_S[0]))
    return frames


def table_of(kind: str, events: Sequence[AnyEvent]) -> pa.Table:
    frame: pl.DataFrame = rows_of(kind, events, columns_of(kind))
    table: pa.Table = frame.to_arrow()
    texts = [(it.name, pa.string()) if it.type == pa.large_string() else it for it in table.schema]
    return table.cast(pa.schema(texts))


def expected(events: Sequence[AnyEvent]) -> dict[Key, Candle]:
    return Candles().apply(recorded(events)).candles


def plain(candles: dict[Key, Candle]) -> dict[Key, tuple[Any, ...]]:
    return {key: msgspec.structs.astuple(candle) for key, candle in candles.items()}


@QUICK
@given(
    events=histories(events_max=60), cuts=st.lists(st.integers(0, 60), max_size=4), data=st.data()
)
def test_columns_give_the_cores_rows_however_they_are_cut_and_whatever_comes_late(
    events: list[AnyEvent], cuts: list[int], data: st.DataObject
) -> None:
    gathering = Gathering()
    handed: dict[Key, Candle] = {}
    late = Changes({})
    edges = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    parts = [events[first:last] for first, last in pairwise(edges)]
    order = data.draw(st.permutations(parts))
    for part in order:
        times = [it.block_time_s for it in part if isinstance(it, CurveTraded | PoolTraded)]
        until_s = data.draw(st.integers(-100, 100_000)) + max(times, default=0)
        closed = gathering.take(by_columns(part), until_s)
        for key, candle in unclosed(closed).items():
            assert key not in handed, "a candle is handed out once"
            handed[key] = candle
        for length_s, it in closed.late:
            late = merge(late, Changes(unframed(it.mints, it.rows, length_s)))
    for key, candle in unclosed(gathering.rest()).items():
        assert key not in handed
        handed[key] = candle
    merged = merge(Changes(handed), late)
    assert plain(merged.candles) == plain(expected(events))


def test_amounts_beyond_what_a_float_holds_are_odd_and_those_below_are_not() -> None:
    small = [curve_traded(1, "m", virtual_quote_reserves=(1 << 51))]
    large = [curve_traded(1, "m", virtual_quote_reserves=(1 << 51) + 1)]
    beyond = [curve_traded(1, "m", virtual_quote_reserves=(1 << 64) - 1)]
    for events, is_odd in ((small, False), (large, True), (beyond, True)):
        assert odd("curve.traded", table_of("curve.traded", events)).tolist() == [is_odd]


def test_a_pool_that_calls_the_token_its_quote_is_read_the_other_way_round() -> None:
    turned = pool_traded(3, "m", quote_mint="m", base_mint="sol", base_amount=5, quote_amount=7)
    frames = by_columns([turned])
    pool = frames[1]
    assert plain(unframed(pool.mints, pool.rows, LENGTHS_S[0])) == {
        key: row for key, row in plain(expected([turned])).items() if key[1] == LENGTHS_S[0]
    }
    assert len(pool) == 1
