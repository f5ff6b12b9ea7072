"""The product's own processes: started, watched, started again when they die, stopped together."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

RESTART_WAIT_S_MIN = 0.5
RESTART_WAIT_S_MAX = 30.0
STEADY_AFTER_S = 60.0
"""A process that lived this long starts again without having to wait for its earlier failures."""
STOP_WAIT_S_MAX = 15.0
TAIL_LINES = 8
TAIL_BYTES_MAX = 16_384

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to end this process when the one that started it dies, however it dies.

    Linux only; elsewhere a killed parent leaves its children to be stopped by hand.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """One process: its name, its command line and what it finds in its environment."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path


Say = Callable[[str], None]


class Roles:
    """Runs roles until told to stop; says what happens to them through `say`."""

    def __init__(self, roles: Sequence[Role], say: Say) -> None:
        self._roles = roles
        self._say = say
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    def start(self) -> None:
        """Start every role, each under its own watch."""
        for role in self._roles:
            self._tasks.append(asyncio.create_task(self._keep(role), name=role.name))

    async def stop(self) -> None:
        """End the roles in reverse order: asked first, killed after `STOP_WAIT_S_MAX`."""
        self._stopping = True
        for role in reversed(self._roles):
            process = self._running.get(role.name)
            if process is not None:
                await end(process)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, role: Role) -> None:
        wait_s = RESTART_WAIT_S_MIN
        while not self._stopping:
            started = time.monotonic()
            code = await self._run(role)
            if self._stopping:
                return
            if time.monotonic() - started >= STEADY_AFTER_S:
                wait_s = RESTART_WAIT_S_MIN
            self._say(f"{role.name} {ending(code)}; starting it again in {wait_s:g} s")
            for line in tail(role.log):
                self._say(f"  {role.name}: {line}")
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RESTART_WAIT_S_MAX)

    async def _run(self, role: Role) -> int:
        role.log.parent.mkdir(parents=True, exist_ok=True)
        with role.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *role.arguments,
                env={**os.environ, **role.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C in the terminal is ours to pass on, in order
                preexec_fn=die_with_parent,
            )
        self._running[role.name] = process
        return await process.wait()


async def end(process: asyncio.subprocess.Process) -> None:
    """Ask a process to stop, and kill it if it has not within `STOP_WAIT_S_MAX`."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_WAIT_S_MAX):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def tail(path: Path) -> list[str]:
    """The last lines of a log file."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES_MAX))
        return file.read().decode(errors="replace").splitlines()[-TAIL_LINES:]


async def until_signal(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `work` with an event that SIGINT or SIGTERM sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await work(stop)
