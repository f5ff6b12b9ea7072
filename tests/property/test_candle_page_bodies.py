"""Pages hold the candles that they are made of, and no others, whichever were let go of."""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.postgres.binary_copy import copied
from adapters.postgres.candle_pages import paged
from curvetape.testing.events import histories, recorded
from domain.events import AnyEvent
from projections.candle_columns import LENGTHS_S, Closed, Gathering, framed, unclosed
from projections.candles import Candle, Candles, Key

HEADER_BYTES = 19


def rows_of(body: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The fields of each row of a binary COPY."""
    content, at = b"".join(body), HEADER_BYTES
    while (count := struct.unpack_from(">h", content, at)[0]) >= 0:
        at += 2
        fields = []
        for _ in range(count):
            (size,) = struct.unpack_from(">i", content, at)
            fields.append(content[at + 4 : at + 4 + size])
            at += 4 + size
        yield fields


def elements(array: bytes, kind: str, width: int) -> list[list[Any]]:
    """An array's elements, `width` of them for each candle."""
    element = np.dtype([("length", ">i4"), ("value", kind)])
    values: list[list[Any]] = (
        np.frombuffer(array[20:], element)["value"].reshape(-1, width).tolist()
    )
    return values


def candles_of(body: Sequence[bytes]) -> dict[Key, Candle]:
    found: dict[Key, Candle] = {}
    for fields in rows_of(body):
        mint, numbers, prices = fields[0].decode(), *fields[6:]
        for (head, *between, counts), (first, last, high, low) in zip(
            elements(numbers, ">i8", 9), elements(prices, ">f8", 4), strict=True
        ):
            open_pos, close_pos, high_pos, low_pos, quote, quote_buy, token = between
            for level in range((head >> 4) & 15, (head & 15) + 1):
                start_s = (head >> 8) - (head >> 8) % LENGTHS_S[level]
                key = (mint, LENGTHS_S[level], start_s)
                assert key not in found
                found[key] = Candle(
                    *(open_pos, first, close_pos, last, high_pos, high, low_pos, low),
                    *(quote, quote_buy, token, counts >> 32, counts & 0xFFFFFFFF),
                )
    return found


def plain(candles: dict[Key, Candle]) -> dict[Key, object]:
    return {key: msgspec.structs.astuple(candle) for key, candle in candles.items()}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=histories(events_max=40), data=st.data())
def test_pages_hold_each_candle_once_and_none_that_was_let_go_of(
    events: list[AnyEvent], data: st.DataObject
) -> None:
    gathering = Gathering()
    made = Candles().finest(recorded(events)).candles
    gathering.take([framed(made, LENGTHS_S[0])], 0)
    whole = gathering.rest()
    kept = {}
    for length_s, places in whole.levels.items():
        which = data.draw(st.lists(st.booleans(), min_size=len(places), max_size=len(places)))
        kept[length_s] = places.compress(np.array(which, bool))
    closed = Closed(whole.mints, whole.rows, kept)
    pages = paged(closed, number=0)
    assert plain(candles_of([*copied(pages.chunks)]) | unclosed(pages.left)) == plain(
        unclosed(closed)
    )
    assert pages.candles + len(pages.left) == len(closed)
