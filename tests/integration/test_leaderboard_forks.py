"""Forks, slots that are decided late and late events end in the same rankings, on a real Valkey."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.embedded.valkey import ValkeyServer
from adapters.valkey.client import Valkey
from adapters.valkey.reads import ValkeyLeaderboards
from curvetape.bootstrap import leaderboards
from curvetape.testing.events import histories
from curvetape.testing.forks import forked
from curvetape.testing.leaderboards import newest_s, stretched, valkey_of
from curvetape.testing.memory_log import MemoryLog
from domain.events import AnyEvent
from projections.ranking import RANKINGS, Ranking, Standing
from projections.runner import Runner
from projections.windows import WINDOWS_S, Window

LIMIT = 1_000


@pytest.fixture
async def valkey(valkey_server: ValkeyServer) -> AsyncIterator[Valkey]:
    async with valkey_of(valkey_server) as opened:
        yield opened


async def boards(valkey: Valkey, at_s: int) -> dict[tuple[Window, Ranking], Sequence[Standing]]:
    """Every ranking of every window."""
    reads = ValkeyLeaderboards(valkey)
    return {
        (window, ranking): list(await reads.board(ranking, window, at_s=at_s, limit=LIMIT))
        for window in WINDOWS_S
        for ranking in RANKINGS
    }


async def project(valkey: Valkey, log: MemoryLog, *, batch_max: int) -> None:
    await Runner(log, [leaderboards(valkey)], batch_max=batch_max).run(follow=False)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), events=histories(events_max=12), factor=st.sampled_from((1, 100, 2_000)))
async def test_forks_and_late_slots_end_in_the_rankings_of_a_history_without_them(
    valkey: Valkey, data: st.DataObject, events: list[Any], factor: int
) -> None:
    """Boards are asked for on the way, too, and the log comes in two parts to two runners."""
    history: list[AnyEvent] = stretched(events, factor)
    at_s = newest_s(history) + data.draw(st.integers(0, 4_000))
    disturbed = data.draw(forked(history))
    cut = data.draw(st.integers(0, len(disturbed)))
    batch_max = data.draw(st.sampled_from((1, 3, 500)))
    await valkey.one("FLUSHDB")
    await project(valkey, MemoryLog(history), batch_max=500)
    expected = await boards(valkey, at_s)
    await valkey.one("FLUSHDB")
    log = MemoryLog(disturbed[:cut])
    await project(valkey, log, batch_max=batch_max)
    await boards(valkey, at_s)
    log.add(*disturbed[cut:])
    await project(valkey, log, batch_max=batch_max)
    assert await boards(valkey, at_s) == expected
