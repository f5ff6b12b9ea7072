"""However the mints are divided, the parts together hold what one runner would, each event once."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curvetape.testing.events import histories, recorded
from curvetape.testing.forks import decided_logs, forked
from domain.events import AnyEvent, CurveTraded, encode
from domain.log import Passed, Recorded, Stored
from domain.partition import Partition, decoded_of, partitions
from projections import candles, holders, portfolios, search, tokens
from projections.candles import Candles
from projections.holders import Holders
from projections.portfolios import Portfolios
from projections.projection import Projection
from projections.search import Search
from projections.settling import Settled, Settling
from projections.tokens import Tokens
from projections.trades import Trades

C = TypeVar("C")

SIZES = st.integers(1, 9)
PARTS = st.integers(1, 5)
DATA = st.data()

CORES: dict[str, tuple[Projection[Any], Callable[[Any, Any], Any]]] = {
    "candles": (Candles(), candles.merge),
    "trades": (Trades(), lambda first, second: sorted([*first, *second], key=lambda it: it.pos)),
    "tokens": (Tokens(), tokens.merge),
    "portfolios": (Portfolios(), portfolios.merge),
    "search": (Search(), search.merge),
    "holders": (Holders(), holders.merge),
}


@st.composite
def many_mints(draw: st.DrawFn) -> list[AnyEvent]:
    """A decided log whose trades are of several tokens."""
    return [
        _renamed(event, f"mint{draw(st.integers(0, 9))}")
        if isinstance(event, CurveTraded)
        else event
        for event in draw(decided_logs())
    ]


def _renamed(event: CurveTraded, mint: str) -> CurveTraded:
    return msgspec.structs.replace(event, mint=mint)


def read(events: Sequence[AnyEvent], partition: Partition) -> Sequence[Recorded | Passed]:
    stored = [Stored(number, encode(event)) for number, event in enumerate(events, 1)]
    found, fault = decoded_of(stored, partition)
    assert fault is None
    return found


def settle(
    log: Sequence[Recorded | Passed], size: int, partition: Partition | None = None
) -> list[Settled]:
    settling = Settling(partition=partition, settled_events_max=1_000)
    return [
        stretch for at in range(0, len(log), size) for stretch in settling.take(log[at : at + size])
    ]


def handed_out(stretches: Sequence[Settled]) -> list[Recorded]:
    return [each for stretch in stretches for each in stretch.events]


@given(many_mints(), PARTS, SIZES)
def test_the_parts_share_out_what_counts_and_settle_alike(
    events: list[AnyEvent], parts: int, size: int
) -> None:
    whole = settle(recorded(events), size)
    shares = [settle(read(events, it), size, it) for it in partitions(parts)]
    out = [each for stretches in shares for each in handed_out(stretches)]
    assert sorted(out, key=lambda it: it.sequence) == sorted(
        handed_out(whole), key=lambda it: it.sequence
    )
    for stretches in shares:
        assert [(it.after, it.sequence, it.reread_after, it.stop) for it in stretches] == [
            (it.after, it.sequence, it.reread_after, it.stop) for it in whole
        ]


@given(many_mints(), PARTS, SIZES, DATA)
def test_a_part_that_starts_again_anywhere_hands_out_the_rest(
    events: list[AnyEvent], parts: int, size: int, data: st.DataObject
) -> None:
    for partition in partitions(parts):
        log = read(events, partition)
        stretches = settle(log, size, partition)
        cut = data.draw(st.integers(0, len(stretches)))
        at, behind = (
            (stretches[cut - 1].sequence, stretches[cut - 1].reread_after) if cut else (0, 0)
        )
        again = Settling(partition=partition, settled_events_max=1_000)
        again.restore(log[behind:at])
        rest = [
            it
            for from_ in range(at, len(log), size)
            for it in again.take(log[from_ : from_ + size])
        ]
        assert handed_out(rest) == handed_out(stretches[cut:])


@pytest.mark.parametrize("name", CORES)
@given(history=histories(events_max=25), parts=PARTS, data=DATA)
def test_the_parts_rows_come_to_those_of_one_runner(
    name: str, history: list[AnyEvent], parts: int, data: st.DataObject
) -> None:
    """Each part is as far as it is, in batches of its own, and saves when it comes to that."""
    core, merge = CORES[name]
    log = data.draw(forked(history))
    saves = [
        core.apply(stretch.events)
        for partition in partitions(parts)
        for stretch in settle(read(log, partition), data.draw(SIZES), partition)
    ]
    rows = core.apply(())
    for changes in data.draw(st.permutations(saves)):
        rows = merge(rows, changes)
    expected = merge(core.apply(()), core.apply(handed_out(settle(recorded(log), 1_000))))
    assert rows == expected
