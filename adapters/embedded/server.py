"""What every embedded server has in common: its folder, its start, its end."""

import asyncio
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from adapters.embedded.errors import NotReadyError, PortTakenError
from adapters.embedded.lock import lock_folder, name_holder
from adapters.embedded.ports import free_port, is_free
from adapters.embedded.process import Account, ended, kill_group, set_aside, spawn, tail

READY_WAIT_S_MAX = 60.0
READY_POLL_WAIT_S = 0.03
STOP_WAIT_S_MAX = 20.0
FOLDER_WAIT_S_MAX = 20.0
"""A server whose parent was killed needs a moment to end and to free its folder."""
PORT_TRIES_MAX = 3


class EmbeddedServer(ABC):
    """One server on one folder: `await start()`, `url`, `await stop()`, or `async with`.

    The methods are asynchronous but bound to no event loop: a server started under one loop may
    be stopped under another. Start it from the main thread, see `process.spawn`. A port of 0
    stands for a free one, which the object then keeps, so that clients find the server again
    after a restart. Output goes to `<folder>/<name>.log`.
    """

    name: ClassVar[str]
    ending: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, data_dir: Path, *, port: int = 0) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port
        self._port_is_ours = port == 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect to; complete once the server has been started."""

    @property
    def log(self) -> Path:
        """The file with the server's output."""
        return self.data_dir / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the process that was started is alive."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start and wait until the server answers; nothing happens if it already runs.

        Raises `FolderInUseError` where another server holds the folder, `PortTakenError` for a
        chosen port in use, and `NotReadyError`, with the log's last lines, for all else.
        """
        if self.running:
            return
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = await lock_folder(self.data_dir, wait_s_max=FOLDER_WAIT_S_MAX)
        try:
            set_aside(self.log)
            await self._prepare()
            await self._start_on_a_port(lock)
        except BaseException:
            self.kill()
            raise
        finally:
            os.close(lock)  # the server has inherited it and holds it from here on
        await self._started()

    async def stop(self) -> None:
        """Ask the server to end, kill it after `STOP_WAIT_S_MAX`, or when cancelled.

        Returns once nothing of it is left.
        """
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(self.ending)
            try:
                await ended(self._process, wait_s_max=STOP_WAIT_S_MAX)
            finally:
                self.kill()
        await self._folder_free()

    async def ailing(self) -> str | None:
        """Why it should be started again although it runs; None where nothing speaks for it."""
        return None

    def kill(self) -> None:
        """End the server at once, as a crash would; what it left is for the next start."""
        if self._process is not None:
            kill_group(self._process)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _folder_free(self) -> None:
        """Wait for the server's own children too: they hold the folder's lock as long as it."""
        os.close(await lock_folder(self.data_dir, wait_s_max=STOP_WAIT_S_MAX))

    async def _start_on_a_port(self, lock: int) -> None:
        for left in reversed(range(PORT_TRIES_MAX)):
            if self.port == 0:
                self._choose_ports()
            elif taken := self._ports_taken():
                raise PortTakenError(self.name, taken[0])
            self._process = spawn(
                self._command(),
                log=self.log,
                ending=self.ending,
                environment=self._environment(),
                account=self._account(),
                keep_open=[lock],
            )
            name_holder(lock, self._process.pid)
            if await self._wait_ready():
                return
            if left == 0 or not self._port_is_ours or not self._ports_taken():
                what = f"ended with code {self._process.returncode} before it answered"
                raise NotReadyError(self.name, what, self.log, tail(self.log))
            self.port = 0  # somebody was quicker; try another

    async def _wait_ready(self) -> bool:
        """Whether the server answers; False when its process ended."""
        deadline = time.monotonic() + READY_WAIT_S_MAX
        while time.monotonic() < deadline:
            if not self.running:
                return False
            if await self._answers():
                return True
            await asyncio.sleep(READY_POLL_WAIT_S)
        what = f"did not answer within {READY_WAIT_S_MAX:g} s"
        raise NotReadyError(self.name, what, self.log, tail(self.log))

    def _ports_taken(self) -> Sequence[int]:
        return [port for port in self._ports() if not is_free(port)]

    def _ports(self) -> Sequence[int]:
        return [self.port]

    def _choose_ports(self) -> None:
        self.port = free_port()

    async def _prepare(self) -> None:  # noqa: B027  # most servers make their folder themselves
        """Do what the folder needs before the first start."""

    async def _started(self) -> None:  # noqa: B027  # most servers are complete when they answer
        """Do what needs the answering server."""

    def _account(self) -> Account | None:
        return None

    def _environment(self) -> Mapping[str, str]:
        return {}

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @abstractmethod
    async def _answers(self) -> bool: ...
