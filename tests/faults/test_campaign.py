"""Schedules of faults drawn from seeds: whatever they are, the log ends as the chain was."""

import asyncio
import json
import subprocess
import sys

import pytest

from adapters.embedded.nats import NatsServer
from curvetape.campaign.many import Result, run_many
from curvetape.campaign.running import Outcome, run_plan
from curvetape.campaign.schedule import SLOTS, Schedule, chain_of, schedule
from curvetape.campaign.verdict import judge
from curvetape.simulator.faults import Script
from curvetape.testing.checkout import ROOT
from domain.events import decode

SEEDS_EACH = 20
FIRSTS = range(0, 200, SEEDS_EACH)
JOBS = 2


@pytest.mark.parametrize("first", FIRSTS)
async def test_no_schedule_of_faults_loses_repeats_or_invents_anything(first: int) -> None:
    result = await run_many(range(first, first + SEEDS_EACH), jobs=JOBS)
    assert result.runs == SEEDS_EACH
    failed = {it.seed: it.problems for it in result.failures}
    assert failed == {}
    assert result.certificates > 10 * SEEDS_EACH


def test_a_seed_draws_the_same_schedule_each_time_and_others_draw_others() -> None:
    drawn = [schedule(seed, chain_of(seed)) for seed in range(12)]
    assert drawn == [schedule(seed, chain_of(seed)) for seed in range(12)]
    assert len({repr(each) for each in drawn}) == len(drawn)


async def test_a_log_that_lacks_an_event_or_a_certificate_is_found_out(
    fresh_nats: NatsServer,
) -> None:
    """The judge is tried on logs that are wrong: what always agrees proves nothing."""
    chain = chain_of(3)
    plan = Schedule(seed=3, script=Script(seed=3, endpoints=[[]]))
    end = await run_plan(chain, plan, fresh_nats)
    assert end.outcome.problems == []
    kinds = [decode(stored.payload).__class__.__name__ for stored in end.log]
    event, certificate = kinds.index("CurveTraded"), kinds.index("SlotConfirmed")
    last = chain.slots[SLOTS - 1]
    assert judge(end.log, chain, unobtainable=frozenset(), last=last).problems == []
    for place in (event, certificate):
        broken = [*end.log[:place], *end.log[place + 1 :]]
        assert judge(broken, chain, unobtainable=frozenset(), last=last).problems
    twice = [*end.log[: event + 1], end.log[event], *end.log[event + 1 :]]
    assert judge(twice, chain, unobtainable=frozenset(), last=last).problems


def test_results_add_up_and_name_the_seeds_that_failed() -> None:
    result = Result(first_seed=0, last_seed=1)
    result.add(Outcome(seed=0, seconds=1.0, problems=[], said=[]))
    result.add(Outcome(seed=1, seconds=2.0, problems=["it lacks an event"], said=[]))
    assert (result.runs, result.failed, result.slowest_seed) == (2, 1, 1)
    assert [failure.seed for failure in result.failures] == [1]
    assert "1 FAILED" in result.sentence()


async def test_the_command_explains_a_seed_and_counts_many() -> None:
    def campaign(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "curvetape.campaign", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    one = await asyncio.to_thread(campaign, "1")
    assert one.returncode == 0, one.stdout
    assert "endpoint 1: " in one.stdout
    assert one.stdout.rstrip().endswith("right")
    wrong = await asyncio.to_thread(campaign, "--seeds", "9-1")
    assert wrong.returncode == 2
    assert "write the first and the last seed, as in 0-99" in wrong.stderr


def test_a_result_can_be_written_and_read_again() -> None:
    import msgspec

    result = Result(first_seed=0, last_seed=9, runs=10)
    assert msgspec.convert(json.loads(msgspec.json.encode(result)), Result) == result
