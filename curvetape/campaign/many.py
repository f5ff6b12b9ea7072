"""Many schedules, each run by the next of some processes that is free."""

import asyncio
import os
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from typing import IO

import msgspec

from curvetape.campaign.running import Outcome
from curvetape.campaign.schedule import CHAIN_SEEDS

OUTCOME_S_MAX = 110.0
"""A process without an outcome for this long hangs; it is ended, and its seed has failed."""
LINE_BYTES_MAX = 16 << 20
ERRORS_BYTES_MAX = 4_000
FAILURES_KEPT_MAX = 1_000


class Failure(msgspec.Struct, frozen=True):
    """A seed whose run did not end well."""

    seed: int
    problems: list[str]


class Result(msgspec.Struct, kw_only=True):
    """What came of all of them."""

    first_seed: int
    last_seed: int
    runs: int = 0
    failed: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    slowest_seed: int = -1
    events: int = 0
    """Events that count, in all logs together."""
    retracted: int = 0
    certificates: int = 0
    revisions: int = 0
    gaps: int = 0
    """Slots' gaps that stayed, as they had to."""
    letters: int = 0
    whole: int = 0
    """Logs that begin with their chain's first block."""
    failures: list[Failure] = []

    def add(self, outcome: Outcome) -> None:
        """Count a run."""
        self.runs += 1
        if outcome.seconds > self.slowest_s:
            self.slowest_s, self.slowest_seed = outcome.seconds, outcome.seed
        if outcome.problems:
            self.failed += 1
            if len(self.failures) < FAILURES_KEPT_MAX:
                self.failures.append(Failure(outcome.seed, outcome.problems))
        if (verdict := outcome.verdict) is not None:
            self.events += verdict.events
            self.retracted += verdict.retracted
            self.certificates += verdict.certificates
            self.revisions += verdict.revisions
            self.gaps += len(verdict.gaps)
            self.letters += verdict.letters
            self.whole += verdict.is_whole

    def sentence(self) -> str:
        """All of it in a sentence."""
        failed = "none failed" if not self.failed else f"{self.failed:,} FAILED"
        return (
            f"seeds {self.first_seed} to {self.last_seed}: {self.runs:,} schedules, {failed}; "
            f"{self.certificates:,} certificates, {self.events:,} events that count, "
            f"{self.retracted:,} taken back, {self.gaps:,} gaps that nobody could fill"
        )


async def run_many(
    seeds: range, *, jobs: int, done: Callable[[Outcome, Result], None] = lambda *_: None
) -> Result:
    """Run each seed's schedule; `done` is called after each of them."""
    began_s = time.monotonic()
    result = Result(first_seed=seeds[0], last_seed=seeds[-1])
    firsts = sorted({max(seeds[0], seed - seed % CHAIN_SEEDS) for seed in seeds})
    waiting = deque(
        range(first, min(first - first % CHAIN_SEEDS + CHAIN_SEEDS, seeds.stop)) for first in firsts
    )

    def note(outcome: Outcome) -> None:
        result.add(outcome)
        result.seconds = round(time.monotonic() - began_s, 1)
        done(outcome, result)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(jobs, len(seeds))):
            tasks.create_task(_work(waiting, note))
    return result


async def _work(waiting: "deque[range]", note: Callable[[Outcome], None]) -> None:
    """Keep a process busy, and take another one for one that broke."""
    while waiting:
        with tempfile.TemporaryFile() as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "curvetape.campaign.worker"),
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                limit=LINE_BYTES_MAX,
            )
            try:
                with closing(_taken(waiting)) as taken:
                    for seed in taken:
                        outcome = await _outcome(process, seed)
                        note(outcome or _broken(seed, errors))
                        if outcome is None:
                            break
            finally:
                await _ended(process)


def _taken(waiting: "deque[range]") -> Generator[int, None, None]:
    """The seeds of one chain after the other; those of one that are left go back."""
    while waiting:
        seeds = deque(waiting.popleft())
        try:
            while seeds:
                yield seeds.popleft()
        finally:
            if seeds:
                waiting.appendleft(range(seeds[0], seeds[-1] + 1))


async def _outcome(process: Process, seed: int) -> Outcome | None:
    """None from a process that broke, or hangs."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{seed}\n".encode())
    try:
        async with asyncio.timeout(OUTCOME_S_MAX):
            line = await process.stdout.readline()
    except TimeoutError:
        return None
    return msgspec.json.decode(line, type=Outcome) if line.endswith(b"\n") else None


def _broken(seed: int, errors: IO[bytes]) -> Outcome:
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - ERRORS_BYTES_MAX))
    told = " ".join(errors.read().decode(errors="replace").split())
    what = f"its process broke, or gave no outcome within {OUTCOME_S_MAX:g} s: {told}"
    return Outcome(seed=seed, seconds=OUTCOME_S_MAX, problems=[what], said=[])


async def _ended(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(OUTCOME_S_MAX / 10):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
