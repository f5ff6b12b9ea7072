"""Candles of segments: rows of which the last parts come later."""

from collections.abc import Mapping, Sequence

import msgspec

from adapters.archive.candle_source import Part, parts, until_of
from adapters.archive.segment import Content
from adapters.postgres.candle_load import CandleLoad
from curvetape.loads.making import ColumnLoad
from projections.candle_columns import Closed, Gathering, apart

LATE_S = 120
"""A candle is written once so much time has passed behind its end; what comes later is merged."""


class CandleMaking:
    """Candles are handed out when nothing is likely to come to them any more."""

    def __init__(self, *, late_s: int = LATE_S) -> None:
        self._gathering = Gathering()
        self._late_s = late_s

    def read(self, content: Content, abandoned: Mapping[int, int]) -> Sequence[Part]:
        """A segment's candles of the shortest interval."""
        return list(parts(content, abandoned))

    def made(self, read: Sequence[Part]) -> Closed:
        """The candles that a segment ends, and parts of those that had ended."""
        frames = [part.candles for part in read if len(part.candles)]
        closed = self._gathering.take(frames, until_of(read) - self._late_s)
        aside = [late for part in read for late in apart(part.aside)]
        return msgspec.structs.replace(closed, late=[*closed.late, *aside])

    def rest(self) -> Closed:
        """The candles that had not ended."""
        return self._gathering.rest()


LOAD = ColumnLoad(CandleLoad, CandleMaking)
