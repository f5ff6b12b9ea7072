"""Workers that decode: the same entries as without them, in order, whatever happens to them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from curvetape import decoding
from curvetape.decoding import INLINE_MAX, PART_MAX, Decoders
from curvetape.testing.simulated import first_blocks, views
from domain.chain import RawTransaction
from ingest.transaction import entries

END_S_MAX = 10.0


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "cores", lambda: 3)


@pytest.fixture(scope="module")
def transactions() -> list[RawTransaction]:
    made = [tx for block, _ in first_blocks(20) for tx in views(block)]
    assert len(made) > 2 * PART_MAX
    return made


def pids(decoders: Decoders) -> list[int]:
    return [worker.pid for worker in decoders.workers if worker.pid is not None]


@pytest.mark.usefixtures("two_cores")
async def test_workers_decode_to_the_same_entries_in_the_same_order(
    transactions: Sequence[RawTransaction],
) -> None:
    expected = [entries(tx) for tx in transactions]
    async with Decoders(2, say=print) as decoders:
        assert await decoders.decode(transactions) == expected
        few = transactions[:INLINE_MAX]
        assert await decoders.decode(few) == expected[:INLINE_MAX]
        assert await decoders.decode([]) == []
        assert len(pids(decoders)) == 2


@pytest.mark.usefixtures("two_cores")
async def test_what_a_killed_worker_had_is_decoded_again_by_a_new_one(
    transactions: Sequence[RawTransaction],
) -> None:
    expected = [entries(tx) for tx in transactions]
    said: list[str] = []
    async with Decoders(2, say=said.append) as decoders:
        await decoders.decode(transactions)
        for _ in range(3):
            before = pids(decoders)
            decoding_now = [asyncio.create_task(decoders.decode(transactions)) for _ in range(3)]
            await asyncio.sleep(0.005)
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            for one in decoding_now:
                assert await one == expected
            assert not set(before) & set(pids(decoders))
    assert len(said) >= 6
    assert "signal 9" in said[0]


@pytest.mark.usefixtures("two_cores")
async def test_what_no_worker_survives_is_decoded_without_one(
    transactions: Sequence[RawTransaction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    said: list[str] = []
    async with Decoders(1, say=said.append) as decoders:
        decoded = await decoders.decode(transactions[: INLINE_MAX + 1])
    assert decoded == [entries(tx) for tx in transactions[: INLINE_MAX + 1]]
    assert len(said) == decoding.TRIES_MAX


@pytest.mark.usefixtures("two_cores")
async def test_no_worker_is_left_behind_when_work_is_cancelled(
    transactions: Sequence[RawTransaction],
) -> None:
    async with Decoders(2, say=print) as decoders:
        started = pids(decoders)
        forgotten = asyncio.ensure_future(decoders.decode(transactions))
        await asyncio.sleep(0)
    assert forgotten.cancelled() or forgotten.done()
    assert not any(psutil.pid_exists(pid) for pid in started)
    assert not pids(decoders)


def test_workers_end_with_their_parent_even_when_it_is_killed() -> None:
    script = (
        "import asyncio, curvetape.decoding as d\n"
        "d.cores = lambda: 3\n"
        "async def main():\n"
        "    async with d.Decoders(2, say=print) as decoders:\n"
        "        print(*(worker.pid for worker in decoders.workers), flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        workers = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert len(workers) == 2
    _, alive = psutil.wait_procs(workers, timeout=END_S_MAX)
    assert not alive


async def test_on_one_core_everything_is_decoded_without_workers(
    transactions: Sequence[RawTransaction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "cores", lambda: 1)
    async with Decoders(4, say=print) as decoders:
        assert not decoders.workers
        assert await decoders.decode(transactions) == [entries(tx) for tx in transactions]
