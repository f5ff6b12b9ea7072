"""Roles are started again whatever ended them, and end when they are told to."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from curvetape import roles
from curvetape.roles import Role, Roles
from curvetape.testing.waiting import until

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(roles, "RESTART_WAIT_S_MIN", 0.1)
    return []


def role(folder: Path, program: str) -> Role:
    arguments = [sys.executable, "-c", program]
    return Role(name="it", arguments=arguments, environment={}, log=folder / "logs" / "it.log")


async def test_what_a_role_said_before_it_ended_is_told_once(
    tmp_path: Path, said: list[str]
) -> None:
    running = Roles([role(tmp_path, "print('the reason'); exit(3)")], said.append)
    running.start()

    async def ended_twice() -> bool:
        return sum("ended with exit code 3" in line for line in said) >= 2

    await until(ended_twice)
    await running.stop()
    ends = [number for number, line in enumerate(said) if "exit code" in line]
    assert said[ends[0] + 1 : ends[1]] == ["  it: the reason"]


async def test_a_role_that_cannot_be_started_is_told_and_tried_again(
    tmp_path: Path, said: list[str]
) -> None:
    (tmp_path / "logs").write_text("a file where the folder has to be")
    running = Roles([role(tmp_path, "import time; time.sleep(60)")], said.append)
    running.start()

    async def told() -> bool:
        return any("it could not be started" in line for line in said)

    async def runs() -> bool:
        return "it" in running.pids

    await until(told)
    (tmp_path / "logs").unlink()
    await until(runs)
    await running.stop()
    assert running.pids == {}


async def test_a_stop_that_is_cancelled_leaves_no_process(tmp_path: Path, said: list[str]) -> None:
    running = Roles([role(tmp_path, f"print('up', flush=True); {STUBBORN}")], said.append)
    running.start()

    async def runs() -> bool:
        log = tmp_path / "logs" / "it.log"
        return log.exists() and "up" in log.read_text()

    await until(runs)
    (process,) = running._running.values()
    await asyncio.sleep(0.2)  # to have the signal ignored
    stopping = asyncio.create_task(running.stop())
    await asyncio.sleep(0.2)
    assert process.poll() is None
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert process.returncode == -signal.SIGKILL
