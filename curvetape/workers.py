"""Several processes of the API on one socket, watched; they know nothing of each other."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping

from curvetape.roles import ending

WORKERS_MAX = 64
LISTEN_BACKLOG = 2_048
RESTART_WAIT_S_MIN = 0.5
RESTART_WAIT_S_MAX = 30.0
STEADY_AFTER_S = 60.0
STOP_WAIT_S_MAX = 15.0


def listening_on(host: str, port: int) -> socket.socket:
    """A socket that those share who inherit it; raises `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(LISTEN_BACKLOG)
    except OSError:
        made.close()
        raise
    return made


class Workers:
    """Runs `curvetape serve` so many times, each again when it ends.

    A worker ends when its standard input does, so none outlives this process, however that ends.
    """

    def __init__(
        self,
        count: int,
        shared: socket.socket,
        environment: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self._count = count
        self._shared = shared
        self._environment = environment
        self._say = say
        self._running: dict[int, Process] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop; then ends them all: asked first, killed after `STOP_WAIT_S_MAX`."""
        keeping = [asyncio.create_task(self._keep(number + 1)) for number in range(self._count)]
        try:
            await stop.wait()
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.wait(keeping)
            await self._end()

    async def _keep(self, number: int) -> None:
        wait_s = RESTART_WAIT_S_MIN
        while True:
            began_s = asyncio.get_running_loop().time()
            try:
                process = self._running[number] = await self._start()
                ended = ending(await process.wait())
            except OSError as error:  # no memory or processes left, for now
                ended = f"could not be started: {error}"
            if asyncio.get_running_loop().time() - began_s >= STEADY_AFTER_S:
                wait_s = RESTART_WAIT_S_MIN
            self._say(f"worker {number} {ended}; starting it again in {wait_s:g} s")
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RESTART_WAIT_S_MAX)

    async def _start(self) -> Process:
        number = self._shared.fileno()
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "curvetape",
            "serve",
            "--listening",
            str(number),
            stdin=PIPE,
            pass_fds=[number],
            env=os.environ | self._environment,
            start_new_session=True,  # a Ctrl-C in the terminal is for us to pass on
        )

    async def _end(self) -> None:
        living = [each for each in self._running.values() if each.returncode is None]
        for process in living:
            process.terminate()
        ends = [asyncio.create_task(process.wait()) for process in living]
        if ends:
            await asyncio.wait(ends, timeout=STOP_WAIT_S_MAX)
        for process in living:
            if process.returncode is None:
                process.kill()
                await process.wait()
