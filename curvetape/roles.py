"""The product's own processes: started, watched, started again when they die, stopped together."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from adapters.embedded.process import ended, kill_group, set_aside, spawn, tail

RESTART_WAIT_S_MIN = 0.5
RESTART_WAIT_S_MAX = 30.0
STEADY_AFTER_S = 60.0
"""A process that lived this long starts again without having to wait for its earlier failures."""
WATCH_WAIT_S = 0.2
STOP_WAIT_S_MAX = 15.0


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """One process: its name, its command line and what it finds in its environment."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path


Say = Callable[[str], None]


class Roles:
    """Runs roles until told to stop; says what happens to them through `say`.

    Start it from the main thread: the roles end when the thread that started them does.
    """

    def __init__(self, roles: Sequence[Role], say: Say) -> None:
        self._roles = roles
        self._say = say
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._watches: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start every role, each under its own watch."""
        self._watches = [asyncio.create_task(self._keep(role)) for role in self._roles]

    @property
    def pids(self) -> dict[str, int]:
        """The process id of every role that runs."""
        return {name: process.pid for name, process in self._running.items()}

    async def stop(self) -> None:
        """End the roles in reverse order: asked first, killed after `STOP_WAIT_S_MAX`.

        When cancelled, kills what is left.
        """
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        try:
            for role in reversed(self._roles):
                if (process := self._running.get(role.name)) is None:
                    continue
                process.terminate()
                if not await ended(process, wait_s_max=STOP_WAIT_S_MAX):
                    self._say(
                        f"{role.name} did not stop within {STOP_WAIT_S_MAX:g} s and was killed"
                    )
                    kill_group(process)
        finally:
            for process in self._running.values():
                kill_group(process)
            self._running.clear()

    async def _keep(self, role: Role) -> None:
        wait_s = RESTART_WAIT_S_MIN
        while True:
            started = time.monotonic()
            said_before = 0
            try:
                said_before = _ready(role.log)
                end = ending(await self._run(role))
            except OSError as error:
                end = f"could not be started: {error}"
            if time.monotonic() - started >= STEADY_AFTER_S:
                wait_s = RESTART_WAIT_S_MIN
            self._say(f"{role.name} {end}; starting it again in {wait_s:g} s")
            for line in tail(role.log, after=said_before):
                self._say(f"  {role.name}: {line}")
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RESTART_WAIT_S_MAX)

    async def _run(self, role: Role) -> int:
        process = spawn(
            role.arguments,
            log=role.log,
            ending=signal.SIGTERM,
            environment=role.environment,
        )
        self._running[role.name] = process
        while (code := process.poll()) is None:  # noqa: ASYNC110  # no event tells of its end
            await asyncio.sleep(WATCH_WAIT_S)
        del self._running[role.name]
        return code


def _ready(log: Path) -> int:
    """Make the log's folder, set a large log aside; how much the log holds already, in bytes."""
    log.parent.mkdir(parents=True, exist_ok=True)
    set_aside(log)
    return log.stat().st_size if log.exists() else 0


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
