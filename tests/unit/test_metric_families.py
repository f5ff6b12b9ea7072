"""Metrics say what a read model's status says."""

from collections.abc import Sequence
from typing import ClassVar

import pytest
from prometheus_client.core import Metric

from curvetape.metric_families import of_projections
from curvetape.metrics import rendered
from curvetape.testing.events import curve_traded
from curvetape.testing.memory_log import MemoryLog
from curvetape.testing.memory_store import MemoryStore
from domain.log import Entry, Recorded
from domain.partition import Partition
from projections.projection import Hosted, host
from projections.runner import ProjectionsStoppedError, Runner
from projections.saves import BUCKETS_S, Saves


class Picky:
    """Cannot apply every third event."""

    name: ClassVar = "picky"
    version: ClassVar = 3

    def apply(self, batch: Sequence[Recorded]) -> int:
        for each in batch:
            if each.sequence % 3 == 0:
                raise ValueError("it is a third one")
        return len(batch)


async def text(runner: Runner, head: int) -> str:
    async def families() -> list[Metric]:
        return list(of_projections(runner.standing(head), log_reachable=True))

    return (await rendered(families)).decode()


async def nothing(_entry: Entry) -> None:
    """Tell nobody."""


async def test_what_is_parked_is_counted_and_is_not_among_what_was_applied() -> None:
    log = MemoryLog([curve_traded(slot, "a") for slot in range(1, 11)])
    store: MemoryStore[int] = MemoryStore("picky")
    runner = Runner(log, [host(Picky(), store)], batch_max=4, tell=nothing)
    await runner.run(follow=False)
    said = await text(runner, 10)
    assert 'curvetape_projection_parked_events{projection="picky"} 3.0' in said
    assert 'curvetape_projection_events_total{projection="picky"} 7.0' in said
    assert 'curvetape_projection_batches_total{projection="picky"} 3.0' in said
    assert 'curvetape_projection_version{projection="picky"} 3.0' in said
    assert 'curvetape_projection_state{projection="picky",state="tail"} 1.0' in said
    assert 'curvetape_projection_lag_seconds{projection="picky"} 0.0' in said
    behind = await text(runner, 25)
    assert 'curvetape_projection_lag_events{projection="picky"} 15.0' in behind
    assert 'curvetape_projection_state{projection="picky",state="busy"} 1.0' in behind
    assert 'curvetape_projection_lag_seconds{projection="picky"} 0.0' not in behind


async def test_a_part_of_a_read_model_is_told_from_the_others() -> None:
    store, partition = MemoryStore[int]("picky"), Partition(2, 4)
    part = Hosted(Picky(), store, partition)  # type: ignore[arg-type]  # as `host` joins
    whole = host(Picky(), MemoryStore[int]("whole"))
    said = await text(Runner(MemoryLog(), [part, whole], partition=partition), 7)
    assert 'curvetape_projection_lag_events{part="2/4",projection="picky"} 7.0' in said
    assert 'curvetape_projection_lag_events{part="",projection="picky"} 7.0' in said


async def test_a_read_model_that_stopped_says_so() -> None:
    log = MemoryLog([curve_traded(slot, "a") for slot in range(1, 5)])
    store: MemoryStore[int] = MemoryStore("picky", checkpoint=0)
    runner = Runner(log, [host(Picky(), store)])
    with pytest.raises(ProjectionsStoppedError):
        await runner.run(follow=False)
    said = await text(runner, 4)
    assert 'curvetape_projection_state{projection="picky",state="stopped"} 1.0' in said


def test_saves_are_counted_in_the_bucket_that_they_end_in() -> None:
    saves = Saves()
    for seconds in (0.001, BUCKETS_S[0], 0.2, 60.0):
        saves.add(seconds)
    assert saves.counts[0] == 2
    assert saves.counts[BUCKETS_S.index(0.25)] == 1
    assert saves.counts[-1] == 1
    assert sum(saves.counts) == 4
