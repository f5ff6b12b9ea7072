"""From where on a process that starts reads the log's end."""

import pytest

from api.live.beginning import BACK_MAX, BACK_MIN, beginning
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.reads import MemoryReads
from projections.reads import ProjectionPosition, ReadsUnavailableError

END = 1_000_000


class EndOfLog(MemoryLog):
    """Tells its ends only."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        self._ends = first, last

    async def first_sequence(self) -> int:
        return self._ends[0]

    async def last_sequence(self) -> int:
        return self._ends[1]


class Positions(MemoryReads):
    """Read models that stand at one place; or none that can be asked."""

    def __init__(self, reread_after: int | None) -> None:
        super().__init__()
        self._reread_after = reread_after

    async def positions(self) -> list[ProjectionPosition]:
        if self._reread_after is None:
            raise ReadsUnavailableError
        at = self._reread_after
        return [
            ProjectionPosition(name=name, version=1, sequence=at, reread_after=at)
            for name in ("trades", "tokens")
        ]


@pytest.mark.parametrize(
    ("first", "last", "reread_after", "floor"),
    [
        pytest.param(1, END, END, END - BACK_MIN, id="for-those-who-come-back"),
        pytest.param(1, END, END - 30_000, END - 30_000, id="what-read-models-lack"),
        pytest.param(1, END, 7, END - BACK_MAX, id="no-more-than-that"),
        pytest.param(1, END, None, END - BACK_MAX, id="no-read-model-answers"),
        pytest.param(END - 9, END, END, END - 10, id="the-log-let-go-of-the-rest"),
        pytest.param(END + 1, END, END, END, id="the-log-let-go-of-all"),
        pytest.param(1, 100, 100, 0, id="a-short-log"),
        pytest.param(1, 0, 0, 0, id="an-empty-log"),
    ],
)
async def test_a_start_reads_back_as_far_as_anybody_needs_and_the_log_goes(
    first: int, last: int, reread_after: int | None, floor: int
) -> None:
    found = await beginning(EndOfLog(first, last), Positions(reread_after))
    assert (found.floor, found.last) == (floor, last)
